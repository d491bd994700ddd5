"""Approximate dimension against LMC error, one point per pair and matcher."""

import pandas as pd
from matplotlib.figure import SubFigure

from . import style


def height(table: pd.DataFrame) -> float:
    """Inches."""
    return 2.9


def draw(canvas: SubFigure, table: pd.DataFrame) -> None:
    """Draw the table of `panels.dimension_against_error`."""
    axes = canvas.subplots()
    matchers = style.order(table["matcher"])
    values = sorted(table["value"].unique())
    is_shown = table["shown"].astype(bool)
    shown = table[is_shown].sort_values("dimension")
    looks = {
        matcher: style.look(matcher, matchers) | {"linestyle": "none", "markeredgewidth": 0}
        for matcher in matchers
    }
    for i, value in enumerate(values):
        shade = (i + 2) / (len(values) + 1)
        at_value = shown[shown["value"] == value]
        for _, points in at_value.groupby("pair"):
            axes.plot(
                points["dimension"],
                points["midpoint_loss"],
                color=style.GREY,
                linewidth=0.6,
                alpha=shade,
                zorder=1,
            )
        for matcher, look in looks.items():
            some = at_value[at_value["matcher"] == matcher]
            axes.plot(some["dimension"], some["midpoint_loss"], alpha=shade, **look)
    style.log_log(axes)
    hidden = table[~is_shown]
    if len(hidden):
        dead = int((hidden["dimension"] == 0).sum())
        counts = {"a dead layer": dead, "an error of 0 or none": len(hidden) - dead}
        reasons = ", ".join(f"{count} with {reason}" for reason, count in counts.items() if count)
        style.note(axes, f"Not shown (of {len(table)} points): {reasons}")
    axes.set_xlabel(f"approximate dimension (darker: larger {style.axis_of(table).short})")
    axes.set_ylabel(style.LMC_ERROR)
    handles = [style.handle(label=style.name(matcher), **look) for matcher, look in looks.items()]
    joined = style.handle(color=style.GREY, linewidth=0.6, label="the same pair of networks")
    canvas.legend(handles=[*handles, joined], loc="outside upper center", ncols=2)
