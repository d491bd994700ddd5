"""Rule tabulate_panel: the table that one panel of a figure is drawn from."""

from adapter import execute
from lmc_ot.reporting.panels import REGISTRY
from lmc_ot.reporting.published import frame
from lmc_ot.tables.csv import write_csv


def tabulate_panel(
    table: str, digest: str, panel: dict, published: list | None, **sources: list
) -> None:
    """Tabulate a panel from its sources, with the published rows of its experiment, if any."""
    rows = frame(published) if published else None
    write_csv(table, REGISTRY.build(panel, sources, rows), digest)


if "snakemake" in globals():
    execute(tabulate_panel, snakemake)  # noqa: F821
