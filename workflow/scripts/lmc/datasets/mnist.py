"""MNIST through torchvision: its download, its md5 checks, its reader."""

import tempfile
from pathlib import Path

import numpy as np

from ..errors import DataError
from .dataset import Dataset, Split
from .folder import ENVIRONMENT, data_folder


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
    from torchvision.datasets.utils import check_integrity

    raw = data_folder() / "MNIST" / "raw"
    with tempfile.TemporaryDirectory() as scratch:
        unpacked = Path(scratch) / "MNIST" / "raw"
        unpacked.mkdir(parents=True)
        missing = []
        for name, md5 in MNIST.resources:
            if not (raw / name).exists():
                missing.append(name)
            elif not check_integrity(str(raw / name), md5):
                raise DataError(
                    f"{raw / name}: corrupt (its md5 is not {md5}): delete it and run again"
                )
        if missing:
            _download(raw, missing)
        for name, _ in MNIST.resources:
            (unpacked / name).symlink_to((raw / name).resolve())
        train = MNIST(scratch, train=True, download=True)
        test = MNIST(scratch, train=False, download=False)
    return Dataset(train=_split(train), test=_split(test), classes=10, scale=255.0)


def _download(raw: Path, missing: list[str]) -> None:
    from torchvision.datasets import MNIST
    from torchvision.datasets.utils import download_url

    md5 = dict(MNIST.resources)
    for name in missing:
        for mirror in MNIST.mirrors:
            try:
                raw.mkdir(parents=True, exist_ok=True)
                download_url(f"{mirror}{name}", root=str(raw), filename=name, md5=md5[name])
                break
            except (OSError, RuntimeError):  # no network, a mirror that is down, a wrong md5
                (raw / name).unlink(missing_ok=True)
        else:
            raise DataError(
                f"MNIST: cannot download {name}: put {', '.join(missing)} into {raw}, "
                f"or point {ENVIRONMENT} (or data_dir in the config) at a folder that holds "
                f"MNIST/raw"
            )


def _split(torchvision_split) -> Split:
    return Split(
        images=np.ascontiguousarray(torchvision_split.data.numpy()),
        labels=torchvision_split.targets.numpy().astype(np.int64),
    )
