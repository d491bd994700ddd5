"""Published numbers: read in the Snakefile, without pandas, and handed to the rules as rows."""

import csv
import math
import re
from pathlib import Path

from ..errors import ConfigError, one_line

TEXTS = ("experiment", "quantity", "method", "provenance")
NUMBERS = ("layer", "learning_rate", "value", "std", "n")
_NUMBER = re.compile(r"[+-]?([0-9]+\.?[0-9]*|\.[0-9]+)([eE][+-]?[0-9]+)?")


def read(path: str | Path, experiment: str) -> list[dict]:
    """The rows of one experiment in a csv file of published numbers.

    Returns
    -------
    One dictionary per row: text, or a float, or None where the file has nothing.

    Raises
    ------
    ConfigError
        The file cannot be read, lacks a column, has a row of too few or too many fields, holds
        something else instead of a finite number, or has no rows of that experiment.
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
        raise ConfigError(f"{path}: no published numbers of {experiment!r}: one of {choices}")
    return of_experiment


def frame(rows: list[dict]) -> "pandas.DataFrame":  # noqa: F821
    """Rows of `read` as a data frame, missing numbers as NaN."""
    import pandas as pd

    return pd.DataFrame(rows).astype(dict.fromkeys(NUMBERS, float))


def _row(row: dict[str, str]) -> dict:
    if None in row or None in row.values():
        raise ValueError("has more or fewer fields than the first line")
    numbers = {name: _number(name, row[name]) if row[name] else None for name in NUMBERS}
    return {name: row[name] for name in TEXTS} | numbers


def _number(name: str, text: str) -> float:
    value = float(text) if _NUMBER.fullmatch(text) else math.inf
    if not math.isfinite(value):
        raise ValueError(f"{name} is {one_line(repr(text), 60)}: expected a number")
    return value
