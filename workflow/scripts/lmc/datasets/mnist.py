"""MNIST through torchvision: its download, its md5 checks, its reader."""

import tempfile
from pathlib import Path

import numpy as np

from .dataset import Dataset, Split
from .download import fetch
from .folder import data_folder


def mnist() -> Dataset:
    """60,000 training and 10,000 test images of 28 x 28 pixels, 0 .. 255.

    The four original .gz files are taken from ``<data folder>/MNIST/raw`` if they are there,
    else torchvision downloads them into it. They are unpacked into a temporary folder, so the
    data folder may be read-only.

    Raises
    ------
    DataError
        A file is corrupt (wrong md5), or files are missing and cannot be downloaded.
    """
    from torchvision.datasets import MNIST

    raw = data_folder() / "MNIST" / "raw"
    fetch("MNIST", raw, dict(MNIST.resources), MNIST.mirrors, holds="MNIST/raw")
    with tempfile.TemporaryDirectory() as scratch:
        unpacked = Path(scratch) / "MNIST" / "raw"
        unpacked.mkdir(parents=True)
        for name, _ in MNIST.resources:
            (unpacked / name).symlink_to((raw / name).resolve())
        train = MNIST(scratch, train=True, download=True)
        test = MNIST(scratch, train=False, download=False)
    return Dataset(train=_split(train), test=_split(test), classes=10, scale=255.0)


def _split(torchvision_split) -> Split:
    return Split(
        images=np.ascontiguousarray(torchvision_split.data.numpy()),
        labels=torchvision_split.targets.numpy().astype(np.int64),
    )
