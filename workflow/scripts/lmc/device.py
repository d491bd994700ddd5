"""Where the arithmetic runs."""

import ctypes
import sys

import torch

from .errors import ConfigError


def resolve(name: str) -> torch.device:
    """``auto``: CUDA, else MPS, else the CPU; or the device of that name.

    Raises
    ------
    ConfigError
        That device is not there.
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
    return torch.device(name)


def describe(device: torch.device) -> str:
    """The device's name for a file's provenance."""
    if device.type == "cuda":
        return f"cuda ({torch.cuda.get_device_name(device)})"
    return device.type


def keep_large_buffers() -> None:
    """Ask glibc to keep freed temporaries of up to 32 MB instead of returning them.

    A training step frees and takes the same large buffers again; faulting them in anew costs up
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
