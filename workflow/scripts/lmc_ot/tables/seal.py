"""Seals: a parquet file contains its own digest, so that any modification is detected.

The key-value metadata in the footer contain the SHA-256 of the whole file, computed with zeros
instead of the digest itself. Any parquet reader can read such a file. This library checks the seal
before it passes the file to a parser.
"""

import hashlib
import os
from collections.abc import Iterator
from functools import lru_cache
from pathlib import Path
from typing import BinaryIO

KEY = "lmc.sha256"
BLANK = "0" * 64
# The key and the header of a value of 64 bytes, in thrift's compact protocol.
_SLOT = KEY.encode() + b"\x18\x40"
_MAGIC = b"PAR1"


class BrokenSeal(ValueError):
    """The file is truncated, modified, or was never sealed; the message says which."""


def seal(path: str | os.PathLike) -> None:
    """Insert the digest into a file that was written with ``{KEY: BLANK}`` in its metadata."""
    with open(path, "r+b") as file:
        position = _position(file)
        digest = _digest(file, position)
        file.seek(position)
        file.write(digest.encode())


def stored(path: str | os.PathLike) -> str:
    """Return the digest that is stored in a sealed file. Raises BrokenSeal if there is none."""
    with open(path, "rb") as file:
        file.seek(_position(file))
        return file.read(len(BLANK)).decode()


def check(path: str | os.PathLike) -> None:
    """Raise BrokenSeal if the file differs from what was sealed.

    Results are cached: within a process, an unmodified file is checked only once.
    """
    about = os.stat(path)
    _check(Path(path), about.st_ino, about.st_size, about.st_mtime_ns)


@lru_cache(maxsize=4096)
def _check(path: Path, *_version: int) -> None:
    with open(path, "rb") as file:
        position = _position(file)
        file.seek(position)
        if file.read(len(BLANK)) != _digest(file, position).encode():
            raise BrokenSeal("modified since it was written")


def _position(file: BinaryIO) -> int:
    """Return the offset of the digest in the file."""
    size = file.seek(0, os.SEEK_END)
    file.seek(max(0, size - 8))
    length, magic = int.from_bytes(file.read(4), "little"), file.read(4)
    if size < 12 or magic != _MAGIC or length > size - 12:
        raise BrokenSeal("truncated, or not a parquet file")
    file.seek(size - 8 - length)
    footer = file.read(length)
    slot = footer.rfind(_SLOT)  # the last match: column statistics, which precede it, may match
    if slot < 0:
        raise BrokenSeal("modified, or not written by this workflow")
    return size - 8 - length + slot + len(_SLOT)


def _digest(file: BinaryIO, position: int) -> str:
    total = hashlib.sha256()
    file.seek(0)
    for block in _blocks(file, position):
        total.update(block)
    total.update(BLANK.encode())
    file.seek(position + len(BLANK))
    for block in _blocks(file, None):
        total.update(block)
    return total.hexdigest()


def _blocks(file: BinaryIO, stop: int | None) -> Iterator[bytes]:
    while block := file.read(1 << 20 if stop is None else min(1 << 20, stop - file.tell())):
        yield block
