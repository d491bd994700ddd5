"""The tables: their schemas, and the only code that reads and writes them.

Every table is a parquet file with a declared schema. It is written under a temporary name and
renamed, so a file under its final name is whole; it is sealed (`seal`), so a later change of it is
noticed. Its metadata say where it comes from (`provenance`). Reading checks what is read.
"""

import glob
import json
import os
import shlex
import tempfile
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from .datasets.dataset import Dataset, Split, Standardisation
from .errors import DataError, TableError
from .provenance import environment
from .seal import BLANK, KEY, BrokenSeal, check, seal

Parameters = dict[tuple[int, str], np.ndarray]
"""One network: ``(layer, name)`` -> float32. Layers count from 1. ``weight`` is (units, inputs),
one row a neuron; every other parameter (``bias``, a norm's ``scale``) is (units,)."""

METADATA_KEY = b"lmc"
# Rows of a row group: of a large one, arrow holds several copies while it writes.
ROWS_AT_ONCE = 8192
_RUN = [("experiment", pa.string()), ("learning_rate", pa.float64())]
_MATCH = [
    *_RUN,
    ("matcher", pa.string()),
    ("pair", pa.int32()),
    ("network_a", pa.int32()),
    ("network_b", pa.int32()),
]
_ENDPOINTS_AND_MEASURES = [
    f"{measure}_{metric}"
    for metric in ("loss", "accuracy")
    for measure in ("endpoint_a", "endpoint_b", "midpoint", "midpoint_barrier", "barrier", "area")
]


def _schema(*fields, nullable: Iterable[str] = ()) -> pa.Schema:
    return pa.schema([pa.field(name, kind, name in nullable) for name, kind in fields])


# The schema's fixed-size lists stand for lists of any one size: that of the data set's images.
ANY_WIDTH = pa.list_(pa.uint8(), 1)

SCHEMAS: dict[str, pa.Schema] = {
    # an example
    "dataset": _schema(
        ("split", pa.string()),
        ("image", ANY_WIDTH),
        ("label", pa.int16()),
    ),
    # a neuron: one row of a layer's weight matrix (and its bias)
    "checkpoints": _schema(
        ("network", pa.int32()),
        ("layer", pa.int32()),
        ("parameter", pa.string()),
        ("unit", pa.int32()),
        ("values", pa.list_(pa.field("item", pa.float32(), False))),
    ),
    # a network after an epoch, the training measures being means over it; epoch 0 is the
    # initialisation; seconds since the start of the networks that were trained as one stack
    "history": _schema(
        *_RUN,
        ("network", pa.int32()),
        ("epoch", pa.int32()),
        ("step_learning_rate", pa.float64()),
        ("train_loss", pa.float64()),
        ("train_accuracy", pa.float64()),
        ("test_loss", pa.float64()),
        ("test_accuracy", pa.float64()),
        ("seconds", pa.float64()),
        ("diverged", pa.bool_()),
        nullable=("train_loss", "train_accuracy", "test_loss", "test_accuracy"),
    ),
    # an example at a place in the image; a column layer_1, layer_2, ... for every hidden layer is
    # added: its units' activations, at that place if the layer has positions
    "activations": _schema(("example", pa.int32()), ("y", pa.float64()), ("x", pa.float64())),
    # a hidden unit of A, and the unit of B that is moved to its place
    "permutations": _schema(
        *_MATCH,
        ("layer", pa.int32()),
        ("unit", pa.int32()),
        ("permuted_unit", pa.int32()),
    ),
    # a layer of a pair: the similarity reached, and that of no permutation
    "objectives": _schema(
        *_MATCH,
        ("layer", pa.int32()),
        ("objective", pa.float64()),
        ("identity_objective", pa.float64()),
    ),
    # a layer of a network: the covariance that drives the matcher
    "dimensions": _schema(
        *_RUN,
        ("matcher", pa.string()),
        ("network", pa.int32()),
        ("layer", pa.int32()),
        ("centred", pa.bool_()),
        ("dimension", pa.float64()),
        ("trace", pa.float64()),
        ("largest_eigenvalue", pa.float64()),
    ),
    # a point of a path, its loss null if it is not finite; calibrated: running statistics were
    # measured anew for every network of it
    "path": _schema(
        *_MATCH,
        ("split", pa.string()),
        ("calibrated", pa.bool_()),
        ("t", pa.float64()),
        ("loss", pa.float64()),
        ("accuracy", pa.float64()),
        nullable=("loss",),
    ),
    # a measured value of an experiment on a theorem
    "theory": _schema(
        ("theory", pa.string()),
        ("quantity", pa.string()),
        ("series", pa.string()),
        ("size", pa.int64()),
        ("repetition", pa.int32()),
        ("value", pa.float64()),
    ),
    # an array of a training that goes on: its bytes, which need not be finite numbers
    "snapshot": _schema(
        ("name", pa.string()),
        ("dtype", pa.string()),
        ("shape", pa.list_(pa.field("item", pa.int64(), False))),
        ("content", pa.large_binary()),
    ),
    # a pair and a matcher, on a split; measures are null where a network diverged
    "results": _schema(
        *_MATCH,
        ("split", pa.string()),
        ("diverged", pa.bool_()),
        ("calibrated", pa.bool_()),
        *((measure, pa.float64()) for measure in _ENDPOINTS_AND_MEASURES),
        ("objective", pa.list_(pa.float64())),
        ("identity_objective", pa.list_(pa.float64())),
        ("dimension", pa.list_(pa.float64())),
        ("centred_dimension", pa.list_(pa.float64())),
        nullable=(
            *_ENDPOINTS_AND_MEASURES,
            "objective",
            "identity_objective",
            "dimension",
            "centred_dimension",
        ),
    ),
}

