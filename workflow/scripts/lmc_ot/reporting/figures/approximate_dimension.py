"""Approximate dimension against the value of the axis: colour is the matcher, marker the layer."""

import pandas as pd
from matplotlib.figure import SubFigure

from . import style


def height(table: pd.DataFrame) -> float:
    """Inches."""
    return 2.7


def draw(canvas: SubFigure, table: pd.DataFrame) -> None:
    """Draw the table of `panels.approximate_dimension`."""
    axes = canvas.subplots()
    measured = table[table["source"] == "measured"]
    matchers = style.order(measured["matcher"])
    marker = style.layer_markers(sorted(measured["layer"].unique()))
    colour = {matcher: style.look(matcher, matchers)["color"] for matcher in matchers}
    for (matcher, layer), rows in measured.groupby(["matcher", "layer"]):
        look = {"color": colour[matcher], "marker": marker[layer]}
        style.band(axes, rows["value"], rows["mean"], rows["std"], **look)
    published = table[table["source"] == "published"]
    for (matcher, layer), rows in published.groupby(["matcher", "layer"]):
        if matcher in colour and layer in marker:
            look = {"color": colour[matcher], "marker": marker[layer]}
            style.hollow(axes, rows["value"], rows["mean"], **look)
    style.mark_diverged(axes, measured)
    style.settings_axis(axes, table)
    style.logarithmic(axes.yaxis)
    axes.set_ylabel("approximate dimension")
    dead = int(measured["left_out"].sum())
    if dead:
        total = dead + int(measured["n"].sum())
        style.note(
            axes, f"{dead} of {total} dimensions are 0 (dead layers), excluded from the means"
        )
    handles = style.layer_handles(colour, marker)
    hollow = [matcher for matcher in matchers if matcher in set(published["matcher"])]
    style.legend(canvas, handles, [{"color": colour[m], "marker": "o"} for m in hollow])
