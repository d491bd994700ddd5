"""Networks as tables: one row per unit of a parameter."""

import numpy as np
import pyarrow as pa

from ..errors import TableError
from .parquet import read, write
from .schemas import SCHEMAS

Parameters = dict[tuple[int, str], np.ndarray]
"""One network: ``(layer, name)`` -> float32 array, with layers numbered from 1. ``weight`` has
shape (units, inputs), one row per neuron; all others (``bias``, a norm's ``scale``) (units,)."""


def write_checkpoints(
    path, networks: dict[int, Parameters], run: dict, device: str, diverged: list[int]
) -> None:
    """Write networks bit for bit, one row per neuron and parameter.

    Parameters
    ----------
    networks
        Network number -> its parameters, without the diverged networks.
    diverged
        The numbers of the diverged networks, which are stored in the metadata.
    """
    numbers, layers, names, units, lengths, values = [], [], [], [], [], []
    for number, parameters in networks.items():
        for (layer, name), array in parameters.items():
            rows = np.ascontiguousarray(array, np.float32).reshape(len(array), -1)
            numbers.append(np.full(len(rows), number, np.int32))
            layers.append(np.full(len(rows), layer, np.int32))
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
            "layer": np.concatenate(layers) if layers else [],
            "parameter": names,
            "unit": np.concatenate(units) if units else [],
            "values": pa.ListArray.from_arrays(pa.array(offsets), pa.array(flat), type=item),
        },
        run,
        device,
        diverged=sorted(diverged),
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
        As for `read`; or the units of a parameter are not 0, 1, 2, ..., or its rows differ in
        length.
    """
    table = read("checkpoints", path, run=run).combine_chunks()
    network, layer, unit = (table[n].to_numpy() for n in ("network", "layer", "unit"))
    name = table["parameter"].to_numpy(zero_copy_only=False)
    if len(table) == 0:
        return {}
    values = table["values"].chunk(0)
    offsets, flat = values.offsets.to_numpy(), values.values.to_numpy()
    first = np.flatnonzero(
        np.r_[True, (np.diff(network) != 0) | (np.diff(layer) != 0) | (name[1:] != name[:-1])]
    )
    networks: dict[int, Parameters] = {}
    for start, stop in zip(first, np.r_[first[1:], len(table)], strict=True):
        key = (int(layer[start]), str(name[start]))
        what = f"{path}: network {network[start]}, layer {key[0]}, {key[1]}"
        if not np.array_equal(unit[start:stop], np.arange(stop - start)):
            raise TableError(f"{what}: its units are not 0 .. {stop - start - 1}")
        widths = np.diff(offsets[start : stop + 1])
        if (widths != widths[0]).any():
            raise TableError(f"{what}: its rows differ in length")
        rows = flat[offsets[start] : offsets[stop]].reshape(stop - start, widths[0])
        parameters = networks.setdefault(int(network[start]), {})
        if key in parameters:
            raise TableError(f"{what}: duplicate parameter")
        parameters[key] = rows.copy() if key[1] == "weight" else rows[:, 0].copy()
    return networks
