"""Experiments on the theorems: transport by closed forms, slopes by planted laws."""

import itertools

import numpy as np
import pandas as pd
import pytest

from lmc_ot.errors import ConfigError
from lmc_ot.matching import REGISTRY as MATCHERS
from lmc_ot.theory import REGISTRY, rates, transport
from lmc_ot.theory.experiment import Measurement, Prediction
from lmc_ot.theory.isotropic import Isotropic
from lmc_ot.theory.low_dimension import LowDimension


def frame(measurements):
    return pd.DataFrame(list(measurements))


# -- transport ---------------------------------------------------------------------------------


@pytest.mark.parametrize("d", [1, 2, 5])
def test_the_distance_is_that_of_the_best_of_all_matchings(d, stream):
    x, y = stream.normal(size=(2, 6, d))
    best = min(np.mean(((x - y[list(p)]) ** 2).sum(1)) for p in itertools.permutations(range(6)))
    assert transport.squared_distance(x, y) == pytest.approx(best, rel=1e-12)


def test_in_one_dimension_sorting_is_the_assignment(stream):
    x, y = stream.normal(size=(2, 200, 1))
    matched = y[transport.matching(x, y)]
    assert transport.squared_distance(x, y) == pytest.approx(np.mean((x - matched) ** 2), rel=1e-9)


def test_a_shuffled_copy_is_at_no_distance_and_a_shifted_one_at_the_shift(stream):
    x = stream.normal(size=(50, 3))
    shuffled = x[stream.permutation(50)]
    assert transport.squared_distance(x, shuffled) == 0
    shift = np.array([1.0, 2.0, 2.0])
    assert transport.squared_distance(x, shuffled + shift) == pytest.approx(9.0, rel=1e-12)


def test_two_gaussians_of_one_dimension_have_their_closed_form(stream):
    """(m1 - m2)^2 + (s1 - s2)^2; quantiles instead of samples, so it is nearly exact."""
    from scipy.stats import norm

    quantiles = norm.ppf((np.arange(20_000) + 0.5) / 20_000)[:, None]
    found = transport.squared_distance(quantiles, 3.0 + 2.0 * stream.permutation(quantiles))
    assert found == pytest.approx(3.0**2 + 1.0**2, rel=1e-3)


# -- slopes ------------------------------------------------------------------------------------


def law(slope, sizes, repetitions, noise, stream, series="s"):
    return [
        Measurement("q", series, n, r, 3.0 * n**slope * np.exp(noise * stream.normal()))
        for n in sizes
        for r in range(repetitions)
    ]


def test_an_exact_law_has_its_slope_and_level(stream):
    found = rates.slopes(
        frame(law(-0.4, [16, 64, 256], 3, 0.0, stream)), [Prediction("q", "s", -0.5)]
    )
    row = found.iloc[0]
    assert row["slope"] == pytest.approx(-0.4, abs=1e-12)
    assert row["low"] == pytest.approx(-0.4, abs=1e-9) == row["high"]
    assert row["level"] == pytest.approx(3.0 * 64**-0.4)
    assert (row["predicted"], row["smallest"], row["largest"]) == (-0.5, 16, 256)


def test_the_interval_holds_the_true_slope_as_often_as_it_says():
    stream = np.random.default_rng(1)
    held = 0
    for _ in range(400):
        row = rates.slopes(
            frame(law(-0.4, [16, 64, 256], 5, 0.2, stream)), [Prediction("q", "s", None)]
        ).iloc[0]
        held += row["low"] <= -0.4 <= row["high"]
    # 95 % of 400, within three standard deviations of the count.
    assert abs(held - 380) <= 3 * np.sqrt(400 * 0.95 * 0.05)
    assert np.isnan(row["predicted"])


def test_a_fit_keeps_to_its_sizes(stream):
    bent = law(-1.0, [16, 32, 64], 3, 0.0, stream) + [
        Measurement("q", "s", n, r, 3.0 / 64) for n in (128, 256) for r in range(3)
    ]
    row = rates.slopes(frame(bent), [Prediction("q", "s", None, smallest=16, largest=64)]).iloc[0]
    assert row["slope"] == pytest.approx(-1.0)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda rows: rows[:3], "fewer than two"),
        (lambda rows: [r for r in rows if r.repetition == 0], "fewer than two"),
        (lambda rows: [*rows[:-1], rows[-1]._replace(value=0.0)], "positive values"),
    ],
)
def test_a_curve_without_a_slope_is_refused(change, said, stream):
    with pytest.raises(ValueError, match=f"q, s: .*{said}"):
        rates.slopes(
            frame(change(law(-0.4, [16, 64], 3, 0.1, stream))), [Prediction("q", "s", None)]
        )


