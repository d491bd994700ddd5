"""Downloads the files of a data set that are missing; a file has its name only when it is whole."""

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

    A file that is there is left as it is; its reader checks it. The folder is written to only if
    a file is missing. A download that fails leaves nothing behind; of one that is killed, a folder
    ``unfinished-*`` stays, which nothing reads. Several processes may download at once.

    Parameters
    ----------
    dataset
        The data set's name, for the message.
    folder
        Where the files belong.
    md5
        File name -> its md5.
    mirrors
        Addresses to put before a file's name, tried one after another.
    holds
        The files or folders that a data folder must hold, for the message.

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
            # No network, a mirror that is down, a full disk; a wrong md5; a broken answer.
            except (OSError, RuntimeError, HTTPException) as error:
                reason = error
        if not os.path.isfile(folder / name):  # another process may have finished it meanwhile
            raise DataError(
                f"{dataset}: cannot download {name} ({one_line(reason)}): put "
                f"{', '.join(missing)} into {folder}, or point {ENVIRONMENT} (or data_dir in the "
                f"config) at a folder that holds {holds}"
            ) from reason


def _download(url: str, path: Path, md5: str) -> None:
    from torchvision.datasets.utils import download_url

    path.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=path.parent, prefix="unfinished-") as scratch:
        download_url(url, root=scratch, filename=path.name, md5=md5)
        os.replace(Path(scratch) / path.name, path)
