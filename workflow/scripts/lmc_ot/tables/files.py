"""Atomic writing: files are written under a temporary name and renamed when they are complete."""

import glob
import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from ..errors import TableError

_TEMPORARY = ".part"


@contextmanager
def replacing(path: str | os.PathLike) -> Iterator[Path]:
    """Yield a temporary path next to `path`, which replaces `path` if the block succeeds.

    If the block fails, the temporary file is deleted, as are temporary files for the same `path`
    that an earlier, killed process left behind.

    Raises
    ------
    TableError
        The folder is not writable, or the disk is full.
    """
    path = Path(path)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        # mkstemp inserts eight random characters between prefix and suffix.
        for left in path.parent.glob(f".{glob.escape(path.name)}.????????{_TEMPORARY}"):
            left.unlink(missing_ok=True)
        handle, name = tempfile.mkstemp(prefix=f".{path.name}.", suffix=_TEMPORARY, dir=path.parent)
        os.close(handle)
    except OSError as error:
        raise TableError(f"{path}: cannot be written: {error.strerror or error}") from error
    temporary = Path(name)
    try:
        yield temporary
        with open(temporary, "rb") as file:
            os.fsync(file.fileno())
        os.chmod(temporary, 0o666 & ~_umask())
        os.replace(temporary, path)
    except OSError as error:
        raise TableError(f"{path}: cannot be written: {error.strerror or error}") from error
    finally:
        temporary.unlink(missing_ok=True)


def _umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask


def write_text(path, text: str) -> None:
    """Write a text file atomically."""
    with replacing(path) as temporary:
        temporary.write_text(text, encoding="utf-8")
