"""Parquet files with a declared schema, a seal, and metadata that say where they come from."""

import json
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
from .schemas import SCHEMAS
from .seal import BLANK, KEY, BrokenSeal, check, seal, stored

METADATA_KEY = b"lmc"
# Rows of a row group: of a large one, arrow holds several copies while it writes.
ROWS_AT_ONCE = 8192
# Written without dictionaries and statistics: they only cost time on these columns.
_VALUE_COLUMNS = ("values", "image")


def write(kind: str, path, columns: dict, run: dict, device: str = "cpu", **metadata) -> None:
    """Write a table.

    Parameters
    ----------
    kind
        A key of `SCHEMAS`.
    columns
        Column name -> array, list or pyarrow array; all of the schema's, no others. NaN stands
        for a missing value, and is only allowed where the schema allows null. Columns that `run`
        has may be left out.
    run
        The run's identity, a JSON object: experiment, axis and value, config hash, seed, as the
        rule gives them. It goes into the file's metadata.
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
        values = pa.array(values)  # its own type first: a cast refuses to cut a fraction off
        return values.cast(field.type)
    return pa.array(values, field.type, from_pandas=floating)


@contextmanager
def writer(
    kind: str, path, schema: pa.Schema, run: dict, device: str = "cpu", **metadata
) -> Iterator[pq.ParquetWriter]:
    """A parquet writer for a table that is streamed; `schema` may add layer columns."""
    about = {"table": kind, **run, **environment(device), **metadata}
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


def read(kind: str, path, columns: list[str] | None = None, run: dict | None = None) -> pa.Table:
    """Read a table and check its seal, its schema, and that values are finite where they must be.

    Parameters
    ----------
    run
        The run that the file must come from, as it was given to `write`; None for any.

    Raises
    ------
    TableError
        The file is missing, truncated, changed, not parquet, of another kind or run, or does not
        fit its schema.
    """
    with readable(kind, path, run) as (file, _):
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
def readable(kind: str, path, run: dict | None = None) -> Iterator[tuple[pq.ParquetFile, dict]]:
    """The open file and its metadata."""
    if not Path(path).is_file():
        raise TableError(f"{path}: no such file, expected a table of {kind}: {rebuild(path)}")
    try:
        check(path)
        with pq.ParquetFile(path) as file:
            about = json.loads((file.schema_arrow.metadata or {}).get(METADATA_KEY, b"{}"))
            if about.get("table") != kind:
                raise TableError(
                    f"{path}: is a table of {about.get('table', 'something else')}, "
                    f"not of {kind}: {rebuild(path)}"
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


# The metadata that identify a file's run. A file without them, such as a data set, fits any run.
RUN_KEYS = ("experiment", "axis", "value", "config_hash", "seed")


def _check_run(path, about: dict, run: dict) -> None:
    for key in RUN_KEYS:
        if key in run and key in about and about[key] != run[key]:
            raise TableError(
                f"{path}: is of another run: its {key} is {about[key]!r}, not {run[key]!r}: "
                f"{rebuild(path)}"
            )


def metadata(kind: str, path, run: dict | None = None) -> dict:
    """The metadata of a file: its provenance, and those of its kind. Raises TableError."""
    with readable(kind, path, run) as (_, about):
        return about


def digest(kind: str, path) -> str:
    """The SHA-256 of a table, that of its seal. Raises TableError as `read` does."""
    with readable(kind, path):
        return stored(path)


def kept_rows(kind: str, path, run: dict, made_from: dict[str, str]) -> dict[str, list[dict]]:
    """Matcher -> its rows of a table as it was when `keep` kept it, where they still hold.

    The rows are as `write_rows` takes them, without the columns that `run` has.

    Parameters
    ----------
    path
        The table that is written again.
    run
        The run that the table must come from.
    made_from
        Matcher -> a hash of all that its rows depend on. Rows hold if the table was written with
        the same hash, as its metadata ``made_from``. Of a table that is missing or that cannot be
        read, nothing holds.
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
    """Keep a table for `kept_rows`, beside it in the folder ``kept``.

    Not in its own place, as an output that Snakemake updates: it restores one of a failed job,
    whose date is then newer than all inputs, and takes it for current.
    """
    with replacing(_kept(path)) as temporary:
        shutil.copyfile(path, temporary)


def _kept(path) -> Path:
    return Path(path).parent / "kept" / Path(path).name


def _fits(actual: pa.DataType, declared: pa.DataType) -> bool:
    if pa.types.is_fixed_size_list(declared):
        return pa.types.is_fixed_size_list(actual) and actual.value_type == declared.value_type
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
        if not _fits(column.type, field.type):
            raise TableError(f"{path}: column {name!r} is {column.type}, expected {field.type}")
        if column.null_count and not field.nullable:
            raise TableError(f"{path}: column {name!r} has {column.null_count} missing values")
        check_finite(column, f"{path}: column {name!r}")
    extra = [n for n in table.column_names if n not in schema.names]
    if extra and kind != "activations":
        raise TableError(f"{path}: column {extra[0]!r} does not belong to a table of {kind}")
    if len(table) == 0 and kind not in _MAY_BE_EMPTY:
        raise TableError(f"{path}: has no rows")
    return table.select([*expected, *extra])


# Every network of a learning rate can diverge: then there is nothing to match or to measure.
_MAY_BE_EMPTY = ("checkpoints", "permutations", "objectives", "dimensions", "path")


def check_finite(column: pa.ChunkedArray, what: str) -> None:
    if pa.types.is_list(column.type) or pa.types.is_fixed_size_list(column.type):
        column = pa.chunked_array([chunk.flatten() for chunk in column.chunks] or [[]])
    if pa.types.is_floating(column.type):
        values = column.drop_null().to_numpy()
        if not np.isfinite(values).all():
            raise TableError(
                f"{what} has {np.sum(~np.isfinite(values))} values that are not finite"
            )


def matrix(column: pa.ChunkedArray, dtype) -> np.ndarray:
    """A column of lists of one length as an array (rows, length)."""
    if pa.types.is_fixed_size_list(column.type):
        width = column.type.list_size
        parts = [chunk.flatten().to_numpy(zero_copy_only=False) for chunk in column.chunks]
        flat = np.concatenate(parts) if parts else np.empty(0)
        return flat.astype(dtype, copy=False).reshape(-1, width)
    raise TypeError(column.type)


def write_rows(
    kind: str, path, rows: list[dict], run: dict, device: str = "cpu", **metadata
) -> None:
    """Write a table given as rows; columns that `run` has may be left out. See `write`."""
    given = rows[0] if rows else ()
    names = [name for name in SCHEMAS[kind].names if name not in run or name in given]
    columns = {name: [row[name] for row in rows] for name in names}
    write(kind, path, columns, run, device, **metadata)


def read_all(kind: str, paths: Iterable) -> "pandas.DataFrame":  # noqa: F821
    """Several tables of a kind, one after another, as a data frame.

    Raises
    ------
    TableError
        As `read`; or two files of an experiment are of different runs.
    """
    runs, parts = {}, []
    for path in paths:
        about = metadata(kind, path)
        of_experiment = {k: v for k, v in about.items() if k != "value"}
        first = runs.setdefault(about.get("experiment"), of_experiment)
        parts.append(read(kind, path, run=first))
    return pa.concat_tables(parts).to_pandas()
