"""The files of a data set: those that are there are checked, the others downloaded."""

from collections.abc import Iterable
from contextlib import contextmanager, suppress
from http.client import HTTPException
from pathlib import Path

from ..errors import DataError
from .folder import ENVIRONMENT


def fetch(
    dataset: str, folder: Path, md5: dict[str, str], mirrors: Iterable[str], holds: str
) -> None:
    """See to it that files are in a folder, whole.

    A file that is there is never replaced or deleted. The folder is written to only if a file is
    missing; a download that fails leaves nothing behind.

    Parameters
    ----------
    dataset
        The data set's name, for the message.
    folder
        Where the files belong.
    md5
        File name -> its md5.
    mirrors
        What stands before a file's name in its address; tried one after another.
    holds
        What a data folder that has the files holds, for the message.

    Raises
    ------
    DataError
        A file is corrupt (wrong md5), or files are missing and cannot be downloaded.
    """
    from torchvision.datasets.utils import check_integrity, download_url

    missing = [name for name in md5 if not (folder / name).exists()]
    for name in md5:
        if name not in missing and not check_integrity(str(folder / name), md5[name]):
            raise DataError(
                f"{folder / name}: corrupt (its md5 is not {md5[name]}): delete it and run again"
            )
    for name in missing:
        reason = None
        for mirror in mirrors:
            try:
                folder.mkdir(parents=True, exist_ok=True)
                with _removed_on_failure(folder / name):
                    download_url(f"{mirror}{name}", root=str(folder), filename=name, md5=md5[name])
                break
            # No network, a mirror that is down, a full disk; a wrong md5; a broken answer.
            except (OSError, RuntimeError, HTTPException) as error:
                reason = error
        else:
            said = " ".join(str(reason).split()) or type(reason).__name__
            raise DataError(
                f"{dataset}: cannot download {name} ({said}): put {', '.join(missing)} into "
                f"{folder}, or point {ENVIRONMENT} (or data_dir in the config) at a folder that "
                f"holds {holds}"
            ) from reason


@contextmanager
def _removed_on_failure(path: Path):
    try:
        yield
    except BaseException:  # an interrupt too: the next run would find half a file
        with suppress(OSError):
            path.unlink()
        raise
