"""One look for all figures: colours, markers, names, sizes."""

import textwrap
from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
from matplotlib.axes import Axes
from matplotlib.axis import Axis
from matplotlib.figure import SubFigure
from matplotlib.legend_handler import HandlerTuple
from matplotlib.lines import Line2D
from matplotlib.ticker import LogLocator

from ...config.sweep import CHECKPOINTS, LEARNING_RATE

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
# Labels of y axes, with units: losses are cross entropies with the natural logarithm.
LMC_ERROR = "LMC error (loss at the midpoint, nats)"
METRICS = {"loss": "loss (nats)", "accuracy": "accuracy (fraction)"}
# Colour, marker and name of the matchers that come with the project, and of the endpoints.
_KNOWN = {
    "identity": (GREY, "o", "no matching"),
    "naive_wm": (PALETTE[0], "s", "naive WM"),
    "sigma_wm": (PALETTE[1], "^", "$\\Sigma$-WM"),
    "am": (PALETTE[2], "D", "AM"),
    "weight_matching": (PALETTE[3], "v", "weight matching"),
    ENDPOINTS: ("black", "", "endpoints"),
}


@dataclass(frozen=True)
class AxisName:
    """How figures call the axis of an experiment.

    Parameters
    ----------
    label
        On the x axis.
    short
        In front of a value: "width 64".
    brief
        The same in the legend of many settings.
    one, several
        One setting and several of them, within a sentence.
    """

    label: str
    short: str
    brief: str
    one: str = "setting"
    several: str = "settings"

    def setting(self, value: float, digits: int = 3, brief: bool = False) -> str:
        """A setting's name: ``learning rate 0.1``, ``width 64``."""
        return f"{self.brief if brief else self.short} {number(value, digits)}"


_AXES = {
    LEARNING_RATE: AxisName("learning rate", "learning rate", "rate", "learning rate", "rates"),
    "network.hidden_widths": AxisName(
        "width of the hidden layers", "width", "width", "width", "widths"
    ),
    "network.hidden_widths.length": AxisName(
        "number of hidden layers", "depth", "depth", "depth", "depths"
    ),
    "training.batch_size": AxisName(
        "batch size", "batch size", "batch", "batch size", "batch sizes"
    ),
    "training.epochs": AxisName("epochs of training", "epochs", "epochs"),
    "training.stop_after": AxisName("epochs trained", "epoch", "epoch", "epoch", "epochs"),
    "training.warmup_steps": AxisName("warm-up steps", "warm-up steps", "steps"),
    "training.warmup_epochs": AxisName("warm-up epochs", "warm-up epochs", "epochs"),
    "activations.examples": AxisName("examples of the activations", "examples", "examples"),
    "path.points": AxisName("points on the path", "points", "points"),
    CHECKPOINTS: AxisName("setting", "setting", "setting"),
}
MOST_TICKS = 8  # of one per value
_WIDTH_OF_A_CHARACTER = 0.022  # of a tick's label, as a share of the x axis
LEAST_RATIO = 8  # of the largest value and the smallest, for a logarithmic axis
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
        "color": PALETTE[4 + others % (len(PALETTE) - 4)],
        "marker": MARKERS[5 + others % (len(MARKERS) - 5)],
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


_HOLLOW = {"linestyle": "none", "markerfacecolor": "none", "markeredgewidth": 0.8}


def hollow(axes: Axes, x, y, **look) -> None:
    """Published numbers: hollow markers, above everything."""
    axes.plot(x, y, zorder=3, **_HOLLOW, **look)


def handle(**look) -> Line2D:
    """An entry of a legend."""
    return Line2D([], [], **look)


def layer_markers(keys) -> dict:
    """A marker for every layer, or for every other thing that comes in an order."""
    in_order = dict.fromkeys(keys)
    return dict(zip(in_order, MARKERS * len(in_order), strict=False))


def layer_handles(colours: dict[str, str], markers: dict[int, str]) -> list[Line2D]:
    """The legend of curves whose colour is the matcher and whose marker is the layer."""
    black = {"color": "black", "linestyle": "none"}
    return [handle(color=colour, label=name(matcher)) for matcher, colour in colours.items()] + [
        handle(marker=marker, label=f"layer {layer}", **black) for layer, marker in markers.items()
    ]


