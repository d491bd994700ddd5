"""Parquet files with a declared schema, a seal, and metadata on their provenance."""

import json
import math
import shlex
import shutil
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from ..environment import environment
from ..errors import TableError
from .files import replacing
from .schemas import BYTES, OTHER_TYPES, SCHEMAS
from .seal import BLANK, KEY, BrokenSeal, check, seal, stored

METADATA_KEY = b"lmc"
# Rows per row group. Arrow holds several copies of a row group in memory while writing it.
ROWS_AT_ONCE = 8192


def write(kind: str, path, columns: dict, run: dict, device: str = "cpu", **metadata) -> None:
    """Write a table.

    Parameters
    ----------
    kind
        The kind of table, a key of `SCHEMAS`.
    columns
        Column name -> array, list or pyarrow array, for exactly the columns of the schema. NaN
        denotes a missing value and is allowed only in nullable columns. Columns that `run`
        contains may be left out.
    run
        The identity of the run, a JSON object with experiment, axis, value, config hash and seed
        as passed by the rule. It is stored in the file's metadata.
    metadata
        Further JSON values for the file's metadata.

    Raises
    ------
    TableError
        A value does not fit the schema, or the file cannot be written.
    """
    schema = SCHEMAS[kind]
    extra = [name for name in columns if name not in schema.names]
    if extra:
        raise TableError(f"{path}: column {extra[0]!r} does not belong to a table of {kind}")
    length = len(next(iter(columns.values()))) if columns else 0
    of_run = {name: [run[name]] * length for name in schema.names if name in run}
    columns = of_run | columns
    try:
        table = pa.table({name: _array(columns[name], schema.field(name)) for name in columns})
    except (pa.ArrowInvalid, pa.ArrowTypeError) as error:
        raise TableError(f"{path}: does not fit the schema {kind!r}: {error}") from error
    table = _checked(table, kind, path)
    with writer(kind, path, table.schema, run, device, **metadata) as out:
        out.write_table(table, row_group_size=ROWS_AT_ONCE)


def _array(values, field: pa.Field) -> pa.Array:
    if isinstance(values, pa.Array | pa.ChunkedArray):
        return values
    floating = pa.types.is_floating(field.type)
    if not floating and pa.types.is_integer(field.type):
        values = pa.array(values)  # infer the type first: the cast then rejects fractions
        return values.cast(field.type)
    return pa.array(values, field.type, from_pandas=floating)


@contextmanager
def writer(
    kind: str, path, schema: pa.Schema, run: dict, device: str = "cpu", **metadata
) -> Iterator[pq.ParquetWriter]:
    """Open a parquet writer for a streamed table; `schema` may add one column per tap."""
    about = {"table": kind, **run, **environment(device), **metadata}
    schema = schema.with_metadata({METADATA_KEY: json.dumps(about, sort_keys=True)})
    of_bytes = [f.name for f in schema if pa.types.is_fixed_size_binary(f.type)]
    # Dictionaries and statistics of values cost time and are of no use.
    others = [n for n in schema.names if n not in (*of_bytes, "values")]
    split = {"values.list.element": "BYTE_STREAM_SPLIT"} if "values" in schema.names else None
    with replacing(path) as temporary:
        with pq.ParquetWriter(
            temporary,
            schema,
            compression="lz4" if of_bytes else "zstd",  # less compact, but read faster
            use_dictionary=[n for n in others if pa.types.is_string(schema.field(n).type)],
            write_statistics=others,
            column_encoding=split,
            store_schema=True,
        ) as out:
            yield out
            out.add_key_value_metadata({KEY: BLANK})
        seal(temporary)


def read(kind: str, path, columns: list[str] | None = None, run: dict | None = None) -> pa.Table:
    """Read a table after checking its seal, its run, its schema and that its values are finite.

    Parameters
    ----------
    columns
        The columns to read; None for all.
    run
        The run that the file must come from, as passed to `write`; None accepts any run.

    Raises
    ------
    TableError
        The file is missing, truncated, modified or not parquet, is of another kind or run, or
        does not fit its schema.
    """
    with readable(kind, path, run) as (file, _):
        table = file.read(columns=columns)
    try:
        return _checked(table, kind, path, columns)
    except TableError as error:
        raise TableError(f"{error}: {rebuild(path)}") from error