_TEMPORARY = ".part"

# Written without dictionaries and statistics: they only cost time on these columns.
_VALUE_COLUMNS = ("values", "image")


@contextmanager
def replacing(path: str | os.PathLike) -> Iterator[Path]:
    """A temporary path beside `path` that becomes `path` if the block succeeds, else vanishes.

    Temporaries that an earlier, killed process left for the same `path` vanish, too.

    Raises
    ------
    TableError
        The folder cannot be written to, or is full.
    """
    path = Path(path)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        # mkstemp puts eight characters between the two.
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


def write(
    kind: str, path, columns: dict, provenance: dict, device: str = "cpu", **metadata
) -> None:
    """Write a table.

    Parameters
    ----------
    kind
        A key of `SCHEMAS`.
    columns
        Column name -> array, list or pyarrow array; all of the schema's, no others. NaN stands
        for a missing value, and is only allowed where the schema allows null.
    provenance
        JSON object: experiment, config hash, seed, as the rule gives them.
    metadata
        More JSON values for the file's metadata.

    Raises
    ------
    TableError
        A value does not fit the schema, or the file cannot be written.
    """
    schema = SCHEMAS[kind]
    extra = [name for name in columns if name not in schema.names]
    if extra:
        raise TableError(f"{path}: column {extra[0]!r} does not belong to a table of {kind}")
    try:
        table = pa.table({name: _array(columns[name], schema.field(name)) for name in columns})
    except (pa.ArrowInvalid, pa.ArrowTypeError) as error:
        raise TableError(f"{path}: does not fit the schema {kind!r}: {error}") from error
    table = _checked(table, kind, path)
    with writer(kind, path, table.schema, provenance, device, **metadata) as out:
        out.write_table(table, row_group_size=ROWS_AT_ONCE)


def _array(values, field: pa.Field) -> pa.Array:
    if isinstance(values, pa.Array | pa.ChunkedArray):
        return values
    floating = pa.types.is_floating(field.type)
    if not floating and pa.types.is_integer(field.type):
        values = pa.array(values)  # its own type first: a cast refuses to cut a fraction off
        return values.cast(field.type)
    return pa.array(values, field.type, from_pandas=floating)


