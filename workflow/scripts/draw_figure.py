"""Rule draw_figure: a figure, drawn from the tables of its panels."""

from pathlib import Path

from adapter import execute
from lmc_ot.reporting.figures.compose import compose, save
from lmc_ot.tables.csv import read_csv


def draw_figure(
    panel_tables: list, digests: list, pdf: str, svg: str, png: str, panels: list, nats: list
) -> None:
    """Draw each panel from its table, and save the figure in three formats.

    `nats` tells for each panel whether this is the unit of its losses.
    """
    shown = [read_csv(table, digest) for table, digest in zip(panel_tables, digests, strict=True)]
    figure = compose(list(zip(panels, shown, strict=True)), nats)
    save(figure, [Path(path) for path in (pdf, svg, png)])


if "snakemake" in globals():
    execute(draw_figure, snakemake)  # noqa: F821
