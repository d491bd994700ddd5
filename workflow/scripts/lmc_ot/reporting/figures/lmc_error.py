"""LMC error against the value of the axis, one curve per matcher; the endpoints dashed."""

import pandas as pd
from matplotlib.figure import SubFigure

from . import style


def height(table: pd.DataFrame) -> float:
    """Inches."""
    return 2.7


def draw(canvas: SubFigure, table: pd.DataFrame) -> None:
    """Draw the table of `panels.lmc_error`."""
    axes = canvas.subplots()
    measured = table[table["source"] == "measured"]
    matchers = style.order(measured["matcher"])
    looks = {matcher: style.look(matcher, matchers) for matcher in matchers}
    for matcher in matchers:
        rows = measured[measured["matcher"] == matcher]
        line = "--" if matcher == style.ENDPOINTS else "-"
        style.band(axes, rows["value"], rows["mean"], rows["std"], linestyle=line, **looks[matcher])
    published = table[table["source"] == "published"]
    for matcher, rows in published.groupby("matcher"):
        if matcher in looks:
            look = {**looks[matcher], "marker": looks[matcher]["marker"] or "o"}
            style.hollow(axes, rows["value"], rows["mean"], **look)
    style.mark_diverged(axes, measured)
    style.settings_axis(axes, table)
    style.logarithmic(axes.yaxis)
    axes.set_ylabel("LMC error (midpoint loss)")
    handles = [
        style.handle(
            label=style.name(matcher),
            linestyle="--" if matcher == style.ENDPOINTS else "-",
            **looks[matcher],
        )
        for matcher in matchers
    ]
    if len(published):
        handles.append(style.published_handle())
    canvas.legend(handles=handles, loc="outside upper center", ncols=3)