def test_curves_are_means_and_standard_deviations():
    rows = [Measurement("q", "s", 8, r, v) for r, v in enumerate([1.0, 2.0, 6.0])]
    row = rates.curves(frame(rows)).iloc[0]
    assert (row["mean"], row["std"], row["n"]) == (3.0, pytest.approx(7**0.5), 3)


# -- the experiments ---------------------------------------------------------------------------


@pytest.mark.parametrize("name", REGISTRY.names)
def test_every_line_of_the_registry_is_whole(name):
    entry = REGISTRY.entry(name)
    assert entry.statement and entry.size and entry.contradicted_by and entry.description
    experiment = REGISTRY.build({"name": name})
    found = experiment.predictions()
    assert len({(p.quantity, p.series) for p in found}) == len(found) > 0


SMALL = {
    "isotropic": {"sizes": [8, 16], "dimensions": [2, 5], "repetitions": 3},
    "low_dimension": {
        "sizes": [8, 16], "dimension": 7, "large_directions": 5, "etas": [0.0, 0.2],
        "repetitions": 3,
    },
}  # fmt: skip


@pytest.mark.parametrize("name", SMALL)
def test_measurements_are_complete_and_depend_on_the_seed_alone(name):
    experiment = REGISTRY.build({"name": name, **SMALL[name]})
    found = list(experiment.measure(3))
    assert found == list(experiment.measure(3))
    assert found != list(experiment.measure(4))
    keys = [row[:4] for row in found]
    assert len(set(keys)) == len(keys)
    for prediction in experiment.predictions():
        rows = [
            r for r in found if (r.quantity, r.series) == (prediction.quantity, prediction.series)
        ]
        assert len(rows) == len(SMALL[name]["sizes"]) * SMALL[name]["repetitions"]
    more = REGISTRY.build({"name": name, **SMALL[name], "sizes": [8, 12, 16], "repetitions": 4})
    assert set(found) <= set(more.measure(3))


def test_in_one_dimension_the_distance_of_samples_falls_like_one_over_n():
    """Up to a logarithm; the slope of sizes 64 to 1024 lies between -1.1 and -0.85."""
    experiment = Isotropic([64, 256, 1024], [1], 40)
    row = rates.slopes(frame(experiment.measure(0)), experiment.predictions()).iloc[0]
    assert -1.1 < row["low"] < row["high"] < -0.75
    assert np.isnan(row["predicted"])


def test_five_dimensions_have_the_predicted_slope():
    experiment = Isotropic([64, 128, 256, 512], [5], 10)
    row = rates.slopes(frame(experiment.measure(0)), experiment.predictions()).iloc[0]
    assert row["predicted"] == -0.4
    assert row["low"] - 0.02 < row["predicted"] < row["high"] + 0.02


def test_without_small_directions_the_samples_are_of_k_dimensions():
    """The same numbers, so the same distance, whatever d is; and W2^2 grows with eta."""
    options = {"sizes": [16, 32], "large_directions": 5, "repetitions": 3}
    flat = list(LowDimension(dimension=9, etas=[0.0], **options).measure(0))
    values = {}
    for row in LowDimension(dimension=9, etas=[0.0, 0.1, 1.0], **options).measure(0):
        values.setdefault(row.series, {})[row.size, row.repetition] = row.value
    assert values["eta = 0"] == {(r.size, r.repetition): r.value for r in flat}
    for key, value in values["eta = 0"].items():
        assert value < values["eta = 0.1"][key] < values["eta = 1"][key]


def test_more_large_directions_than_directions_are_refused(one_line):
    with pytest.raises(ConfigError) as error:
        LowDimension([8, 16], 6, 6, [0.0], 3)
    one_line(error, "large_directions", 6)


def test_two_etas_of_one_label_are_refused(one_line):
    with pytest.raises(ConfigError) as error:
        LowDimension([8, 16], 9, 5, [0.1, 0.1000001], 3)
    one_line(error, "etas", "eta = 0.1")


def test_weighted_matching_names_the_matchers_it_uses(monkeypatch):
    """An edit of another matcher must not measure it again."""
    used = []
    build = MATCHERS.build
    monkeypatch.setattr(MATCHERS, "build", lambda block: used.append(block["name"]) or build(block))
    experiment = REGISTRY.build({"name": "weighted_matching", "sizes": [4, 8], "repetitions": 3})
    list(experiment.measure(0))
    assert tuple(used) == REGISTRY.entry("weighted_matching").matchers
