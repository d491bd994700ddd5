"""Published numbers: read in the Snakefile, without pandas, and handed to the rules as rows."""

import csv
from pathlib import Path

from .errors import ConfigError

TEXTS = ("experiment", "quantity", "method", "provenance")
NUMBERS = ("layer", "learning_rate", "value", "std", "n")


def read(path: str | Path, experiment: str) -> list[dict]:
    """The rows of one experiment in a csv file of published numbers.

    Returns
    -------
    A dictionary a row: text, or a float, or None where the file has nothing.

    Raises
    ------
    ConfigError
        The file cannot be read, lacks a column, holds text in the place of a number, or has no
        rows of that experiment.
    """
    try:
        with open(path, newline="", encoding="utf-8") as file:
            reader = csv.DictReader(file)
            missing = [c for c in (*TEXTS, *NUMBERS) if c not in (reader.fieldnames or ())]
            if missing:
                raise ConfigError(f"{path}: column {missing[0]!r} is missing")
            rows = [_row(row) for row in reader]
    except (OSError, ValueError) as error:
        raise ConfigError(f"{path}: {error}") from error
    found = [row for row in rows if row["experiment"] == experiment]
    if not found:
        choices = ", ".join(sorted({row["experiment"] for row in rows}))
        raise ConfigError(f"{path}: no published numbers of {experiment!r}: one of {choices}")
    return found


def frame(rows: list[dict]) -> "pandas.DataFrame":  # noqa: F821
    """Rows of `read` as a data frame, missing numbers as NaN."""
    import pandas as pd

    return pd.DataFrame(rows).astype(dict.fromkeys(NUMBERS, float))


def _row(row: dict[str, str]) -> dict:
    numbers = {name: float(row[name]) if row[name] else None for name in NUMBERS}
    return {name: row[name] for name in TEXTS} | numbers
