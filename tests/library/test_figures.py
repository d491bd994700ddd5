"""Figures of more curves than there are colours and markers."""

import itertools
import warnings

import numpy as np
import pandas as pd
import pytest
from matplotlib.figure import Figure
from matplotlib.text import Text

from lmc_ot.reporting.figures import (
    all_pairs,
    along_path,
    dimension_against_error,
    dimension_by_layer,
    dimension_correlation,
    independence,
    lmc_error,
    style,
    theory,
)
from lmc_ot.reporting.figures.compose import compose

AXIS = "training.learning_rate"


def test_no_two_of_the_first_curves_look_alike():
    looks = [tuple(style.curve(i).values()) for i in range(100)]
    assert len(set(looks)) > len(style.MARKERS)
    assert len(set(looks[: len(style.MARKERS)])) == len(style.MARKERS)


@pytest.mark.parametrize("count", [1, 40])
def test_an_experiment_on_a_theorem_has_any_number_of_curves(count):
    names = [f"d = {i}" for i in range(count)]
    points = [
        {"quantity": "q", "series": name, "size": size, "mean": 1 / size, "std": 0.01, "n": 3}
        for name, size in itertools.product(names, (32, 64))
    ]
    lines = [
        {"quantity": "q", "series": name, "smallest": 32, "largest": 64, "repetitions": 3,
         "slope": -1.0, "low": -1.1, "high": -0.9, "predicted": -1.0, "bound": False, "level": 0.02}
        for name in names
    ]  # fmt: skip
    figure = theory.compose(pd.DataFrame(points), pd.DataFrame(lines), "points n")
    (axes,) = figure.axes
    assert len(axes.containers) == count


def test_independence_is_shown_of_any_number_of_layers():
    table = pd.DataFrame(
        {"reference": "reshuffled", "layer": layer, "axis": AXIS, "value": rate, "mean": 0.1,
         "std": 0.01, "n": 2}
        for layer, rate in itertools.product(range(1, 41), (0.1, 0.2))
    )  # fmt: skip
    canvas = Figure().subfigures()
    independence.draw(canvas, table)
    (legend,) = canvas.legends
    assert len(legend.get_texts()) == 41


@pytest.mark.parametrize("nats", [True, False])
def test_only_cross_entropies_are_labelled_in_nats(nats):
    rows = {"axis": AXIS, "value": [0.1, 0.2], "matcher": "am", "mean": [0.2, 0.3], "std": 0.1}
    error = pd.DataFrame({**rows, "source": "measured", "n": 2, "diverged": 0})
    path = pd.DataFrame({**rows, "metric": "loss", "t": [0.0, 0.0], "n": 2})
    figure = compose([("lmc_error", error), ("along_path", path)], [nats, nats])
    said = " | ".join(text.get_text() for text in figure.findobj(Text))
    for label in ("LMC error (loss at the midpoint{})", "loss{}"):
        unit = (", nats" if "(" in label else " (nats)") if nats else ""
        assert f" | {label.format(unit)} | " in said
    assert ("nats" in said) is nats


def test_points_that_cannot_be_shown_are_counted_in_the_figure():
    table = pd.DataFrame(
        {
            "matcher": ["am", "am", "naive_wm"],
            "axis": AXIS,
            "value": 0.1,
            "pair": [0, 1, 0],
            "dimension": [2.0, 0.0, 8.0],
            "midpoint_loss": [0.5, 0.6, 0.7],
            "shown": [True, False, True],
        }
    )
    canvas = Figure().subfigures()
    dimension_against_error.draw(canvas, table)
    (axes,) = canvas.axes
    assert axes.get_title() == "Not shown (of 3 points): 1 with a dead layer"
    assert sorted(x for line in axes.lines for x in line.get_xdata()) == [2, 2, 8, 8]
    table.loc[2, ["midpoint_loss", "shown"]] = [np.nan, False]
    canvas = Figure().subfigures()
    dimension_against_error.draw(canvas, table)
    said = canvas.axes[0].get_title().replace("\n", " ")
    assert said.endswith("1 with a dead layer, 1 with an error of 0 or none")