def rebuild(path) -> str:
    """Return the end of an error about an unusable file: how to rebuild the file."""
    path = Path(path)
    recorded = path.parent.name == "activations"  # here the rule's output is the folder
    what = f"-r {shlex.quote(str(path.parent))}" if recorded else shlex.quote(str(path))
    if not (path.parent if recorded else path).exists():
        return "run snakemake again"
    return f"rebuild it: `rm {what}`, then run snakemake again"


@contextmanager
def readable(kind: str, path, run: dict | None = None) -> Iterator[tuple[pq.ParquetFile, dict]]:
    """Open a table after checking its seal, kind and run; yield the file and its metadata."""
    if not Path(path).is_file():
        raise TableError(f"{path}: no such file, expected a table of {kind}: {rebuild(path)}")
    try:
        check(path)
        with pq.ParquetFile(path) as file:
            about = json.loads((file.schema_arrow.metadata or {}).get(METADATA_KEY, b"{}"))
            if about.get("table") != kind:
                raise TableError(
                    f"{path}: expected a table of {kind}, not of "
                    f"{about.get('table', 'something else')}: {rebuild(path)}"
                )
            _check_run(path, about, run or {})
            yield file, about
    except BrokenSeal as error:
        raise TableError(f"{path}: {error}: {rebuild(path)}") from error
    except (pa.ArrowException, OSError, ValueError) as error:
        reason = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise TableError(
            f"{path}: not a readable parquet file ({reason}): {rebuild(path)}"
        ) from error


# The metadata that identify a file's run. A file without them, such as a data set, may be used in
# any run.
RUN_KEYS = ("experiment", "axis", "value", "config_hash", "seed")


def _check_run(path, about: dict, run: dict) -> None:
    for key in RUN_KEYS:
        if key in run and key in about and about[key] != run[key]:
            raise TableError(
                f"{path}: from another run: its {key} is {about[key]!r}, expected {run[key]!r}: "
                f"{rebuild(path)}"
            )


def metadata(kind: str, path, run: dict | None = None) -> dict:
    """Return a file's metadata: its provenance and further values. Raises TableError as `read`."""
    with readable(kind, path, run) as (_, about):
        return about


def digest(kind: str, path) -> str:
    """Return the SHA-256 of a table, as stored in its seal. Raises TableError as `read`."""
    with readable(kind, path):
        return stored(path)


def kept_rows(kind: str, path, run: dict, made_from: dict[str, str]) -> dict[str, list[dict]]:
    """Return the rows of a table's previous version, saved by `keep`, that are still valid.

    Parameters
    ----------
    path
        The table that is being rewritten.
    run
        The run that the previous version must come from.
    made_from
        Matcher -> a hash of everything that its rows depend on. A matcher's rows are valid if the
        previous version has the same hash in its metadata ``made_from``.

    Returns
    -------
    dict
        Matcher -> its valid rows in the format of `write_rows`, without the columns in `run`.
        Empty if there is no readable previous version.
    """
    try:
        before = metadata(kind, _kept(path), run).get("made_from", {})
        columns = [name for name in SCHEMAS[kind].names if name not in run]
        rows = read(kind, _kept(path), columns).to_pylist()
    except TableError:
        return {}
    return {
        matcher: [row for row in rows if row["matcher"] == matcher]
        for matcher, hashed in made_from.items()
        if before.get(matcher) == hashed
    }


def keep(path) -> None:
    """Save a table for `kept_rows` in the folder ``kept`` next to it.

    Snakemake's ``update`` flag is not an alternative: after a failed job it restores the old
    output with a time stamp newer than all inputs, and then treats it as current.
    """
    with replacing(_kept(path)) as temporary:
        shutil.copyfile(path, temporary)


def _kept(path) -> Path:
    return Path(path).parent / "kept" / Path(path).name


def _fits(actual: pa.DataType, declared: pa.DataType) -> bool:
    if pa.types.is_fixed_size_binary(declared):
        return pa.types.is_fixed_size_binary(actual)
    if pa.types.is_list(declared):
        return pa.types.is_list(actual) and actual.value_type == declared.value_type
    return actual == declared


