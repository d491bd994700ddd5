"""Where the arithmetic runs."""

import ctypes
import sys
from collections.abc import Callable, Sequence
from typing import TypeVar

import torch

from ..errors import ConfigError, UserError

Item = TypeVar("Item")
Result = TypeVar("Result")


def resolve(name: str) -> torch.device:
    """``auto``: CUDA, else MPS, else the CPU; or the device of that name.

    Raises
    ------
    ConfigError
        The device is not available.
    """
    available = {
        "cuda": torch.cuda.is_available(),
        "mps": torch.backends.mps.is_available(),
        "cpu": True,
    }
    if name == "auto":
        name = next(device for device, there in available.items() if there)
    if not available.get(name.split(":")[0], False):
        raise ConfigError(f"device: {name!r} is not available here: use auto or cpu")
    # cuDNN would round float32 convolutions to ten bits of mantissa.
    torch.backends.cudnn.allow_tf32 = False
    # Some of its algorithms sum in an order that varies.
    torch.backends.cudnn.deterministic = True
    return torch.device(name)


def describe(device: torch.device) -> str:
    """The device's name for a file's provenance."""
    if device.type == "cuda":
        return f"cuda ({torch.cuda.get_device_name(device)})"
    return device.type


def run_in_batches(
    items: Sequence[Item],
    at_once: int | None,
    run: Callable[[Sequence[Item]], Result],
    what: str,
    report: Callable[[str], None] = print,
) -> list[Result]:
    """Run on batches of items, halving the batch size after an out-of-memory error.

    Parameters
    ----------
    items
        Networks or points of a path: no result may depend on which of them run together.
    at_once
        How many to begin with; None for all.
    what
        What the items are, for the messages.
    report
        Called with a line when there must be fewer.

    Returns
    -------
    One result per batch of items, in order.

    Raises
    ------
    UserError
        There is not enough memory for one item.
    """
    at_once = max(1, min(at_once or len(items), len(items)))
    results: list[Result] = []
    start = 0
    while start < len(items):
        batch = items[start : start + at_once]
        try:
            results.append(run(batch))
            start += len(batch)
            continue
        except torch.OutOfMemoryError:
            # Leave the handler first: its traceback holds the tensors that filled the memory.
            pass
        if len(batch) == 1:
            raise UserError(
                f"device: not enough memory for one of the {what}: set device: cpu, or "
                f"use a device with more memory or a smaller batch"
            )
        at_once = (len(batch) + 1) // 2
        if torch.cuda.is_available():
            torch.cuda.empty_cache()
        report(f"out of memory with {len(batch)} {what} at once: halving to {at_once}")
    return results


def keep_large_buffers() -> None:
    """Ask glibc to keep freed temporaries of up to 32 MB instead of returning them.

    A training step frees and takes the same large buffers again; faulting them in again costs up
    to half of its time. Does nothing where there is no glibc.
    """
    if sys.platform != "linux":
        return
    try:
        mallopt = ctypes.CDLL(None).mallopt
    except AttributeError:
        return
    trim_threshold, mmap_threshold, largest = -1, -3, 32 << 20
    mallopt(mmap_threshold, largest)
    mallopt(trim_threshold, 1 << 30)