@pytest.mark.parametrize("value", [0.0, np.nan])
def test_a_path_on_which_all_is_0_or_missing_is_drawn_without_a_warning(value):
    table = pd.DataFrame(
        {"metric": "accuracy", "axis": AXIS, "value": 0.1, "matcher": "am", "t": [0.0, 0.5, 1.0],
         "mean": value, "std": 0.0, "n": 2}
    )  # fmt: skip
    canvas = Figure().subfigures()
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        along_path.draw(canvas, table)
    assert canvas.axes[0].get_ylim() == (0, 1)


@pytest.mark.parametrize("mean", [[0.5, 0.4, np.nan], [np.nan, np.nan, np.nan]])
def test_a_rate_at_which_all_diverged_is_on_the_axis(mean):
    table = pd.DataFrame(
        {"source": "measured", "matcher": "am", "axis": AXIS, "value": [0.1, 1.0, 1e6],
         "mean": mean, "std": 0.1, "n": 2, "diverged": [0, 0, 2]}
    )  # fmt: skip
    canvas = Figure().subfigures()
    lmc_error.draw(canvas, table)
    (axes,) = canvas.axes
    low, high = axes.get_xlim()
    assert low < 0.1 or np.isnan(mean[0])
    assert high > 1e6
    assert [text.get_text() for text in axes.texts] == ["2 diverged"]
    if not np.isnan(mean[0]):
        assert axes.get_ylim()[0] > 0.25 and axes.get_ylim()[1] < 1


def test_a_correlation_that_is_missing_is_not_drawn_and_no_legend_says_nan():
    row = {"axis": AXIS, "value": np.nan, "matcher": None, "confidence": 0.95, "left_out": 2}
    table = pd.DataFrame(
        [
            row | {"measure": "midpoint_loss", "question": "within_setting", "value": 0.1,
                   "correlation": np.nan, "low": np.nan, "high": np.nan, "points": 0},
            row | {"measure": "midpoint_loss", "question": "pooled", "correlation": 0.5,
                   "low": 0.1, "high": 0.9, "points": 4},
        ]
    )  # fmt: skip
    canvas = Figure().subfigures()
    dimension_correlation.draw(canvas, table)
    (axes,) = canvas.axes
    (points,) = [line for line in axes.lines if line.get_marker() == "o"]
    assert points.get_xdata().tolist() == [0.5] and points.get_ydata()[0] < 1
    assert [label.get_text() for label in axes.get_yticklabels()] == [
        "within learning rate 0.1", "pooled",
    ]  # fmt: skip
    assert "2 of 6 (LMC error)" in axes.get_title("right").replace("\n", " ")
    assert "nan" not in "".join(text.get_text() for text in canvas.legends[0].get_texts())


WIDTHS = "network.hidden_widths"


@pytest.mark.parametrize(
    ("axis", "values", "label", "setting"),
    [
        (AXIS, [3.981e-4], "learning rate", "learning rate 0.000398"),
        (WIDTHS, [64, 1024], "width of the hidden layers", "width 64"),
        (f"{WIDTHS}.length", [1, 2, 3], "number of hidden layers", "depth 1"),
        ("training.batch_size", [12345], "batch size", "batch size 12345"),
        ("training.optimiser.weight_decay", [5e-4], "weight decay", "weight decay 0.0005"),
        ("networks", [2], "networks", "networks 2"),
    ],
)
def test_axes_and_settings_have_readable_names(axis, values, label, setting):
    name = style.axis_name(axis)
    assert (name.label, name.setting(values[0])) == (label, setting)


def errors(axis, values):
    """A table of `panels.lmc_error`."""
    return pd.DataFrame(
        {"source": "measured", "matcher": matcher, "axis": axis, "value": float(value),
         "mean": 0.5 + i, "std": 0.1, "n": 2, "diverged": 0}
        for i, matcher in enumerate(("endpoints", "am")) for value in values
    )  # fmt: skip


