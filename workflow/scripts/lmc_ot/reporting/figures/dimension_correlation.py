"""Rank correlations of approximate dimension and error, one row per question."""

import pandas as pd
from matplotlib.figure import SubFigure

from . import style

_MEASURES = {
    "midpoint_loss": {"label": "LMC error", "shift": -0.16, "markerfacecolor": "black"},
    "barrier_share": {
        "label": "barrier / barrier without matching",
        "shift": 0.16,
        "markerfacecolor": "white",
    },
}


def height(table: pd.DataFrame) -> float:
    """Inches."""
    return 0.8 + 0.2 * len(_questions(table))


def draw(canvas: SubFigure, table: pd.DataFrame) -> None:
    """Draw the table of `panels.dimension_correlation`."""
    axes = canvas.subplots()
    rows_shown = _questions(table)
    keys = list(rows_shown)
    handles = []
    for measure, rows in table.groupby("measure", sort=False):
        look = {"color": "black", "marker": "o", "linestyle": "none"} | _MEASURES[measure]
        shift = look.pop("shift")
        handles.append(style.handle(**look))
        rows = rows.dropna(subset=["correlation"])
        for row in rows.itertuples():
            y = keys.index(_key(row)) + shift
            axes.plot([row.low, row.high], [y, y], color="black", linewidth=0.7, zorder=2)
        places = [keys.index(_key(row)) + shift for row in rows.itertuples()]
        look.pop("label")
        axes.plot(rows["correlation"], places, zorder=3, **look)
    axes.axvline(0, color=style.GREY, linewidth=0.8)
    axes.set_yticks(range(len(keys)), rows_shown.values())
    axes.set_ylim(max(1, len(keys)) - 0.5, -0.5)
    axes.set_xlim(-1.05, 1.05)
    axes.set_xlabel("Spearman's rank correlation")
    pooled = table[(table["question"] == "pooled") & (table["left_out"] > 0)]
    if len(pooled):
        counts = [
            f"{row.left_out} of {row.left_out + row.points} ({_MEASURES[row.measure]['label']})"
            for row in pooled.itertuples()
        ]
        style.note(
            axes, f"Points left out (dead layer, error of 0 or none): {', '.join(counts)}", "right"
        )
    canvas.legend(handles=handles, loc="outside upper center", ncols=2)


def _questions(table: pd.DataFrame) -> dict[tuple, str]:
    """The rows and their names, from top to bottom: matchers in the order of every figure."""
    matchers = style.order(table["matcher"].dropna())
    first = dict.fromkeys(table["question"])
    rows = sorted(
        table.itertuples(),
        key=lambda row: (
            list(first).index(row.question),
            matchers.index(row.matcher) if row.question == "within_matcher" else 0,
        ),
    )
    axis = style.axis_of(table)
    return {_key(row): _name(row, axis) for row in rows}


def _key(row) -> tuple:
    """What tells a row from the others: two values may have the same name when rounded."""
    about = {"within_setting": "value", "within_matcher": "matcher"}.get(row.question)
    return row.question, getattr(row, about) if about else None


def _name(row, axis: style.AxisName) -> str:
    if row.question == "within_setting":
        return f"within {axis.setting(row.value, digits=2)}"
    if row.question == "within_matcher":
        return f"within {style.name(row.matcher)}, over {axis.several}"
    if row.question == "mean_within_setting":
        return f"mean within a {axis.one}"
    return row.question