@contextmanager
def writer(
    kind: str, path, schema: pa.Schema, provenance: dict, device: str = "cpu", **metadata
) -> Iterator[pq.ParquetWriter]:
    """A parquet writer for a table that is streamed; `schema` may add layer columns."""
    about = {"table": kind, **provenance, **environment(device), **metadata}
    schema = schema.with_metadata({METADATA_KEY: json.dumps(about, sort_keys=True)})
    values = [n for n in schema.names if n in _VALUE_COLUMNS or n.startswith("layer_")]
    others = [n for n in schema.names if n not in values]
    split = {
        f"{n}.list.element": "BYTE_STREAM_SPLIT"
        for n in values
        if pa.types.is_float32(schema.field(n).type.value_type)
    }
    with replacing(path) as temporary:
        with pq.ParquetWriter(
            temporary,
            schema,
            compression="zstd",
            use_dictionary=[n for n in others if pa.types.is_string(schema.field(n).type)],
            write_statistics=others,
            column_encoding=split or None,
            store_schema=True,
        ) as out:
            yield out
            out.add_key_value_metadata({KEY: BLANK})
        seal(temporary)


def read(
    kind: str, path, columns: list[str] | None = None, provenance: dict | None = None
) -> pa.Table:
    """Read a table and check it: its seal, its schema, and that what must be finite is.

    Parameters
    ----------
    provenance
        The run that the file must come from, as it was given to `write`; None for any.

    Raises
    ------
    TableError
        The file is missing, truncated, changed, not parquet, of another kind or run, or does not
        fit its schema.
    """
    with _readable(kind, path, provenance) as (file, _):
        table = file.read(columns=columns)
    try:
        return _checked(table, kind, path, columns)
    except TableError as error:
        raise TableError(f"{error}: {rebuild(path)}") from error


def rebuild(path) -> str:
    """What to do about a file that cannot be used, as the end of an error's line."""
    path = Path(path)
    recorded = path.parent.name == "activations"  # the output of its rule is the folder
    what = f"-r {shlex.quote(str(path.parent))}" if recorded else shlex.quote(str(path))
    if not (path.parent if recorded else path).exists():
        return "run snakemake again"
    return f"rebuild it: `rm {what}`, then run snakemake again"


@contextmanager
def _readable(
    kind: str, path, provenance: dict | None = None
) -> Iterator[tuple[pq.ParquetFile, dict]]:
    """The open file and what it says of itself."""
    if not Path(path).is_file():
        raise TableError(f"{path}: no such file, it should be a table of {kind}: {rebuild(path)}")
    try:
        check(path)
        with pq.ParquetFile(path) as file:
            about = json.loads((file.schema_arrow.metadata or {}).get(METADATA_KEY, b"{}"))
            if about.get("table") != kind:
                raise TableError(
                    f"{path}: is a table of {about.get('table', 'something else')}, "
                    f"not of {kind}: {rebuild(path)}"
                )
            _check_run(path, about, provenance or {})
            yield file, about
    except BrokenSeal as error:
        raise TableError(f"{path}: {error}: {rebuild(path)}") from error
    except (pa.ArrowException, OSError, ValueError) as error:
        reason = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise TableError(
            f"{path}: not a readable parquet file ({reason}): {rebuild(path)}"
        ) from error


# What says of which run a file is. A file that does not say it, as a data set, is of any run.
RUN_KEYS = ("experiment", "config_hash", "seed")


def _check_run(path, about: dict, wanted: dict) -> None:
    for key in RUN_KEYS:
        if key in wanted and key in about and about[key] != wanted[key]:
            raise TableError(
                f"{path}: is of another run: its {key} is {about[key]!r}, not {wanted[key]!r}: "
                f"{rebuild(path)}"
            )


def metadata(kind: str, path, provenance: dict | None = None) -> dict:
    """What a file says of itself: its provenance, and what its kind adds. Raises TableError."""
    with _readable(kind, path, provenance) as (_, about):
        return about


def _fits(found: pa.DataType, wanted: pa.DataType) -> bool:
    if pa.types.is_fixed_size_list(wanted):
        return pa.types.is_fixed_size_list(found) and found.value_type == wanted.value_type
    if pa.types.is_list(wanted):
        return pa.types.is_list(found) and found.value_type == wanted.value_type
    return found == wanted