@pytest.mark.parametrize(
    ("axis", "values", "scale"),
    [
        (WIDTHS, [64, 128, 512], "log"),
        (WIDTHS, [64, 128, 511], "linear"),
        ("training.optimiser.weight_decay", [0, 1e-4, 1e-2], "linear"),
        (AXIS, [0.1, 0.2], "log"),
        (AXIS, [0.1], "log"),
    ],
)
def test_the_scale_of_an_axis_follows_from_its_values(axis, values, scale):
    canvas = Figure().subfigures()
    lmc_error.draw(canvas, errors(axis, values))
    (axes,) = canvas.axes
    assert axes.get_xscale() == scale
    assert axes.get_xlabel() == style.axis_name(axis).label


def test_few_values_have_a_tick_each_and_labels_do_not_run_into_each_other():
    for values, expected in (
        ([64, 128, 256, 512], ["64", "128", "256", "512"]),
        ([0, 1e-4, 1e-2], ["0", "", "0.01"]),
    ):
        canvas = Figure().subfigures()
        lmc_error.draw(canvas, errors("network.any", values))
        (axes,) = canvas.axes
        assert axes.get_xticks().tolist() == values
        assert [label.get_text() for label in axes.get_xticklabels()] == expected
        assert not len(axes.get_xticks(minor=True))
    canvas = Figure().subfigures()
    many = list(range(1, style.MOST_TICKS + 2))
    lmc_error.draw(canvas, errors("network.any", many))
    assert canvas.axes[0].get_xticks().tolist() != many


@pytest.mark.parametrize("panel", [lmc_error, all_pairs])
def test_a_single_value_shows_the_endpoints_too(panel):
    table = errors(WIDTHS, [64]).assign(low=0.4, high=1.6)
    canvas = Figure().subfigures()
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        panel.draw(canvas, table)
        canvas.figure.canvas.draw()
    (axes,) = canvas.axes
    assert axes.get_xticks().tolist() == [64]
    low, high = axes.get_xlim()
    assert low < 64 < high
    shown = {tuple(line.get_ydata()) for line in axes.lines if line.get_marker() != ""}
    assert {(0.5,), (1.5,)} <= shown


def test_the_references_of_a_single_value_differ_in_their_markers():
    table = pd.DataFrame(
        {"reference": reference, "layer": 1, "axis": WIDTHS, "value": 64.0, "mean": 0.1,
         "std": 0.01, "n": 2}
        for reference in independence.LOOKS
    )  # fmt: skip
    canvas = Figure().subfigures()
    independence.draw(canvas, table)
    fills = [line.get_fillstyle() for line in canvas.axes[0].lines if line.get_marker() == "o"]
    assert len(fills) == len(set(fills)) == 3


def test_two_values_that_round_to_one_are_two_rows_of_correlations():
    rows = [
        {"measure": "midpoint_loss", "question": "within_setting", "axis": "training.momentum",
         "value": value, "matcher": None, "correlation": value, "low": 0.9, "high": 1.0,
         "points": 4, "left_out": 0}
        for value in (0.991, 0.992)
    ]  # fmt: skip
    canvas = Figure().subfigures()
    dimension_correlation.draw(canvas, pd.DataFrame(rows))
    assert len(canvas.axes[0].get_yticks()) == 2


def test_long_names_of_settings_have_a_legend_of_two_columns():
    table = pd.DataFrame(
        {"source": "measured", "matcher": "am", "layer": 1, "axis": "training.weight_decay",
         "value": value, "mean": 2.0, "std": 0.1, "n": 2, "left_out": 0}
        for value in (1e-4, 1e-3, 1e-2)
    )  # fmt: skip
    canvas = Figure().subfigures()
    dimension_by_layer.draw(canvas, table)
    (legend,) = canvas.legends
    assert legend.get_texts()[0].get_text() == "weight decay 0.0001"
    assert legend._ncols == 2
