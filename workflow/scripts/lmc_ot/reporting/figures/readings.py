"""How far each reading of the theorems is from the measured slopes, one row per reading."""

from fractions import Fraction

import pandas as pd
from matplotlib.figure import SubFigure

from . import style

_DIMENSIONS = {
    "dimension": "participation ratio",
    "centred_dimension": "participation ratio, centred",
    "entropy_rank": "entropy rank",
    "centred_entropy_rank": "entropy rank, centred",
    "neighbour_dimension": "nearest neighbours",
    "centred_neighbour_dimension": "nearest neighbours, centred",
}


def height(table: pd.DataFrame) -> float:
    """Inches."""
    return 0.7 + 0.17 * len(table)


def draw(canvas: SubFigure, table: pd.DataFrame) -> None:
    """Draw the table of `panels.readings`, the best reading on top."""
    axes = canvas.subplots()
    places = range(len(table))
    for place, row in zip(places, table.itertuples(), strict=True):
        axes.plot([row.error_low, row.error_high], [place, place], color="black", linewidth=0.7)
    axes.plot(table["error"], places, "o", color=style.PALETTE[1])
    axes.set_yticks(places, [_name(row) for row in table.itertuples()])
    axes.set_ylim(max(1, len(table)) - 0.5, -0.5)
    axes.set_xlim(left=0)
    axes.set_xlabel("error of the predicted slopes\n(root mean square)")


def _name(row) -> str:
    if row.dimension == "none":
        return f"$-{Fraction(row.numerator / row.least)}$, no dimension"
    divisor = f"\\max(d, {row.least:g})" if row.least else "d"
    largest = ", largest layer" if row.largest else ""
    return f"$-{row.numerator}/{divisor}$, {_DIMENSIONS[row.dimension]}{largest}"
