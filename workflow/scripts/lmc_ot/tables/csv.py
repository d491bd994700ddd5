"""Data frames as csv files, for readers and for figures; a separate digest file seals them."""

import hashlib
import io
from pathlib import Path

import numpy as np
import pandas as pd

from ..errors import TableError
from . import rebuild, replacing, write_text


def write_csv(path, frame: pd.DataFrame, digest=None) -> None:
    """Write a data frame as csv, with exact decimals; lists are joined by spaces.

    Parameters
    ----------
    digest
        File for the SHA-256 of the csv file, in the format of ``sha256sum``; None to skip it.
    """
    frame = frame.copy()
    for name in frame.columns:
        if frame[name].dtype == object:
            frame[name] = [
                " ".join(repr(float(x)) for x in value) if isinstance(value, np.ndarray) else value
                for value in frame[name]
            ]
    with replacing(path) as temporary:
        frame.to_csv(temporary, index=False, lineterminator="\n")
        total = hashlib.sha256(temporary.read_bytes()).hexdigest()
    if digest is not None:
        write_text(digest, f"{total}  {path}\n")


def read_csv(path, digest) -> pd.DataFrame:
    """Read a file written by `write_csv`. Raises TableError if it does not match its digest."""
    try:
        expected = Path(digest).read_text(encoding="utf-8", errors="replace").split()
        content = Path(path).read_bytes()
    except OSError as error:
        raise TableError(
            f"{error.filename}: {error.strerror}: {rebuild(error.filename)}"
        ) from error
    if expected[:1] != [hashlib.sha256(content).hexdigest()]:
        raise TableError(f"{path}: its content does not match {digest}: {rebuild(path)}")
    return pd.read_csv(io.BytesIO(content))
