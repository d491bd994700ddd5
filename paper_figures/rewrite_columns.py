"""Rewrite committed tables from the column `learning_rate` to the columns `axis` and `value`.

    .venv/bin/python paper_figures/rewrite_columns.py

Runs before experiments could sweep over anything wrote `learning_rate`. This script brings the
tables of the committed figures, paper_figures/*/ and docs/figures/, to the present columns:
`learning_rate` becomes `axis`, which is training.learning_rate in every row, and `value`, the same
number; the questions `within_rate` and `mean_within_rate` get their present names. No number
changes: fields of csv files are copied as text, and columns of parquet files as they are, with
their metadata and under a new seal. Tables that have the present columns are left alone.
`comparison.csv` keeps its column, since published numbers are by learning rate.
"""

import csv
import io
import json
import sys
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

REPOSITORY = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(REPOSITORY / "workflow/scripts"))

from lmc_ot import tables  # noqa: E402
from lmc_ot.config.sweep import LEARNING_RATE  # noqa: E402
from lmc_ot.tables.parquet import METADATA_KEY, writer  # noqa: E402
from lmc_ot.tables.seal import check  # noqa: E402

FORMER = "learning_rate"
QUESTIONS = {"within_rate": "within_setting", "mean_within_rate": "mean_within_setting"}
KEPT = ("comparison.csv",)


def rewritten_csv(content: bytes) -> bytes:
    """The content of a csv file with the present columns."""
    header, *rows = csv.reader(io.StringIO(content.decode("utf-8"), newline=""))
    if _written([header, *rows]) != content:
        raise SystemExit("the csv is not written as pandas writes it")
    if FORMER not in header:
        return content
    place = header.index(FORMER)
    question = header.index("question") if "question" in header else None
    lines = [[*header[:place], "axis", "value", *header[place + 1 :]]]
    for row in rows:
        if question is not None:
            row[question] = QUESTIONS.get(row[question], row[question])
        lines.append([*row[:place], LEARNING_RATE, *row[place:]])
    return _written(lines)


def _written(lines: list[list[str]]) -> bytes:
    text = io.StringIO(newline="")
    csv.writer(text, lineterminator="\n").writerows(lines)
    return text.getvalue().encode("utf-8")


def rewrite_parquet(path: Path) -> bool:
    """Give a table of results the present columns. Returns whether it had the former ones."""
    check(path)
    before = pq.read_table(path)
    if FORMER not in before.column_names:
        return False
    about = json.loads(before.schema.metadata[METADATA_KEY])
    kind = about.pop("table")
    schema = tables.SCHEMAS[kind]
    columns = {name: before[name] for name in before.column_names if name != FORMER}
    columns |= {"axis": [LEARNING_RATE] * len(before), "value": before[FORMER]}
    table = pa.table({name: columns[name] for name in schema.names}, schema)
    with writer(kind, path, schema, {}, **about) as out:
        out.write_table(table)
    after, metadata = tables.read(kind, path), tables.metadata(kind, path)
    if metadata != {"table": kind, **about}:
        raise SystemExit(f"{path}: its metadata changed")
    former = {"value": FORMER}
    for name in after.column_names:
        if name != "axis" and not after[name].equals(before[former.get(name, name)]):
            raise SystemExit(f"{path}: column {name} changed")
    return True


def largest_difference(before: bytes, after: bytes) -> float:
    """Of the numbers of two csv files, field by field but for the new column."""
    (_, *old), (header, *new) = (
        list(csv.reader(io.StringIO(content.decode("utf-8"), newline="")))
        for content in (before, after)
    )
    place = header.index("axis")
    rest = [[*row[:place], *row[place + 1 :]] for row in new]
    if len(old) != len(rest):
        raise SystemExit("rows were lost")
    largest = 0.0
    for one, other in zip(old, rest, strict=True):
        for a, b in zip(one, other, strict=True):
            if QUESTIONS.get(a, a) == b:
                continue
            largest = max(largest, float(np.abs(float(a) - float(b))))
    return largest


def main() -> None:
    """Rewrite all committed tables and print what was done."""
    folders = [
        folder
        for folder in (
            *sorted((REPOSITORY / "paper_figures").iterdir()),
            REPOSITORY / "docs/figures",
        )
        if folder.is_dir()
    ]
    for path in sorted(path for folder in folders for path in folder.iterdir()):
        if path.suffix == ".csv" and path.name not in KEPT:
            before = path.read_bytes()
            after = rewritten_csv(before)
            if after != before:
                difference = largest_difference(before, after)
                tables.write_text(path, after.decode("utf-8"))
                print(f"{path.relative_to(REPOSITORY)}: largest difference {difference:g}")
        elif path.suffix == ".parquet" and rewrite_parquet(path):
            print(f"{path.relative_to(REPOSITORY)}: all columns and metadata equal")


if __name__ == "__main__":
    main()
