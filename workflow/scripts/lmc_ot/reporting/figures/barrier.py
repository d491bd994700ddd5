"""Loss barrier of all pairs against the value of the axis, with the interval of its mean."""

import pandas as pd
from matplotlib.figure import SubFigure

from . import all_pairs, style


def height(table: pd.DataFrame) -> float:
    """Inches."""
    return 2.7


def draw(canvas: SubFigure, table: pd.DataFrame) -> None:
    """Draw the table of `panels.barrier`. A logarithmic axis shows no barrier of 0 or less."""
    shown = table.assign(mean=table["mean"].where(table["mean"] > 0))
    all_pairs.draw(canvas, shown, "loss barrier at the midpoint (nats)")
    hidden = int(shown["mean"].isna().sum())
    if hidden:
        style.note(canvas.axes[0], f"{hidden} of {len(table)} means are 0 or less and not shown")
