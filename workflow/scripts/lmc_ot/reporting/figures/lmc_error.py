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
    hollow = {
        matcher: {**looks[matcher], "marker": looks[matcher]["marker"] or "o"}
        for matcher in matchers
        if matcher in set(published["matcher"])
    }
    for matcher, look in hollow.items():
        rows = published[published["matcher"] == matcher]
        style.hollow(axes, rows["value"], rows["mean"], **look)
    style.mark_diverged(axes, measured)
    style.settings_axis(axes, table)
    style.logarithmic(axes.yaxis)
    axes.set_ylabel(style.LMC_ERROR)
    handles = [
        style.handle(
            label=style.name(matcher),
            linestyle="--" if matcher == style.ENDPOINTS else "-",
            **looks[matcher],
        )
        for matcher in matchers
    ]
    style.legend(canvas, handles, published=hollow.values())
