"""Distance of a layer's neurons from independence, against learning rate."""

import pandas as pd
from matplotlib.figure import SubFigure

from . import style

LOOKS = {
    "other network": ("-", "trained apart"),
    "reshuffled": ("--", "reshuffled"),
    "independent": (":", "reshuffled twice"),
}


def height(table: pd.DataFrame) -> float:
    """Inches."""
    return 2.7


def draw(canvas: SubFigure, table: pd.DataFrame) -> None:
    """Draw the table of `panels.independence`."""
    axes = canvas.subplots()
    layers = sorted(table["layer"].unique())
    for i, layer in enumerate(layers):
        look = style.curve(i)
        for reference, (line, _) in LOOKS.items():
            rows = table[(table["layer"] == layer) & (table["reference"] == reference)]
            if len(rows):
                style.band(
                    axes, rows["learning_rate"], rows["mean"], rows["std"], linestyle=line, **look
                )
    style.log_log(axes)
    axes.set_xlabel("learning rate")
    axes.set_ylabel("distance from independence")
    handles = [
        style.handle(label=f"layer {layer}", linestyle="none", **style.curve(i))
        for i, layer in enumerate(layers)
    ]
    handles += [
        style.handle(label=label, color="black", linestyle=line)
        for reference, (line, label) in LOOKS.items()
        if (table["reference"] == reference).any()
    ]
    canvas.legend(handles=handles, loc="outside upper center", ncols=3)
