"""Figures of more curves than there are colours and markers."""

import itertools

import pandas as pd
import pytest
from matplotlib.figure import Figure

from lmc.figures import independence, style, theory


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
        {"reference": "reshuffled", "layer": layer, "learning_rate": rate, "mean": 0.1,
         "std": 0.01, "n": 2}
        for layer, rate in itertools.product(range(1, 41), (0.1, 0.2))
    )  # fmt: skip
    canvas = Figure().subfigures()
    independence.draw(canvas, table)
    (legend,) = canvas.legends
    assert len(legend.get_texts()) == 41
