"""Rule tabulate_panel: the table from which one panel of a figure is drawn."""

from adapter import execute
from lmc_ot.reporting.panels import REGISTRY
from lmc_ot.reporting.published import frame
from lmc_ot.tables.csv import write_csv


def tabulate_panel(
    table: str, digest: str, panel: dict, published: list | None, **sources: list
) -> None:
    """Compute a panel's table from its sources and its experiment's published numbers, if any."""
    rows = frame(published) if published else None
    write_csv(table, REGISTRY.build(panel, sources, rows), digest)


if "snakemake" in globals():
    execute(tabulate_panel, snakemake)  # noqa: F821
