"""Rule tabulate_panel: the table that one panel of a figure is drawn from."""

from adapter import run
from lmc import tables
from lmc.comparison import read_published
from lmc.panels import REGISTRY


def tabulate_panel(
    table: str,
    panel: dict,
    published: str | None,
    published_file: str,
    **sources: list,
) -> None:
    """Tabulate a panel from its sources.

    `published` is the experiment of `published_file` whose numbers are shown beside ours.
    """
    options = dict(panel)
    rows = read_published(published_file, published) if published else None
    frame = REGISTRY.get(options.pop("name"))(sources, rows, **options)
    tables.write_csv(table, frame)


if "snakemake" in globals():
    run(tabulate_panel, snakemake)  # noqa: F821
