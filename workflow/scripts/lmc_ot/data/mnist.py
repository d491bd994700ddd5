"""MNIST: its four files, compressed or not, are downloaded if necessary, verified and read."""

import gzip
import os
import zlib
from contextlib import suppress
from hashlib import sha256
from itertools import product
from pathlib import Path

import numpy as np

from ..errors import DataError
from .dataset import Dataset, Split
from .download import fetch
from .folder import data_folder

# Digests of the uncompressed files, since the md5 of a .gz file depends on the compressor.
SHA256 = {
    "train-images-idx3-ubyte": "ba891046e6505d7aadcbbe25680a0738ad16aec93bde7f9b65e87a2fc25776db",
    "train-labels-idx1-ubyte": "65a50cbbf4e906d70832878ad85ccda5333a97f0f4c3dd2ef09a8a9eef7101c5",
    "t10k-images-idx3-ubyte": "0fa7898d509279e482958e8ce81c8e77db3f2f8254e26661ceb7762c4d494ce7",
    "t10k-labels-idx1-ubyte": "ff7bcfd416de33731a308c3f266cc351222c34898ecbeaf847f06e48f7ec33f2",
}
MOST_BYTES = 1 << 26  # limit on bytes read per file; the largest original has 47 million


def mnist() -> Dataset:
    """Return MNIST: 60,000 training and 10,000 test images of 28 x 28 pixels, 0 .. 255.

    Each of the four files is read from ``<data folder>/MNIST/raw``, with or without .gz; a missing
    file is downloaded there. Existing files are not modified: they are unpacked in memory.

    Raises
    ------
    DataError
        A file is corrupt, or files are missing and cannot be downloaded.
    """
    from torchvision.datasets import MNIST

    raw = data_folder() / "MNIST" / "raw"
    md5 = dict(MNIST.resources)
    there = [n for n in md5 if os.path.isfile(raw / n) or os.path.isfile(_plain(raw / n))]
    contents = {name: _content(raw / name, md5[name]) for name in there}
    missing = {name: md5[name] for name in md5 if name not in there}
    fetch("MNIST", raw, missing, MNIST.mirrors, holds="MNIST/raw")
    contents |= {name: _content(raw / name, md5[name]) for name in missing}
    train_images, train_labels, test_images, test_labels = (contents[name] for name in md5)
    return Dataset(
        train=_split(train_images, train_labels),
        test=_split(test_images, test_labels),
        classes=10,
        scale=255.0,
    )


def _plain(packed: Path) -> Path:
    """Return the name of a .gz file after decompression."""
    return packed.with_suffix("")


def _content(packed: Path, md5: str) -> bytes:
    """Return the uncompressed content of an existing file, with or without .gz.

    The content is accepted if its SHA-256 is that of the original, or if the .gz file has the md5
    that torchvision expects.
    """
    from torchvision.datasets.utils import check_integrity

    plain = _plain(packed)
    # Browsers may uncompress a file without changing its name, so try both names both ways.
    for path, opened in product((plain, packed), (open, gzip.open)):
        with suppress(OSError, EOFError, zlib.error), opened(path, "rb") as file:
            content = file.read(MOST_BYTES)
            if sha256(content).hexdigest() == SHA256[plain.name]:
                return content
            if opened is gzip.open and check_integrity(str(path), md5):
                return content
    corrupt = packed if os.path.isfile(packed) else plain
    raise DataError(
        f"{corrupt}: corrupt or unreadable (its content differs from MNIST's {plain.name}): "
        "delete it and run again"
    )


def _split(images: bytes, labels: bytes) -> Split:
    """Parse the two files of a split: a header of 16 or 8 bytes, then one byte per value."""
    return Split(
        images=np.frombuffer(images, np.uint8, offset=16).reshape(-1, 28, 28).copy(),
        labels=np.frombuffer(labels, np.uint8, offset=8).astype(np.int64),
    )
