"""Measured against predicted slopes, with the diagonal on which they agree."""

import numpy as np
import pandas as pd
from matplotlib.figure import SubFigure

from . import style

_QUANTITIES = {
    "barrier": "the barrier",
    "matched_distance": "the matched distance",
}


def height(table: pd.DataFrame) -> float:
    """Inches."""
    return 3.5


def draw(canvas: SubFigure, table: pd.DataFrame) -> None:
    """Draw the table of `panels.slopes`: colour is the matcher, marker the layer or experiment."""
    axes = canvas.subplots()
    matchers = style.order(table["matcher"])
    experiments = list(dict.fromkeys(table["experiment"]))
    by_layer = bool((table["layer"] > 0).any())
    marker = style.layer_markers(sorted(table["layer"].unique()) if by_layer else experiments)
    colour = {matcher: style.look(matcher, matchers)["color"] for matcher in matchers}
    for row in table.itertuples():
        shade = (experiments.index(row.experiment) + 2) / (len(experiments) + 1)
        x, y = row.predicted, row.slope
        look = {"color": colour[row.matcher], "alpha": shade if by_layer else 1.0}
        axes.plot([x, x], [row.low, row.high], linewidth=0.7, zorder=1, **look)
        axes.plot([row.predicted_low, row.predicted_high], [y, y], linewidth=0.7, zorder=1, **look)
        axes.plot(
            x,
            y,
            marker=marker[row.layer if by_layer else row.experiment],
            markerfacecolor="white" if row.centred else colour[row.matcher],
            **look,
        )
    values = table[["predicted", "slope"]].to_numpy(float)
    ends = np.array([np.nanmin(values), np.nanmax(values)]) if len(table) else np.array([-1, 0])
    axes.plot(ends, ends, color="black", linewidth=0.7, zorder=0)
    quantity = _QUANTITIES[table["quantity"].iloc[0]] if len(table) else "the quantity"
    size = style.axis_of(table).label
    axes.set_xlabel(f"predicted slope of {quantity}")
    axes.set_ylabel(f"measured slope against the {size}")
    handles = [style.handle(color=colour[m], label=style.name(m)) for m in matchers]
    black = {"color": "black", "linestyle": "none"}
    handles += [
        style.handle(marker=shape, label=f"layer {key}" if by_layer else key, **black)
        for key, shape in marker.items()
    ]
    handles += [
        style.handle(marker="o", label="uncentred d", **black),
        style.handle(marker="o", markerfacecolor="white", label="centred d", **black),
    ]
    if by_layer and len(experiments) > 1:
        style.note(axes, f"from light to dark: {', '.join(experiments)}")
    canvas.legend(handles=handles, loc="outside upper center", ncols=3)
