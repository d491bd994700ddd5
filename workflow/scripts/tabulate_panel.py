"""Rule tabulate_panel: the table that one panel of a figure is drawn from."""

from adapter import run
from lmc import frames
from lmc.panels import REGISTRY
from lmc.published import frame


def tabulate_panel(
    table: str, digest: str, panel: dict, published: list | None, **sources: list
) -> None:
    """Tabulate a panel from its sources, with the published rows of its experiment, if any."""
    options = dict(panel)
    tabulate = REGISTRY.get(options.pop("name"))
    rows = frame(published) if published else None
    frames.write_csv(table, tabulate(sources, rows, **options), digest)


if "snakemake" in globals():
    run(tabulate_panel, snakemake)  # noqa: F821
