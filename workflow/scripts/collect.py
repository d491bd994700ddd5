"""Rule collect: the table of results, with one row per pair, matcher and split."""

from adapter import execute
from lmc_ot import tables
from lmc_ot.reporting.results import collect as collect_rows
from lmc_ot.tables.csv import write_csv


def collect(
    paths: list,
    objectives: list,
    dimensions: list,
    histories: list,
    results: str,
    csv: str,
    settings: list,
    run: dict,
) -> None:
    """Write the results of all experiments of a config to `results` and, for readers, to `csv`."""
    rows = collect_rows(
        tables.read_all("path", paths),
        tables.read_all("objectives", objectives),
        tables.read_all("dimensions", dimensions),
        tables.read_all("history", histories),
        settings,
    )
    tables.write_rows("results", results, rows, run)
    write_csv(csv, tables.read("results", results).to_pandas())


if "snakemake" in globals():
    execute(collect, snakemake)  # noqa: F821