def _checked(table: pa.Table, kind: str, path, columns: list[str] | None = None) -> pa.Table:
    schema = SCHEMAS[kind]
    wanted = [n for n in schema.names if columns is None or n in columns]
    for name in wanted:
        if name not in table.column_names:
            raise TableError(f"{path}: column {name!r} of a table of {kind} is missing")
        field, column = schema.field(name), table.column(name)
        if not _fits(column.type, field.type):
            raise TableError(f"{path}: column {name!r} is {column.type}, {field.type} is wanted")
        if column.null_count and not field.nullable:
            raise TableError(f"{path}: column {name!r} has {column.null_count} missing values")
        _check_finite(column, f"{path}: column {name!r}")
    extra = [n for n in table.column_names if n not in schema.names]
    if extra and kind != "activations":
        raise TableError(f"{path}: column {extra[0]!r} does not belong to a table of {kind}")
    if len(table) == 0 and kind not in _MAY_BE_EMPTY:
        raise TableError(f"{path}: has no rows")
    return table.select([*wanted, *extra])


# Every network of a learning rate can diverge: then there is nothing to match or to measure.
_MAY_BE_EMPTY = ("checkpoints", "permutations", "objectives", "dimensions", "path")


def _check_finite(column: pa.ChunkedArray, what: str) -> None:
    if pa.types.is_list(column.type) or pa.types.is_fixed_size_list(column.type):
        column = pa.chunked_array([chunk.flatten() for chunk in column.chunks] or [[]])
    if pa.types.is_floating(column.type):
        values = column.drop_null().to_numpy()
        if not np.isfinite(values).all():
            raise TableError(
                f"{what} has {np.sum(~np.isfinite(values))} values that are not finite"
            )


# -- data sets -------------------------------------------------------------------------------


def write_dataset(path, dataset: Dataset, provenance: dict) -> None:
    """Write a data set, the training split first."""
    splits = dataset.splits
    pixels = np.concatenate([s.images.reshape(len(s.images), -1) for s in splits.values()])
    write(
        "dataset",
        path,
        {
            "split": [name for name, s in splits.items() for _ in range(len(s.labels))],
            "image": pa.FixedSizeListArray.from_arrays(pa.array(pixels.ravel()), pixels.shape[1]),
            "label": np.concatenate([s.labels for s in splits.values()]).astype(np.int16),
        },
        provenance,
        shape=list(dataset.shape),
        classes=dataset.classes,
        scale=dataset.scale,
        standardisation=dataset.standardisation and asdict(dataset.standardisation),
    )


def read_dataset(path) -> Dataset:
    """Read a data set. Raises TableError, also where its labels or shapes contradict it."""
    table, about = read("dataset", path), metadata("dataset", path)
    names = table["split"].to_numpy(zero_copy_only=False)
    labels = table["label"].to_numpy().astype(np.int64)
    images = _matrix(table["image"], np.uint8)
    try:
        shape = tuple(about["shape"])
        images = images.reshape(len(labels), *shape)
        train, test = (
            Split(images[names == split], labels[names == split]) for split in ("train", "test")
        )
        # A table made before there was this option is of images that are not standardised.
        given = about.get("standardisation")
        standardisation = given and Standardisation(tuple(given["mean"]), tuple(given["deviation"]))
        return Dataset(train, test, about["classes"], about["scale"], standardisation)
    except KeyError as error:
        raise TableError(f"{path}: its metadata lack {error}") from error
    except (ValueError, DataError) as error:
        raise TableError(f"{path}: {error}") from error


def _matrix(column: pa.ChunkedArray, dtype) -> np.ndarray:
    """A column of lists of one length as an array (rows, length)."""
    if pa.types.is_fixed_size_list(column.type):
        width = column.type.list_size
        parts = [chunk.flatten().to_numpy(zero_copy_only=False) for chunk in column.chunks]
        flat = np.concatenate(parts) if parts else np.empty(0)
        return flat.astype(dtype, copy=False).reshape(-1, width)
    raise TypeError(column.type)


# -- checkpoints -----------------------------------------------------------------------------


