"""Files as the workflow writes them, sealed, but of a content that it would not write."""

from collections.abc import Callable
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from lmc_ot.tables.seal import BLANK, KEY, seal


def write_sealed(path: Path, table: pa.Table, **options) -> Path:
    """Write any table, sealed; `options` are those of pyarrow's writer."""
    path.parent.mkdir(parents=True, exist_ok=True)
    metadata = {k: v for k, v in (table.schema.metadata or {}).items() if k != KEY.encode()}
    table = table.replace_schema_metadata(metadata or None)
    with pq.ParquetWriter(path, table.schema, **options) as out:
        out.write_table(table)
        out.add_key_value_metadata({KEY: BLANK})
    seal(path)
    return path


def change_sealed(path: Path, change: Callable[[pa.Table], pa.Table]) -> Path:
    """Replace a table by what `change` makes of it; its metadata stay, its seal is whole."""
    table = pq.read_table(path)
    return write_sealed(path, change(table).replace_schema_metadata(table.schema.metadata))
