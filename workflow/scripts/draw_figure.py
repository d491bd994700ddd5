"""Rule draw_figure: a figure from the tables of its panels."""

from pathlib import Path

import pandas as pd

from adapter import run
from lmc.figures.compose import compose, save


def draw_figure(tables: list, pdf: str, svg: str, png: str, panels: list) -> None:
    """Draw the panels, each from its table, and save the figure in three formats."""
    frames = [pd.read_csv(table) for table in tables]
    figure = compose(list(zip(panels, frames, strict=True)))
    save(figure, [Path(path) for path in (pdf, svg, png)])


if "snakemake" in globals():
    run(draw_figure, snakemake)  # noqa: F821