def _checked(table: pa.Table, kind: str, path, columns: list[str] | None = None) -> pa.Table:
    schema = SCHEMAS[kind]
    expected = [n for n in schema.names if columns is None or n in columns]
    for name in expected:
        if name not in table.column_names:
            raise TableError(f"{path}: column {name!r} of a table of {kind} is missing")
        field, column = schema.field(name), table.column(name)
        other = OTHER_TYPES.get((kind, name), field.type)
        if not _fits(column.type, field.type) and not _fits(column.type, other):
            wanted = "bytes of fixed size" if field.type == BYTES else field.type
            raise TableError(f"{path}: column {name!r} is {column.type}, expected {wanted}")
        if column.null_count and not field.nullable:
            raise TableError(f"{path}: column {name!r} has {column.null_count} missing values")
        check_finite(column, f"{path}: column {name!r}")
    extra = [n for n in table.column_names if n not in schema.names]
    if extra and kind != "activations":
        raise TableError(f"{path}: column {extra[0]!r} does not belong to a table of {kind}")
    if len(table) == 0 and kind not in _MAY_BE_EMPTY:
        raise TableError(f"{path}: has no rows")
    return table.select([*expected, *extra])


# These are empty if all networks of a setting diverged: nothing can then be matched or measured.
_MAY_BE_EMPTY = ("checkpoints", "permutations", "objectives", "dimensions", "path", "merged")


def check_finite(column: pa.ChunkedArray, what: str) -> None:
    """Raise TableError if a floating-point column, or column of lists, has NaN or inf."""
    if pa.types.is_list(column.type):
        column = pa.chunked_array([chunk.flatten() for chunk in column.chunks] or [[]])
    if pa.types.is_floating(column.type):
        check_finite_array(column.drop_null().to_numpy(), what)


def check_finite_array(values: np.ndarray, what: str) -> None:
    """Raise TableError if floating-point values contain NaN or inf."""
    if not np.isfinite(values).all():
        raise TableError(f"{what} has {np.sum(~np.isfinite(values))} values that are not finite")


def as_bytes(values: np.ndarray) -> pa.Array:
    """Convert an array, (rows, ...), to a column of `schemas.BYTES`."""
    values = np.ascontiguousarray(values)
    size = values.itemsize * math.prod(values.shape[1:])
    buffers = [None, pa.py_buffer(values)]
    return pa.FixedSizeBinaryArray.from_buffers(pa.binary(size), len(values), buffers)


def from_bytes(column: pa.ChunkedArray, dtype) -> np.ndarray:
    """Convert a column of `schemas.BYTES` to an array, (rows, numbers), which may be read-only."""
    size = column.type.byte_width
    if size % dtype.itemsize:
        raise ValueError(f"rows of {size} bytes are not numbers of type {dtype}")
    parts = [
        np.frombuffer(part.buffers()[1], np.uint8)[part.offset * size :][: len(part) * size]
        for part in column.chunks
    ]
    flat = parts[0] if len(parts) == 1 else np.concatenate([np.empty(0, np.uint8), *parts])
    return flat.view(dtype).reshape(len(column), size // dtype.itemsize)


def write_rows(
    kind: str, path, rows: list[dict], run: dict, device: str = "cpu", **metadata
) -> None:
    """Write a table given as rows; columns that `run` contains may be left out. See `write`."""
    given = rows[0] if rows else ()
    names = [name for name in SCHEMAS[kind].names if name not in run or name in given]
    columns = {name: [row[name] for row in rows] for name in names}
    write(kind, path, columns, run, device, **metadata)


def read_all(kind: str, paths: Iterable) -> "pandas.DataFrame":  # noqa: F821
    """Read tables of one kind and concatenate them into a data frame.

    Raises
    ------
    TableError
        As for `read`; or two files of one experiment come from different runs.
    """
    runs, parts = {}, []
    for path in paths:
        about = metadata(kind, path)
        of_experiment = {k: v for k, v in about.items() if k != "value"}
        first = runs.setdefault(about.get("experiment"), of_experiment)
        parts.append(read(kind, path, run=first))
    return pa.concat_tables(parts).to_pandas()
