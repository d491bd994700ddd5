"""Published numbers, read by the Snakefile without pandas and passed to the rules as rows."""

import csv
import math
import re
from pathlib import Path

from ..errors import ConfigError, one_line

TEXTS = ("experiment", "quantity", "method", "provenance")
NUMBERS = ("layer", "learning_rate", "value", "std", "n")
_NUMBER = re.compile(r"[+-]?([0-9]+\.?[0-9]*|\.[0-9]+)([eE][+-]?[0-9]+)?")


def read(path: str | Path, experiment: str) -> list[dict]:
    """Read the rows of one experiment from a csv file of published numbers.

    Returns
    -------
    list of dict
        One dictionary per row, with strings, floats, and None for empty fields.

    Raises
    ------
    ConfigError
        The file cannot be read, lacks a column, has a row with too few or too many fields or with
        an invalid number, or has no rows for the experiment.
    """
    line = 1
    try:
        with open(path, newline="", encoding="utf-8") as file:
            reader = csv.DictReader(file, strict=True)
            names = reader.fieldnames or ()
            for name in (*TEXTS, *NUMBERS):
                if names.count(name) != 1:
                    raise ConfigError(f"{path}: column {name!r} is missing or duplicate")
            rows = []
            for row in reader:
                line = reader.line_num
                rows.append(_row(row))
    except OSError as error:
        raise ConfigError(f"{path}: cannot be read: {error.strerror}") from error
    except (ValueError, csv.Error) as error:
        raise ConfigError(f"{path}: line {line}: {one_line(error)}") from error
    of_experiment = [row for row in rows if row["experiment"] == experiment]
    if not of_experiment:
        choices = one_line(", ".join(sorted({row["experiment"] for row in rows})))
        raise ConfigError(
            f"{path}: no published numbers for {experiment!r}: expected one of {choices}"
        )
    return of_experiment


def frame(rows: list[dict]) -> "pandas.DataFrame":  # noqa: F821
    """Convert rows from `read` to a data frame, with NaN for missing numbers."""
    import pandas as pd

    return pd.DataFrame(rows).astype(dict.fromkeys(NUMBERS, float))


def _row(row: dict[str, str]) -> dict:
    if None in row or None in row.values():
        raise ValueError("the number of fields differs from that of the first line")
    numbers = {name: _number(name, row[name]) if row[name] else None for name in NUMBERS}
    return {name: row[name] for name in TEXTS} | numbers


def _number(name: str, text: str) -> float:
    value = float(text) if _NUMBER.fullmatch(text) else math.inf
    if not math.isfinite(value):
        raise ValueError(f"{name} is {one_line(repr(text), 60)}: expected a number")
    return value
