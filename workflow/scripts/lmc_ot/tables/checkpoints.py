"""Networks as tables: one row per unit of a parameter."""

import math

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from ..errors import TableError, one_line
from .parquet import metadata, read, rebuild, write
from .schemas import SCHEMAS

Parameters = dict[str, np.ndarray]
"""One network: name in the state dict of its module -> float32 array in the tensor's own shape, in
the order of the state dict. Parameters and buffers of floating-point types, tied ones once."""


def write_checkpoints(
    path, networks: dict[int, Parameters], run: dict, device: str, diverged: list[int]
) -> None:
    """Write networks bit for bit, one row per unit and parameter, and their shapes as metadata.

    Parameters
    ----------
    networks
        Network number -> its parameters, without the diverged networks. All have the same shapes.
    diverged
        The numbers of the diverged networks, which are stored in the metadata.
    """
    numbers, names, units, lengths, values = [], [], [], [], []
    shapes: dict[str, list[int]] = {}
    for number, parameters in networks.items():
        for name, array in parameters.items():
            shapes[name] = list(array.shape)
            rows = np.ascontiguousarray(array, np.float32)
            rows = rows.reshape(_rows(rows.shape))
            numbers.append(np.full(len(rows), number, np.int32))
            names.extend([name] * len(rows))
            units.append(np.arange(len(rows), dtype=np.int32))
            lengths.append(np.full(len(rows), rows.shape[1], np.int32))
            values.append(rows.ravel())
    lengths = np.concatenate(lengths) if lengths else np.empty(0, np.int32)
    if lengths.sum(dtype=np.int64) >= 2**31:
        raise TableError(f"{path}: more than 2^31 weights: train fewer networks per learning rate")
    offsets = np.concatenate([[0], np.cumsum(lengths)]).astype(np.int32)
    flat = np.concatenate(values) if values else np.empty(0, np.float32)
    item = SCHEMAS["checkpoints"].field("values").type
    write(
        "checkpoints",
        path,
        {
            "network": np.concatenate(numbers) if numbers else [],
            "parameter": names,
            "unit": np.concatenate(units) if units else [],
            "values": pa.ListArray.from_arrays(pa.array(offsets), pa.array(flat), type=item),
        },
        run,
        device,
        diverged=sorted(diverged),
        shapes=shapes,
    )


def read_checkpoints(path, run: dict | None = None) -> dict[int, Parameters]:
    """Read networks as written by `write_checkpoints`.

    Parameters
    ----------
    run
        See `read`.

    Returns
    -------
    dict
        Network number -> its parameters. Diverged networks are not included.

    Raises
    ------
    TableError
        As for `read`; or the rows of a parameter are not those of an array of its shape.
    """
    table = read("checkpoints", path, run=run).combine_chunks()
    network, unit = (table[n].to_numpy() for n in ("network", "unit"))
    name = table["parameter"].to_numpy(zero_copy_only=False)
    if len(table) == 0:
        return {}
    shapes = metadata("checkpoints", path).get("shapes", {})
    values = table["values"].chunk(0)
    offsets, flat = values.offsets.to_numpy(), values.values.to_numpy()
    first = np.flatnonzero(np.r_[True, (np.diff(network) != 0) | (name[1:] != name[:-1])])
    networks: dict[int, Parameters] = {}
    for start, stop in zip(first, np.r_[first[1:], len(table)], strict=True):
        key = str(name[start])
        what = f"{path}: network {network[start]}, {key}"
        if not np.array_equal(unit[start:stop], np.arange(stop - start)):
            raise TableError(f"{what}: its units are not 0 .. {stop - start - 1}: {rebuild(path)}")
        widths = np.diff(offsets[start : stop + 1])
        shape = tuple(shapes.get(key, ()))
        if key not in shapes or _rows(shape) != (stop - start, widths[0]):
            raise TableError(f"{what}: its rows do not have the shape {shape}: {rebuild(path)}")
        if (widths != widths[0]).any():
            raise TableError(f"{what}: its rows differ in length: {rebuild(path)}")
        parameters = networks.setdefault(int(network[start]), {})
        if key in parameters:
            raise TableError(f"{what}: duplicate parameter: {rebuild(path)}")
        parameters[key] = flat[offsets[start] : offsets[stop]].reshape(shape).copy()
    return networks


def numbers_of(path) -> list[int]:
    """Return the numbers of the networks in a table of checkpoints, which is not checked.

    Raises TableError if the file cannot be read as one.
    """
    try:
        column = pq.read_table(path, columns=["network"])["network"]
    except (OSError, pa.ArrowException) as error:
        raise TableError(f"{path}: not a table of checkpoints: {one_line(error, 150)}") from error
    return sorted(column.unique().to_pylist())


def _rows(shape: tuple[int, ...]) -> tuple[int, int]:
    """Return the number of rows of an array and their length; a scalar is one row."""
    return (shape[0] if shape else 1), math.prod(shape[1:])
