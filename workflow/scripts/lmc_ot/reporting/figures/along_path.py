"""Loss or accuracy along the path: one plot per setting, one curve per matcher."""

import math

import pandas as pd
from matplotlib.figure import SubFigure

from . import style


def height(table: pd.DataFrame) -> float:
    """Inches."""
    settings = table["value"].nunique()
    return 2.2 if settings == 1 else 0.6 + 1.15 * math.ceil(settings / 2)


def draw(canvas: SubFigure, table: pd.DataFrame) -> None:
    """Draw the table of `panels.along_path`."""
    axis, values = style.axis_of(table), sorted(table["value"].unique())
    matchers = style.order(table["matcher"])
    colour = {matcher: style.look(matcher, matchers)["color"] for matcher in matchers}
    columns = 1 if len(values) == 1 else 2
    rows = max(1, math.ceil(len(values) / columns))
    plots = canvas.subplots(rows, columns, sharex=True, squeeze=False).ravel()
    for axes, value in zip(plots, values, strict=False):
        some = table[table["value"] == value]
        for matcher in matchers:
            curve = some[some["matcher"] == matcher]
            style.band(axes, curve["t"], curve["mean"], curve["std"], color=colour[matcher])
        axes.set_title(axis.setting(value), pad=2)
        axes.set_xticks([0, 0.5, 1], ["A", "1/2", "$\\pi$(B)"])
        top = axes.dataLim.y1
        if not axes.dataLim.y0 < 0:  # as the losses of likelihoods may be
            axes.set_ylim(0, 1.05 * top if 0 < top < math.inf else 1)
    for axes in plots[len(values) :]:
        axes.remove()
    metric = table["metric"].iloc[0] if len(table) else ""
    canvas.supylabel(style.METRICS.get(metric, metric), fontsize=7)
    canvas.supxlabel("position $t$ on the path", fontsize=7)
    handles = [
        style.handle(color=colour[matcher], label=style.name(matcher)) for matcher in matchers
    ]
    canvas.legend(handles=handles, loc="outside upper center", ncols=2)
