"""Tables: the files that jobs exchange. No other code reads or writes them.

Schemas; parquet and csv files; checkpoints, activations and permutations as tables; seals.
Files are written atomically. Reading a modified file, or one from another run, fails.
"""

from .activations import ActivationFile, activation_writer
from .checkpoints import Parameters, read_checkpoints, write_checkpoints
from .files import replacing, write_text
from .parquet import (
    METADATA_KEY,
    digest,
    keep,
    kept_rows,
    metadata,
    read,
    read_all,
    rebuild,
    write,
    write_rows,
)
from .schemas import SCHEMAS

__all__ = [
    "METADATA_KEY",
    "SCHEMAS",
    "ActivationFile",
    "Parameters",
    "activation_writer",
    "digest",
    "keep",
    "kept_rows",
    "metadata",
    "read",
    "read_all",
    "read_checkpoints",
    "rebuild",
    "replacing",
    "write",
    "write_checkpoints",
    "write_rows",
    "write_text",
]