def legend(canvas: SubFigure, handles: list[Line2D], published: Iterable[dict] = ()) -> None:
    """The legend above a panel.

    Parameters
    ----------
    handles
        Entries with a label.
    published
        Colours and markers of the published numbers: one entry shows up to three of them.
    """
    entries, labels = list(handles), [entry.get_label() for entry in handles]
    if published := [_HOLLOW | look for look in published]:
        entries.append(tuple(handle(**look) for look in published[:3]))
        labels.append("published (hollow)")
    canvas.legend(
        entries,
        labels,
        loc="outside upper center",
        ncols=3,
        handler_map={tuple: HandlerTuple(ndivide=None, pad=0.2)},
    )


def axis_of(table) -> AxisName:
    """The name of the axis of a panel's table, which may have no rows."""
    return axis_name(_key(table))


def _key(table) -> str:
    return table["axis"].iloc[0] if len(table) else ""


def axis_name(axis: str) -> AxisName:
    """How figures call an axis, given as the tables name it (`config.sweep.name`)."""
    if axis in _AXES:
        return _AXES[axis]
    words = axis.split(".")[-1].replace("_", " ") or "setting"
    return AxisName(words, words, words)


def number(value: float, digits: int = 3) -> str:
    """A value on an axis: an integer in full, others with so many significant digits."""
    whole = float(value).is_integer() and abs(value) < 1e6
    return f"{value:.0f}" if whole else f"{value:.{digits}g}"


def settings_axis(axes: Axes, table) -> None:
    """The x axis of a panel's table: its name, its scale, and ticks at the values if they are few.

    To be called when everything is drawn: labels depend on the range.
    """
    axis, values = _key(table), sorted(table["value"].unique())
    axes.set_xlabel(axis_of(table).label)
    # A single learning rate has a logarithmic axis, too.
    if axis == LEARNING_RATE or (
        len(values) and values[0] > 0 and values[-1] >= LEAST_RATIO * values[0]
    ):
        logarithmic(axes.xaxis)
    if axis == LEARNING_RATE or not 0 < len(values) <= MOST_TICKS:
        return
    axes.set_xticks(values, _labels(values, logarithmic=axes.get_xscale() == "log"))
    axes.set_xticks([], minor=True)
    if len(values) == 1:
        _mark_single(axes, table)


def _labels(values: list[float], logarithmic: bool) -> list[str]:
    """The labels of ticks at the values, empty where they would run into the one before."""
    places = np.log(values) if logarithmic else np.array(values)
    places = (places - places[0]) / ((places[-1] - places[0]) or 1)
    labels, end = [], -1.0
    for place, text in zip(places, map(number, values), strict=True):
        half = _WIDTH_OF_A_CHARACTER * (len(text) + 1) / 2
        labels.append(text if place - half >= end else "")
        end = place + half if labels[-1] else end
    return labels


def _mark_single(axes: Axes, table) -> None:
    """Show what a single value leaves of lines without markers, and of bands: dashes and bars."""
    for line in axes.lines:
        if line.get_marker() in ("", "None") and len(line.get_xdata()) == 1:
            line.set(marker="_", markersize=8)
    if "std" in table:
        rows = table[table["source"] == "measured"] if "source" in table else table
        axes.errorbar(
            rows["value"], rows["mean"], rows["std"], fmt="none", ecolor=GREY, elinewidth=0.6,
            zorder=1,
        )  # fmt: skip


def log_log(axes: Axes) -> None:
    """Both axes logarithmic."""
    logarithmic(axes.xaxis)
    logarithmic(axes.yaxis)


def logarithmic(axis: Axis) -> None:
    """One axis logarithmic; of few decades, with plain numbers, at 1, 2 and 5 or at all ticks.

    It stays linear if no value on it is positive.
    """
    if not axis.get_data_interval()[1] > 0:
        return
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
    """Say above the axes, at each setting, how many runs diverged and are in no mean.

    A setting of which all of them diverged has no point: the axis is made to reach it all the same.
    To be called before the axes are made logarithmic, as labels depend on the range.
    """
    bad = rows[rows["diverged"] > 0].drop_duplicates("value")
    if len(bad):
        height = next(iter(rows["mean"].dropna()), 1.0)  # one that the axis has already
        axes.update_datalim([(value, height) for value in bad["value"]])
        axes.autoscale_view()
    for row in bad.itertuples():
        axes.annotate(
            f"{row.diverged} diverged",
            (row.value, 1),
            xycoords=("data", "axes fraction"),
            ha="center",
            va="bottom",
            fontsize=5,
            color=PALETTE[0],
        )
