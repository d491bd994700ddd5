"""Approximate dimension against LMC error, a point a pair and matcher."""

import pandas as pd
from matplotlib.figure import SubFigure

from . import style


def height(table: pd.DataFrame) -> float:
    """Inches."""
    return 2.9


def draw(canvas: SubFigure, table: pd.DataFrame) -> None:
    """Draw the table of `lmc.panels.dimension_against_error`."""
    axes = canvas.subplots()
    matchers = style.order(table["matcher"])
    rates = sorted(table["learning_rate"].unique())
    handles = []
    for matcher in matchers:
        rows = table[table["matcher"] == matcher]
        look = style.look(matcher, matchers) | {"linestyle": "none", "markeredgewidth": 0}
        # The darker, the larger the learning rate.
        for i, rate in enumerate(rates):
            some = rows[rows["learning_rate"] == rate]
            shade = (i + 2) / (len(rates) + 1)
            axes.plot(some["dimension"], some["midpoint_loss"], alpha=shade, **look)
        label = f"{style.name(matcher)}, $\\rho$ = {rows['rank_correlation'].iloc[0]:.2f}"
        handles.append(style.handle(label=label, **look))
    if len(table):
        overall = table["overall_rank_correlation"].iloc[0]
        handles.append(style.handle(linestyle="none", label=f"overall, $\\rho$ = {overall:.2f}"))
    style.log_log(axes)
    axes.set_xlabel("approximate dimension (darker: larger learning rate)")
    axes.set_ylabel("LMC error (midpoint loss)")
    canvas.legend(handles=handles, loc="outside upper center", ncols=2)
