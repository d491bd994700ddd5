"""Approximate dimension of every layer: one plot per matcher, one line per setting."""

import math

import pandas as pd
from matplotlib import colormaps
from matplotlib.figure import SubFigure

from . import style

COLUMNS = 2
LONGEST_IN_THREE = 13  # characters of a label, in a legend of three columns


def height(table: pd.DataFrame) -> float:
    """Inches."""
    return 0.75 + 1.5 * math.ceil(table["matcher"].nunique() / COLUMNS)


def draw(canvas: SubFigure, table: pd.DataFrame) -> None:
    """Draw the table of `panels.dimension_by_layer`."""
    measured = table[table["source"] == "measured"]
    matchers = style.order(measured["matcher"])
    axis, values = style.axis_of(measured), sorted(measured["value"].unique())
    # From light to dark, so that grey print keeps the order; the lightest would be lost on white.
    shades = colormaps["viridis_r"]
    colour = {v: shades(0.15 + 0.85 * (i + 1) / len(values)) for i, v in enumerate(values)}
    rows = max(1, math.ceil(len(matchers) / COLUMNS))
    plots = canvas.subplots(rows, COLUMNS, sharex=True, squeeze=False).ravel()
    for axes, matcher in zip(plots, matchers, strict=False):
        some = measured[measured["matcher"] == matcher]
        for value in values:
            line = some[some["value"] == value].sort_values("layer")
            style.band(
                axes, line["layer"], line["mean"], line["std"],
                color=colour[value], marker="o", markersize=2,
            )  # fmt: skip
        dead = int(some["left_out"].sum())
        noted = f"\n({dead} of {dead + int(some['n'].sum())} dead: not shown)" if dead else ""
        axes.set_title(style.name(matcher) + noted, pad=2)
        style.logarithmic(axes.yaxis)
        axes.xaxis.get_major_locator().set_params(integer=True)
    for axes in plots[len(matchers) :]:
        axes.remove()
    canvas.supylabel("approximate dimension", fontsize=7)
    canvas.supxlabel("layer", fontsize=7)
    handles = [
        style.handle(color=colour[value], label=axis.setting(value, brief=True)) for value in values
    ]
    longest = max((len(handle.get_label()) for handle in handles), default=0)
    columns = 3 if longest <= LONGEST_IN_THREE else 2
    canvas.legend(handles=handles, loc="outside upper center", ncols=columns)
