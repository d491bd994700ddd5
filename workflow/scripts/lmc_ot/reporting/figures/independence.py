"""Distance of a layer's neurons from independence, against the value of the axis."""

import pandas as pd
from matplotlib.figure import SubFigure

from . import style

LOOKS = {
    "other network": ("-", "trained separately"),
    "reshuffled": ("--", "reshuffled"),
    "independent": (":", "reshuffled twice"),
}
# A single value has no lines: there, markers tell the references apart.
FILLED = {"-": "full", "--": "none", ":": "bottom"}


def height(table: pd.DataFrame) -> float:
    """Inches."""
    return 2.7


def draw(canvas: SubFigure, table: pd.DataFrame) -> None:
    """Draw the table of `panels.independence`."""
    axes = canvas.subplots()
    layers = sorted(table["layer"].unique())
    single = table["value"].nunique() == 1
    for i, layer in enumerate(layers):
        look = style.curve(i)
        for reference, (line, _) in LOOKS.items():
            rows = table[(table["layer"] == layer) & (table["reference"] == reference)]
            if len(rows):
                filled = {"fillstyle": FILLED[line]} if single else {}
                style.band(
                    axes, rows["value"], rows["mean"], rows["std"], linestyle=line, **look, **filled
                )
    style.settings_axis(axes, table)
    style.logarithmic(axes.yaxis)
    axes.set_ylabel("distance from independence\n(standard deviations)")
    handles = [
        style.handle(label=f"layer {layer}", linestyle="none", **style.curve(i))
        for i, layer in enumerate(layers)
    ]
    handles += [
        style.handle(
            label=label,
            color="black",
            **(
                {"marker": "o", "fillstyle": FILLED[line], "linestyle": "none"}
                if single
                else {"linestyle": line}
            ),
        )
        for reference, (line, label) in LOOKS.items()
        if (table["reference"] == reference).any()
    ]
    canvas.legend(handles=handles, loc="outside upper center", ncols=3)
