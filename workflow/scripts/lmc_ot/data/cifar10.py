"""CIFAR-10, read, verified and downloaded through torchvision."""

import os
import shutil
import tarfile
import tempfile
from contextlib import suppress
from pathlib import Path, PurePosixPath

import numpy as np

from ..errors import DataError
from .dataset import Dataset, Split
from .download import fetch
from .folder import data_folder

LARGEST_BATCH = 1 << 25  # bytes; an original file has 31 million
ROOM = "190 MB"  # of all unpacked files


def cifar10() -> Dataset:
    """Return CIFAR-10: 50,000 training and 10,000 test RGB images of 32 x 32 pixels, 0 .. 255.

    The folder ``cifar-10-batches-py`` in the data folder is used if it is present and intact.
    Otherwise the archive is unpacked into a temporary folder; it may use any compression and may
    also end in ``.tar``, since some browsers uncompress downloads. If neither is present,
    torchvision downloads the archive. The data folder may be read-only if nothing is missing.

    The files are pickles, which can execute arbitrary code when they are loaded. torchvision loads
    a file only if its md5 matches the original.

    Raises
    ------
    DataError
        A file is corrupt, or missing and cannot be downloaded, or the temporary folder is full.
    """
    from torchvision.datasets import CIFAR10

    folder = data_folder()
    archive, batches = folder / CIFAR10.filename, folder / CIFAR10.base_folder
    if not os.path.exists(archive) and os.path.isfile(archive.with_suffix("")):
        archive = archive.with_suffix("")
    wrong = _wrong(batches)
    if wrong is None:
        return _read(folder)
    if os.path.exists(batches) and not os.path.exists(archive):
        raise DataError(
            f"{batches / wrong}: missing or corrupt (its md5 is not {_md5()[wrong]}): delete "
            f"{batches} and run again"
        )
    fetch(
        "CIFAR-10",
        folder,
        {CIFAR10.filename: CIFAR10.tgz_md5} if archive.name == CIFAR10.filename else {},
        [CIFAR10.url.removesuffix(CIFAR10.filename)],
        holds=f"it or its folder {CIFAR10.base_folder}",
    )
    try:
        with tempfile.TemporaryDirectory() as scratch:
            unpacked = Path(scratch) / CIFAR10.base_folder
            _unpack(archive, unpacked)
            wrong = _wrong(unpacked)
            if wrong is None:
                return _read(unpacked.parent)
    except OSError as error:
        raise DataError(
            f"{archive}: cannot be unpacked into {tempfile.tempdir or 'a temporary folder'} "
            f"({error}): set TMPDIR to a folder with {ROOM} of free space"
        ) from error
    raise DataError(
        f"{archive}: corrupt (its file {wrong} is missing, or its md5 is not {_md5()[wrong]}): "
        "delete it and run again"
    )


def _md5() -> dict[str, str]:
    """Return the md5 of every file that torchvision reads, by file name."""
    from torchvision.datasets import CIFAR10

    meta = CIFAR10.meta
    return dict([*CIFAR10.train_list, *CIFAR10.test_list, (meta["filename"], meta["md5"])])


def _wrong(batches: Path) -> str | None:
    """Return the first file that is missing, unreadable or modified; None if all are intact."""
    from torchvision.datasets.utils import check_integrity

    for name, md5 in _md5().items():
        whole = False
        with suppress(OSError):
            whole = check_integrity(str(batches / name), md5)
        if not whole:
            return name
    return None


def _unpack(archive: Path, batches: Path) -> None:
    """Extract the batches from an archive into a new folder: only regular files of known names.

    From a damaged archive, everything readable is extracted. Raises OSError if the disk is full.
    """
    originals = _md5()
    batches.mkdir()
    try:
        with tarfile.open(archive) as members:
            for member in members:
                if member.size < 0:  # a damaged header: iteration would not advance
                    break
                name = PurePosixPath(member.name).name
                if name in originals and member.isreg() and member.size <= LARGEST_BATCH:
                    with open(batches / name, "wb") as file:
                        shutil.copyfileobj(members.extractfile(member), file)
    except Exception as error:  # tarfile raises many types of errors for damaged archives
        if getattr(error, "errno", None):  # an error of the operating system, such as a full disk
            raise


def _read(folder: Path) -> Dataset:
    from torchvision.datasets import CIFAR10

    train = CIFAR10(folder, train=True, download=False)
    test = CIFAR10(folder, train=False, download=False)
    return Dataset(train=_split(train), test=_split(test), classes=10, scale=255.0)


def _split(torchvision_split) -> Split:
    return Split(
        images=np.ascontiguousarray(torchvision_split.data),
        labels=np.array(torchvision_split.targets, np.int64),
    )
