"""Rule collect_merged: the losses of all merged networks of a config, for readers."""

from adapter import execute
from lmc_ot import tables
from lmc_ot.tables.csv import write_csv


def collect_merged(losses: list, csv: str) -> None:
    """Write the rows of the tables `losses` to one file."""
    write_csv(csv, tables.read_all("merged", losses))


if "snakemake" in globals():
    execute(collect_merged, snakemake)  # noqa: F821
