"""The size at which the barrier is small, measured and predicted."""

import numpy as np
import pandas as pd
from matplotlib.figure import SubFigure

from . import style

# log10 of the largest size that is drawn; larger ones are arrows at it.
FARTHEST = 8.0


def height(table: pd.DataFrame) -> float:
    """Inches."""
    return 1.3 + 0.2 * max(1, len(table))


def draw(canvas: SubFigure, table: pd.DataFrame) -> None:
    """Draw the table of `panels.size_needed`, one row per experiment and matcher."""
    axes = canvas.subplots()
    matchers = style.order(table["matcher"])
    in_order = table.sort_values("matcher", key=lambda names: names.map(matchers.index))
    rows = list(in_order.sort_values("experiment", kind="stable").itertuples())
    for place, row in enumerate(rows):
        colour = style.look(row.matcher, matchers)["color"]
        of_row = (
            (-0.15, row.log10_size, row.low, row.high, colour),
            (0.15, row.log10_predicted, row.predicted_low, row.predicted_high, "white"),
        )
        for shift, size, low, high, face in of_row:
            if np.isnan(size):
                continue
            y = place + shift
            style_of_line = ":" if row.extrapolated and shift < 0 else "-"
            ends = np.minimum([low, high], FARTHEST)
            axes.plot(10**ends, [y, y], color=colour, linewidth=0.8, linestyle=style_of_line)
            axes.plot(
                10 ** min(size, FARTHEST),
                y,
                marker=">" if size > FARTHEST else "o",
                color=colour,
                markerfacecolor=face,
            )
    axes.set_xscale("log")
    if len(table):
        axes.axvline(table["largest"].max(), color=style.GREY, linewidth=0.6)
    labels = [f"{row.experiment}, {style.name(row.matcher)}" for row in rows]
    axes.set_yticks(range(len(rows)), labels)
    axes.set_ylim(max(1, len(rows)) - 0.5, -0.5)
    share = table["share"].iloc[0] if len(table) else 0.01
    axes.set_xlabel(
        f"{style.axis_of(table).label}\nwith {share:.0%} of the barrier without matching"
    )
    black = {"color": "black", "linestyle": "none", "marker": "o"}
    handles = [
        style.handle(label="measured (dotted: extrapolated)", **black),
        style.handle(label="predicted by $-1/d$", markerfacecolor="white", **black),
        style.handle(label="beyond $10^8$", color="black", linestyle="none", marker=">"),
    ]
    canvas.legend(handles=handles, loc="outside upper center", ncols=2)
