"""Download the missing files of a data set, atomically."""

import os
import tempfile
from collections.abc import Iterable
from http.client import HTTPException
from pathlib import Path

from ..errors import DataError, one_line
from .folder import ENVIRONMENT


def fetch(
    dataset: str, folder: Path, md5: dict[str, str], mirrors: Iterable[str], holds: str
) -> None:
    """Download the files that are missing from a folder.

    Existing files are not touched; their reader verifies them. The folder is written to only if a
    file is missing. A failed download leaves nothing behind; a killed one leaves a folder
    ``unfinished-*``, which is never read. Several processes may download at the same time.

    Parameters
    ----------
    dataset
        The name of the data set, for the error message.
    folder
        The folder of the files.
    md5
        File name -> its md5.
    mirrors
        URLs to prepend to a file's name, tried in order.
    holds
        What the data folder must contain, for the error message.

    Raises
    ------
    DataError
        Files are missing and cannot be downloaded.
    """
    missing = [name for name in md5 if not os.path.isfile(folder / name)]
    for name in missing:
        reason = None
        for mirror in mirrors:
            try:
                _download(f"{mirror}{name}", folder / name, md5[name])
                break
            # In this order: no network, mirror down or disk full; wrong md5; malformed response.
            except (OSError, RuntimeError, HTTPException) as error:
                reason = error
        if not os.path.isfile(folder / name):  # another process may have downloaded it
            raise DataError(
                f"{dataset}: cannot download {name} ({one_line(reason)}): put "
                f"{', '.join(missing)} into {folder}, or point {ENVIRONMENT} (or data_dir in the "
                f"config) to a folder that contains {holds}"
            ) from reason


def _download(url: str, path: Path, md5: str) -> None:
    from torchvision.datasets.utils import download_url

    path.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=path.parent, prefix="unfinished-") as scratch:
        download_url(url, root=scratch, filename=path.name, md5=md5)
        os.replace(Path(scratch) / path.name, path)
