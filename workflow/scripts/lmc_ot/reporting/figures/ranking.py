"""Ratio of two matchers' LMC errors against the value of the axis: below 1 the first is better."""

import pandas as pd
from matplotlib.figure import SubFigure

from . import style


def height(table: pd.DataFrame) -> float:
    """Inches."""
    return 2.9


def draw(canvas: SubFigure, table: pd.DataFrame) -> None:
    """Draw the table of `panels.ranking`: one curve per two matchers, the interval as bars."""
    axes = canvas.subplots()
    axes.axhline(1, color="black", linewidth=0.6)
    handles = []
    for i, ((first, second), rows) in enumerate(table.groupby(["first", "second"], sort=False)):
        look = style.curve(i)
        style.interval(axes, rows["value"], rows["ratio"], rows["low"], rows["high"], **look)
        label = f"{style.name(first)} / {style.name(second)}"
        handles.append(style.handle(label=label, **look))
    style.settings_axis(axes, table)
    style.logarithmic(axes.yaxis)
    axes.set_ylabel("ratio of LMC errors")
    canvas.legend(handles=handles, loc="outside upper center", ncols=2)