def write_checkpoints(
    path, networks: dict[int, Parameters], provenance: dict, device: str, diverged: list[int]
) -> None:
    """Write networks, one row a neuron, bit for bit.

    Parameters
    ----------
    networks
        Network number -> its parameters. A diverged network is not among them.
    diverged
        The numbers of the networks that diverged; they go into the metadata.
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
        raise TableError(f"{path}: more than 2^31 weights: train fewer networks at a learning rate")
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
        provenance,
        device,
        diverged=sorted(diverged),
    )


def read_checkpoints(path, provenance: dict | None = None) -> dict[int, Parameters]:
    """Network number -> its parameters, as written; diverged networks are not there.

    Parameters
    ----------
    provenance
        See `read`.

    Raises
    ------
    TableError
        As `read`; or the units of a parameter are not 0, 1, 2, ..., or its rows differ in length.
    """
    table = read("checkpoints", path, provenance=provenance).combine_chunks()
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
            raise TableError(f"{what}: is there twice")
        parameters[key] = rows.copy() if key[1] == "weight" else rows[:, 0].copy()
    return networks


# -- activations -----------------------------------------------------------------------------


@contextmanager
def activation_writer(
    path, widths: list[int], provenance: dict, device: str
) -> Iterator[Callable[[dict[str, np.ndarray], list[np.ndarray]], None]]:
    """Stream activations to a file: call what this yields with a batch after another.

    A batch is what the samples are, the schema's columns, (n,) each, and a float32 array
    (n, width) for every hidden layer. Each batch becomes a row group, so neither side holds more
    than a batch in memory.
    """
    layers = [
        pa.field(f"layer_{i}", pa.list_(pa.field("element", pa.float32()), width))
        for i, width in enumerate(widths, start=1)
    ]
    schema = pa.schema([*SCHEMAS["activations"], *layers])
    with writer("activations", path, schema, provenance, device, widths=widths) as out:

        def write_batch(samples: dict[str, np.ndarray], batch: list[np.ndarray]) -> None:
            arrays = [pa.array(samples[f.name], f.type) for f in SCHEMAS["activations"]] + [
                pa.FixedSizeListArray.from_arrays(
                    pa.array(np.ascontiguousarray(values, np.float32).ravel()), type=field.type
                )
                for values, field in zip(batch, layers, strict=True)
            ]
            out.write_table(pa.table(arrays, schema=out.schema))

        yield write_batch


class ActivationFile:
    """A network's recorded activations, read one layer and one row group at a time.

    Parameters
    ----------
    path
        A file that `activation_writer` wrote.
    provenance
        See `read`.
    """

    def __init__(self, path, provenance: dict | None = None):
        self.path = path
        about = metadata("activations", path, provenance)
        self.widths: list[int] = about["widths"]

    def examples(self) -> np.ndarray:
        """The numbers of the recorded training examples, int (n,)."""
        return read("activations", self.path, ["example"])["example"].to_numpy()

    def batches(self, layer: int) -> Iterator[np.ndarray]:
        """The activations of one hidden layer, float32 (n, width) at a time.

        Raises
        ------
        TableError
            The file does not hold that layer, or its values are not finite.
        """
        name = f"layer_{layer}"
        with _readable("activations", self.path) as (file, _):
            if name not in file.schema_arrow.names:
                raise TableError(f"{self.path}: column {name!r} of activations is missing")
            for group in range(file.num_row_groups):
                column = file.read_row_group(group, columns=[name])[name]
                _check_finite(column, f"{self.path}: column {name!r}")
                yield _matrix(column, np.float32)


# -- rows, data frames, text -----------------------------------------------------------------


def write_rows(
    kind: str, path, rows: list[dict], provenance: dict, device: str = "cpu", **metadata
) -> None:
    """Write a table given as rows, each with all of the schema's columns. Raises TableError."""
    columns = {name: [row[name] for row in rows] for name in SCHEMAS[kind].names}
    write(kind, path, columns, provenance, device, **metadata)


def read_all(kind: str, paths: Iterable) -> "pandas.DataFrame":  # noqa: F821
    """Several tables of a kind, one after another, as a data frame.

    Raises
    ------
    TableError
        As `read`; or two files of an experiment are of different runs.
    """
    runs, found = {}, []
    for path in paths:
        about = metadata(kind, path)
        found.append(read(kind, path, provenance=runs.setdefault(about.get("experiment"), about)))
    return pa.concat_tables(found).to_pandas()


def write_text(path, text: str) -> None:
    """Write a text file."""
    with replacing(path) as temporary:
        temporary.write_text(text)
