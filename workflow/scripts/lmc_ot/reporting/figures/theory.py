"""An experiment on a theorem: measured points, and the predicted slope through them."""

import textwrap

import matplotlib as mpl
import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from . import style


def compose(curves: pd.DataFrame, slopes: pd.DataFrame, size: str) -> Figure:
    """Draw the tables of `theory.rates`, one panel per quantity.

    Parameters
    ----------
    size
        The name of the size, for the axis.
    """
    quantities = list(dict.fromkeys(curves["quantity"]))
    heights = [
        2.0 + 0.1 * curves.loc[curves["quantity"] == q, "series"].nunique() for q in quantities
    ]
    with mpl.rc_context(style.SETTINGS):
        figure = Figure(figsize=(style.COLUMN_WIDTH, sum(heights)), layout="constrained")
        canvases = figure.subfigures(len(quantities), 1, height_ratios=heights, squeeze=False)
        for canvas, quantity in zip(canvases[:, 0], quantities, strict=True):
            axes = canvas.subplots()
            _panel(
                axes,
                curves[curves["quantity"] == quantity],
                slopes[slopes["quantity"] == quantity].set_index("series"),
            )
            axes.set_xlabel(size)
            axes.set_ylabel(textwrap.fill(quantity, 34))
            canvas.legend(loc="outside upper center", ncols=1, fontsize=5.5, labelspacing=0.3)
    return figure


def _panel(axes: Axes, curves: pd.DataFrame, slopes: pd.DataFrame) -> None:
    # A barrier may be zero or less: then there is no slope, and no logarithm.
    axes.set(yscale="log" if (curves["mean"] > 0).all() else "linear")
    axes.set_xscale("log", base=2)
    axes.xaxis.set_major_formatter("{x:g}")
    for i, (series, rows) in enumerate(curves.groupby("series", sort=False)):
        look = style.curve(i)
        fit = slopes.loc[series] if series in slopes.index else None
        axes.errorbar(
            rows["size"],
            rows["mean"],
            yerr=rows["std"],
            linestyle="none",
            elinewidth=0.8,
            capsize=1.5,
            label=_label(series, fit),
            **look,
        )
        if fit is not None:
            predicted = np.isfinite(fit["predicted"])
            # The lines are those of the table: level and slope; nothing is fitted here.
            x = np.array([fit["smallest"], fit["largest"]], float)
            y = fit["level"] * (x / np.sqrt(x.prod())) ** (
                fit["predicted"] if predicted else fit["slope"]
            )
            axes.plot(x, y, color=look["color"], linestyle="--" if predicted else ":")


def _label(series: str, fit: pd.Series | None) -> str:
    if fit is None:
        return series
    measured = f"{series}: {fit['slope']:.3f} $\\pm$ {(fit['high'] - fit['low']) / 2:.3f}"
    if np.isfinite(fit["predicted"]):
        word = "bound" if fit["bound"] else "predicted"
        return f"{measured} ({word} {fit['predicted']:.3f})"
    return measured
