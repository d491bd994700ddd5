"""One look for all figures: colours, markers, names, sizes."""

import textwrap

from matplotlib.axes import Axes
from matplotlib.axis import Axis
from matplotlib.lines import Line2D
from matplotlib.ticker import LogLocator

# Width of a column of the paper, in inches: every figure is legible at it.
COLUMN_WIDTH = 3.25

SETTINGS = {
    "font.family": "DejaVu Sans",
    "font.size": 7,
    "axes.labelsize": 7,
    "axes.titlesize": 7,
    "legend.fontsize": 6,
    "xtick.labelsize": 6,
    "ytick.labelsize": 6,
    "axes.linewidth": 0.6,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.grid": True,
    "axes.axisbelow": True,
    "grid.color": "#e6e6e6",
    "grid.linewidth": 0.5,
    "lines.linewidth": 1.1,
    "lines.markersize": 3.5,
    "legend.frameon": False,
    "legend.handlelength": 1.8,
    "pdf.fonttype": 42,  # TrueType, embedded
    "svg.fonttype": "path",
    "svg.hashsalt": "lmc-ot",
    "savefig.dpi": 300,
}

# Okabe and Ito's palette, to be told apart with any colour vision.
PALETTE = ["#D55E00", "#0072B2", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#F0E442"]
GREY = "#767676"
ENDPOINTS = "endpoints"
# Colour, marker and name of the matchers that come with the project, and of the endpoints.
_KNOWN = {
    "identity": (GREY, "o", "no matching"),
    "naive_wm": (PALETTE[0], "s", "naive WM"),
    "sigma_wm": (PALETTE[1], "^", "$\\Sigma$-WM"),
    "am": (PALETTE[2], "D", "AM"),
    ENDPOINTS: ("black", "", "endpoints"),
}
MARKERS = ["o", "s", "^", "D", "v", "P", "X", "<", ">", "p", "h", "*", "8", "d", "H"]


def order(matchers) -> list[str]:
    """Matchers in the order in which every figure shows them: the known ones, then others."""
    known = [name for name in _KNOWN if name in set(matchers)]
    return known + sorted(set(matchers) - set(known))


def look(matcher: str, matchers) -> dict[str, str]:
    """A matcher's colour and marker: its own in all figures; one of the rest for a new label.

    Parameters
    ----------
    matcher
        A label of the config, or ``endpoints``.
    matchers
        All that the figure shows.
    """
    if matcher in _KNOWN:
        return dict(zip(("color", "marker"), _KNOWN[matcher], strict=False))
    others = [label for label in order(matchers) if label not in _KNOWN].index(matcher)
    return {
        "color": PALETTE[3 + others % (len(PALETTE) - 3)],
        "marker": MARKERS[4 + others % (len(MARKERS) - 4)],
    }


def curve(i: int) -> dict[str, str]:
    """Colour and marker of the i-th of any number of curves that are not matchers."""
    return {"color": PALETTE[i % len(PALETTE)], "marker": MARKERS[i % len(MARKERS)]}


def name(matcher: str) -> str:
    """A matcher's name in a legend."""
    return _KNOWN[matcher][2] if matcher in _KNOWN else matcher.replace("_", " ")


def band(axes: Axes, x, mean, std, **look) -> None:
    """A curve with a band of one standard deviation."""
    shown = {key: look[key] for key in ("color",)}
    axes.fill_between(x, mean - std, mean + std, alpha=0.18, linewidth=0, **shown)
    axes.plot(x, mean, **look)


def interval(axes: Axes, x, y, low, high, **look) -> None:
    """A curve with a bar from low to high at every point; none where they are missing."""
    bars = [(y - low).clip(lower=0), (high - y).clip(lower=0)]
    axes.errorbar(x, y, bars, capsize=1.5, elinewidth=0.8, **look)


def hollow(axes: Axes, x, y, **look) -> None:
    """Published numbers: hollow markers, above everything."""
    axes.plot(x, y, linestyle="none", markerfacecolor="none", markeredgewidth=0.8, zorder=3, **look)


def handle(**look) -> Line2D:
    """An entry of a legend."""
    return Line2D([], [], **look)


def published_handle() -> Line2D:
    """The legend's entry of the published numbers."""
    look = {"color": "black", "linestyle": "none", "marker": "o", "markersize": 6}
    return handle(markerfacecolor="none", label="published", **look)


def log_log(axes: Axes) -> None:
    """Both axes logarithmic."""
    logarithmic(axes.xaxis)
    logarithmic(axes.yaxis)


def logarithmic(axis: Axis) -> None:
    """One axis logarithmic; of few decades, with plain numbers, at 1, 2 and 5 or at all ticks."""
    axis.axes.set(**{f"{axis.axis_name}scale": "log"})
    low, high = axis.get_view_interval()
    if high / low < 500:
        axis.set_major_formatter("{x:g}")
        axis.set_minor_locator(LogLocator(subs=range(2, 10)))
        axis.set_minor_formatter("{x:g}" if high / low < 5 else _two_and_five)
        # Their labels stand in one line with those of the major ticks, which are longer.
        axis.set_tick_params(which="minor", labelsize=SETTINGS["xtick.labelsize"], pad=5)


def _two_and_five(x: float, position: int | None = None) -> str:
    return f"{x:g}" if f"{x:.3e}"[:5] in ("2.000", "5.000") else ""


def note(axes: Axes, text: str, place: str = "center") -> None:
    """A sentence above the axes, on as many lines as it needs; `place` as of a title."""
    axes.set_title(textwrap.fill(text, 54), loc=place)


def mark_diverged(axes: Axes, rows) -> None:
    """Say above the axes, at its learning rate, how many runs diverged and are in no mean.

    A rate at which all of them diverged has no point: the axis is made to reach it all the same.
    To be called before the axes are made logarithmic, as labels depend on the range.
    """
    bad = rows[rows["diverged"] > 0].drop_duplicates("learning_rate")
    if len(bad):
        height = next(iter(rows["mean"].dropna()), 1.0)  # one that the axis has already
        axes.update_datalim([(rate, height) for rate in bad["learning_rate"]])
        axes.autoscale_view()
    for row in bad.itertuples():
        axes.annotate(
            f"{row.diverged} diverged",
            (row.learning_rate, 1),
            xycoords=("data", "axes fraction"),
            ha="center",
            va="bottom",
            fontsize=5,
            color=PALETTE[0],
        )
