"""Recorded activations: one column per tap of the network, written and read batch by batch."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager

import numpy as np
import pyarrow as pa

from ..errors import TableError
from . import parquet
from .schemas import SCHEMAS

PREFIX = "tap_"  # of the columns


@contextmanager
def activation_writer(
    path, widths: dict[str, int], run: dict, device: str
) -> Iterator[Callable[[dict[str, np.ndarray], list[np.ndarray]], None]]:
    """Stream activations to a file, batch by batch, through the function that is yielded.

    The function takes the samples (the schema's columns, each of shape (n,)) and one float32 array
    of shape (n, width) per value, whose names and widths are given. Each batch becomes a row group,
    so writer and reader hold only one batch in memory.
    """
    taps = [
        pa.field(f"{PREFIX}{name}", pa.binary(4 * width), False) for name, width in widths.items()
    ]
    schema = pa.schema([*SCHEMAS["activations"], *taps])
    with parquet.writer("activations", path, schema, run, device, widths=widths) as out:

        def write_batch(samples: dict[str, np.ndarray], batch: list[np.ndarray]) -> None:
            arrays = [pa.array(samples[f.name], f.type) for f in SCHEMAS["activations"]]
            arrays += [parquet.as_bytes(values.astype(np.float32, copy=False)) for values in batch]
            out.write_table(pa.table(arrays, schema=out.schema))

        yield write_batch


class ActivationFile:
    """A network's recorded activations, read one value and one row group at a time.

    Parameters
    ----------
    path
        A file written by `activation_writer`.
    run
        See `read`.
    """

    def __init__(self, path, run: dict | None = None):
        self.path = path
        about = parquet.metadata("activations", path, run)
        self.widths: dict[str, int] = about["widths"]

    def examples(self) -> np.ndarray:
        """Return the indices of the recorded training examples, int (n,)."""
        return parquet.read("activations", self.path, ["example"])["example"].to_numpy()

    def batches(self, value: str) -> Iterator[np.ndarray]:
        """Yield the activations at one tap in batches, float32 (n, width).

        Raises
        ------
        TableError
            The file does not contain the value, or a value is not finite.
        """
        name = f"{PREFIX}{value}"
        with parquet.readable("activations", self.path) as (file, _):
            if name not in file.schema_arrow.names:
                raise TableError(f"{self.path}: column {name!r} of activations is missing")
            expected, found = pa.binary(4 * self.widths[value]), file.schema_arrow.field(name).type
            if found != expected:
                raise TableError(
                    f"{self.path}: column {name!r} is {found}, expected {expected}: "
                    f"{parquet.rebuild(self.path)}"
                )
            for group in range(file.num_row_groups):
                column = file.read_row_group(group, columns=[name])[name]
                values = parquet.from_bytes(column, np.dtype(np.float32))
                parquet.check_finite_array(values, f"{self.path}: column {name!r}")
                yield values
