"""The torch device: selection, memory, and batches that fit into it."""

import ctypes
import sys
from collections.abc import Callable, Sequence
from typing import TypeVar

import torch

from ..errors import ConfigError, UserError

Item = TypeVar("Item")
Result = TypeVar("Result")


def resolve(name: str) -> torch.device:
    """Return the device of that name; ``auto`` is the first available of CUDA, MPS and CPU.

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
    # With TF32, cuDNN rounds float32 convolutions to a mantissa of ten bits.
    torch.backends.cudnn.allow_tf32 = False
    # Some algorithms of cuDNN sum in varying order, which changes results between runs.
    torch.backends.cudnn.deterministic = True
    return torch.device(name)


def describe(device: torch.device) -> str:
    """Return the name of the device for a file's provenance."""
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
    """Run a function on batches of items, halving the batch size after an out-of-memory error.

    Parameters
    ----------
    items
        Networks or points of a path. Results must not depend on how the items are batched.
    at_once
        The initial batch size; None for all items.
    run
        Called with each batch.
    what
        The plural name of the items, for messages.
    report
        Called with a line of text when the batch size is halved.

    Returns
    -------
    list
        One result per batch, in order.

    Raises
    ------
    UserError
        There is not enough memory for a single item.
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
            # Continue outside the handler: the traceback keeps the large tensors alive.
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
    """Make glibc keep freed buffers of up to 32 MB instead of returning them to the system.

    Every training step frees and allocates the same large buffers; page faults would take up to
    half of its time. Without glibc, this does nothing.
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
