"""Rule draw_theory: the figure of an experiment on a theorem, with predicted slopes."""

from pathlib import Path

from adapter import execute
from lmc_ot.reporting.figures.compose import save
from lmc_ot.reporting.figures.theory import compose
from lmc_ot.tables.csv import read_csv


def draw_theory(
    curves: str, slopes: str, digests: list, pdf: str, svg: str, png: str, about: dict
) -> None:
    """Draw the figure and save it in three formats; `about` is the experiment's registry entry."""
    shown = [
        read_csv(table, digest) for table, digest in zip((curves, slopes), digests, strict=True)
    ]
    save(compose(*shown, about["size"]), [Path(path) for path in (pdf, svg, png)])


if "snakemake" in globals():
    execute(draw_theory, snakemake)  # noqa: F821
