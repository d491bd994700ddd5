"""LMC error of all pairs against the value of the axis, with the interval of its mean."""

import pandas as pd
from matplotlib.figure import SubFigure

from . import style


def height(table: pd.DataFrame) -> float:
    """Inches."""
    return 2.7


def draw(canvas: SubFigure, table: pd.DataFrame, quantity: str = style.LMC_ERROR) -> None:
    """Draw the table of `panels.all_pairs`; `quantity` is the label of the y axis."""
    axes = canvas.subplots()
    matchers = style.order(table["matcher"])
    handles = []
    for matcher in matchers:
        rows = table[table["matcher"] == matcher]
        look = style.look(matcher, matchers)
        line = {"linestyle": "--" if matcher == style.ENDPOINTS else "-", **look}
        style.interval(axes, rows["value"], rows["mean"], rows["low"], rows["high"], **line)
        handles.append(style.handle(label=style.name(matcher), **line))
    style.settings_axis(axes, table)
    style.logarithmic(axes.yaxis)
    axes.set_ylabel(quantity)
    canvas.legend(handles=handles, loc="outside upper center", ncols=3)
