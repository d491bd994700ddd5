"""Distance after matching against the axis: colour is the matcher, marker the layer."""

import pandas as pd
from matplotlib.figure import SubFigure

from . import style


def height(table: pd.DataFrame) -> float:
    """Inches."""
    return 2.9


def draw(canvas: SubFigure, table: pd.DataFrame) -> None:
    """Draw the table of `panels.matched_distance`."""
    axes = canvas.subplots()
    matchers = style.order(table["matcher"])
    marker = style.layer_markers(sorted(table["layer"].unique()))
    colour = {matcher: style.look(matcher, matchers)["color"] for matcher in matchers}
    for (matcher, layer), rows in table.groupby(["matcher", "layer"]):
        look = {"color": colour[matcher], "marker": marker[layer]}
        style.interval(axes, rows["value"], rows["mean"], rows["low"], rows["high"], **look)
    style.settings_axis(axes, table)
    style.logarithmic(axes.yaxis)
    axes.set_ylabel("squared distance after matching (relative)")
    handles = style.layer_handles(colour, marker)
    canvas.legend(handles=handles, loc="outside upper center", ncols=3)
