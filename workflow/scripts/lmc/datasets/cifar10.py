"""CIFAR-10 through torchvision: its download, its md5 checks, its reader."""

import tempfile
from pathlib import Path

import numpy as np

from ..errors import DataError
from .dataset import Dataset, Split
from .download import fetch
from .folder import data_folder


def cifar10() -> Dataset:
    """50,000 training and 10,000 test images of 32 x 32 pixels in RGB, 0 .. 255.

    The original archive is taken from the data folder if it is there, unpacked into a temporary
    folder, so the data folder may be read-only. If only its content is there
    (``cifar-10-batches-py``), that is used. Else torchvision downloads the archive.

    The files inside are pickles, which can run any code when they are loaded. torchvision loads
    one only if its md5 is that of the original.

    Raises
    ------
    DataError
        A file is corrupt (wrong md5), or missing and cannot be downloaded.
    """
    from torchvision.datasets import CIFAR10
    from torchvision.datasets.utils import extract_archive

    folder = data_folder()
    archive = folder / CIFAR10.filename
    if (folder / CIFAR10.base_folder).exists() and not archive.exists():
        return _read(folder)
    fetch(
        "CIFAR-10",
        folder,
        {CIFAR10.filename: CIFAR10.tgz_md5},
        [CIFAR10.url.removesuffix(CIFAR10.filename)],
        holds=f"it or its folder {CIFAR10.base_folder}",
    )
    with tempfile.TemporaryDirectory() as scratch:
        extract_archive(str(archive), scratch)
        return _read(Path(scratch))


def _read(folder: Path) -> Dataset:
    from torchvision.datasets import CIFAR10
    from torchvision.datasets.utils import check_integrity

    try:
        train = CIFAR10(folder, train=True, download=False)
        test = CIFAR10(folder, train=False, download=False)
    except RuntimeError as error:  # its word for a file that is missing or has another md5
        batches = folder / CIFAR10.base_folder
        md5 = dict([*CIFAR10.train_list, *CIFAR10.test_list])
        md5[CIFAR10.meta["filename"]] = CIFAR10.meta["md5"]
        bad = next((n for n in md5 if not check_integrity(str(batches / n), md5[n])), "")
        raise DataError(
            f"{batches / bad}: missing or corrupt (its md5 is not {md5.get(bad)}): delete "
            f"{batches} and run again"
        ) from error
    return Dataset(train=_split(train), test=_split(test), classes=10, scale=255.0)


def _split(torchvision_split) -> Split:
    return Split(
        images=np.ascontiguousarray(torchvision_split.data),
        labels=np.array(torchvision_split.targets, np.int64),
    )
