"""Tables of panels: means and spreads, published rows, rank correlation, diverged networks."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from lmc_ot import tables
from lmc_ot.data.digits import digits
from lmc_ot.data.table import write_dataset
from lmc_ot.errors import TableError
from lmc_ot.reporting.panels import (
    approximate_dimension,
    dimension_against_error,
    dimension_correlation,
    independence,
    lmc_error,
    matching,
)
from lmc_ot.reporting.panels.spread import spread

AXIS = "training.learning_rate"
RUN = {"experiment": "e", "axis": AXIS, "seed": 0}
PUBLISHED = pd.DataFrame(
    {
        "quantity": ["midpoint_test_loss", "endpoint_test_loss", "approximate_dimension"],
        "method": ["am", "model", "am"],
        "layer": [np.nan, np.nan, 1],
        "learning_rate": 0.1,
        "value": [0.5, 0.25, 3.0],
        "std": np.nan,
        "n": 4.0,
    }
)


def test_a_spread_is_of_the_population_and_without_missing_values():
    frame = pd.DataFrame({"key": [1, 1, 1, 2], "value": [1.0, 3.0, np.nan, 5.0]})
    found = spread(frame, ["key"], "value")
    assert found.to_dict("list") == {"key": [1, 2], "mean": [2, 5], "std": [1, 0], "n": [2, 1]}


@pytest.fixture
def results(tmp_path):
    """Write a result table of a matcher: a dictionary of what differs for every pair."""

    def write(pairs: list[dict]) -> dict:
        names = tables.SCHEMAS["results"].names
        common = dict.fromkeys(names) | {
            "experiment": "e", "axis": AXIS, "matcher": "am", "network_a": 0, "network_b": 1,
            "split": "test", "diverged": False, "calibrated": False,
        }  # fmt: skip
        rows = [common | {"pair": i} | pair for i, pair in enumerate(pairs)]
        tables.write_rows("results", tmp_path / "results.parquet", rows, RUN)
        return {"results": [str(tmp_path / "results.parquet")]}

    return write


def pair(value, midpoint, dimensions, **others):
    return {
        "value": value, "midpoint_loss": midpoint, "dimension": dimensions,
        "endpoint_a_loss": 0.1, "endpoint_b_loss": 0.3, **others,
    }  # fmt: skip


def test_the_error_is_a_mean_over_pairs_beside_the_endpoints_and_the_published(results):
    sources = results([pair(0.1, 1.0, [2.0]), pair(0.1, 2.0, [2.0])])
    table = lmc_error.tabulate(sources, PUBLISHED, "e", "test").set_index(["source", "matcher"])
    assert table.loc[("measured", "am"), "mean"] == 1.5
    assert table.loc[("measured", "am"), "std"] == 0.5
    assert table.loc[("measured", "endpoints"), "mean"] == pytest.approx(0.2)
    assert table.loc[("published", "am"), "mean"] == 0.5
    assert table.loc[("published", "endpoints"), "mean"] == 0.25


def test_published_numbers_are_beside_learning_rates_only(results):
    axis = "network.hidden_widths"
    sources = results([pair(64.0, 1.0, [2.0], axis=axis), pair(128.0, 2.0, [2.0], axis=axis)])
    table = lmc_error.tabulate(sources, PUBLISHED, "e", "test")
    assert set(table["source"]) == {"measured"} and set(table["axis"]) == {axis}
    assert table.loc[table["matcher"] == "am", "value"].tolist() == [64, 128]


def test_a_rate_at_which_all_pairs_diverged_is_in_the_table(results):
    gone = {"value": 1.0, "diverged": True}
    table = lmc_error.tabulate(results([pair(0.1, 1.0, [2.0]), gone]), None, "e", "test")
    row = table[(table["matcher"] == "am") & (table["value"] == 1.0)].iloc[0]
    assert (row["n"], row["diverged"]) == (0, 1)
    assert np.isnan(row["mean"])


def test_the_dimension_is_a_geometric_mean_and_the_barrier_a_share_of_the_unmatched_one(results):
    sources = results(
        [
            pair(0.1, 1.0, [2.0, 8.0], barrier_loss=0.5),
            pair(0.2, 9.0, [9.0, 9.0], barrier_loss=0.5),
            pair(0.1, 3.0, None, matcher="identity", pair=0, barrier_loss=2.0),
            pair(0.2, 3.0, None, matcher="identity", pair=1, barrier_loss=0.0),
        ]
    )
    table = dimension_against_error.tabulate(sources, None, "e", "test", False)
    np.testing.assert_allclose(table["dimension"], [4, 9])
    np.testing.assert_allclose(table["barrier_share"], [0.25, np.nan])
    assert table["shown"].all()


def correlations(sources, resamples=100, confidence=0.95):
    return dimension_correlation.tabulate(sources, None, "e", "test", False, resamples, confidence)


def points(rows):
    """Rows (rate, pair, matcher, dimension, midpoint loss) of a result table, without barriers."""
    return [
        pair(rate, loss, [float(dimension)], pair=number, matcher=matcher)
        for rate, number, matcher, dimension, loss in rows
    ]


def test_rank_correlations_are_those_of_a_hand_calculation(results):
    # Ranks within 0.1: dimensions 1 2 3 4, errors 2 1 3 4; 1 - 6 (1 + 1) / (4 * 15) = 0.8.
    # Within 0.2: dimensions 1 2 3 4, errors 4 3 2 1. One matcher over both rates, m: dimensions
    # 1 2 5 6 are of ranks 1 2 3 4, errors 2 1 8 7 of ranks 2 1 4 3; 1 - 6 * 4 / 60 = 0.6.
    sources = results(
        points(
            [
                (0.1, 0, "m", 1, 2), (0.1, 1, "m", 2, 1), (0.1, 0, "n", 3, 3), (0.1, 1, "n", 4, 4),
                (0.2, 0, "m", 5, 8), (0.2, 1, "m", 6, 7), (0.2, 0, "n", 7, 6), (0.2, 1, "n", 8, 5),
            ]
        )
    )  # fmt: skip
    table = correlations(sources).set_index("question")
    assert set(table["measure"]) == {"midpoint_loss"}  # there is no unmatched barrier
    within = table.loc["within_setting"].set_index("value")["correlation"]
    np.testing.assert_allclose(within.loc[[0.1, 0.2]], [0.8, -1])
    assert table.loc["mean_within_setting", "correlation"] == pytest.approx(-0.1)
    within = table.loc["within_matcher"].set_index("matcher")["correlation"]
    assert within["m"] == pytest.approx(0.6)
    # Pooled: errors of ranks 2 1 3 4 8 7 6 5; squared differences 1 1 0 0 9 1 1 9.
    assert table.loc["pooled", "correlation"] == pytest.approx(1 - 6 * 22 / (8 * 63))
    assert table.loc["pooled", "points"] == 8
    assert table["low"].isna().all()  # two pairs at each of two rates are too few


def test_what_moves_dimensions_and_errors_apart_is_told_from_the_matchers(results):
    """A learning rate that raises dimensions and lowers errors: within it +1, pooled near -1."""
    rates, matchers = 30, ("a", "b")
    sources = results(
        points(
            (0.1 + rate, 0, matcher, 2 * rate + i, 100 - 2 * rate + i)
            for rate in range(rates)
            for i, matcher in enumerate(matchers, start=1)
        )
    )
    table = correlations(sources).set_index("question")["correlation"]
    np.testing.assert_allclose(table["within_setting"], 1)
    assert table["mean_within_setting"] == pytest.approx(1)
    np.testing.assert_allclose(table["within_matcher"], -1)
    # Ranks 2 r + i and 2 (R - 1 - r) + i: a squared difference is that of R - 1 and 2 r, times 4.
    n, squares = 2 * rates, 2 * sum((2 * (rates - 1 - 2 * r)) ** 2 for r in range(rates))
    assert table["pooled"] == pytest.approx(1 - 6 * squares / (n * (n**2 - 1)))
    assert table["pooled"] < -0.99


def test_dead_layers_are_in_no_correlation_and_are_counted(results):
    whole = [(0.1, i, "m", i + 1, i + 1) for i in range(3)]
    dead = [(0.1, 3, "m", 0, 1), (0.2, 0, "m", 0, 1), (0.2, 1, "m", 0, 2)]
    table = correlations(results(points([*whole, *dead])))
    shown = dimension_against_error.tabulate(
        results(points([*whole, *dead])), None, "e", "test", False
    )["shown"]
    assert shown.tolist() == [True, True, True, False, False, False]
    table = table.set_index(["question", "value"])
    alive, gone = table.loc[("within_setting", 0.1)], table.loc[("within_setting", 0.2)]
    assert (alive["correlation"], alive["points"], alive["left_out"]) == (1, 3, 1)
    assert np.isnan(gone["correlation"]) and (gone["points"], gone["left_out"]) == (0, 2)
    table = table.droplevel("value")
    assert table.loc["mean_within_setting", "correlation"] == 1
    assert (table.loc["pooled", "points"], table.loc["pooled", "left_out"]) == (3, 3)


def test_the_papers_committed_correlations_are_those_of_its_committed_results():
    committed = Path(__file__).parents[2] / "paper_figures/paper"
    table = dimension_correlation.tabulate(
        {"results": [str(committed / "results.parquet")]}, None, "mnist-mlp", "test", False,
        10_000, 0.95,
    )  # fmt: skip
    pd.testing.assert_frame_equal(
        table, pd.read_csv(committed / "figure3b.csv"), check_dtype=False, rtol=1e-6
    )


def test_one_point_has_no_rank_correlation(results):
    table = correlations(results([pair(0.1, 1, [2.0])]))
    assert table["correlation"].isna().all() and table["low"].isna().all()


def test_an_interval_of_a_correlation_resamples_pairs_and_repeats(results, stream):
    rows = []
    for number in range(8):
        shift = stream.normal(size=2)
        rows += [(0.1, number, m, i + shift[0], i + shift[1]) for i, m in enumerate("abc", 5)]
    first, again = (correlations(results(points(rows)), 2000) for _ in range(2))
    pd.testing.assert_frame_equal(first, again)
    row = first.set_index("question").loc["within_setting"]
    assert row["low"] < row["correlation"] < row["high"]
    narrower = correlations(results(points(rows)), 2000, 0.5).set_index("question")
    assert row["low"] < narrower.loc["within_setting", "low"]


@pytest.mark.slow
def test_the_interval_of_the_mean_correlation_covers_as_often_as_it_says(stream):
    """Matchers of different means, pairs that shift both quantities, noise: 4 pairs, 6 rates."""
    rates, pairs, resamples = 6, 4, 200

    def draw():
        shift = 0.5 * stream.normal(size=(2, rates, pairs, 1)) + np.arange(3)
        dimension, error = np.exp(shift + 0.7 * stream.normal(size=(2, rates, pairs, 3)))
        index = pd.MultiIndex.from_product([range(rates), range(pairs), list("abc")])
        frame = pd.DataFrame(
            {"dimension": dimension.ravel(), "midpoint_loss": error.ravel()}, index
        ).rename_axis(["value", "pair", "matcher"])
        return frame.reset_index().assign(shown=True)

    def mean_within(points, resamples):
        drawn = stream.integers(pairs, size=(rates, resamples, pairs))
        draws = {r: np.concatenate([[range(pairs)], drawn[r]]) for r in range(rates)}
        found = dimension_correlation._correlations(points, "midpoint_loss", points["shown"], draws)
        return next(values for q, _, values in found if q["question"] == "mean_within_setting")

    found, intervals, percentiles = [], [], []
    for _ in range(100):
        values = mean_within(draw(), resamples)
        found.append(values[0])
        intervals.append(
            dimension_correlation._interval(values[1:], 0.95, pd.Series([pairs] * rates))
        )
        percentiles.append(np.nanquantile(values[1:], [0.025, 0.975]))
    covered, plain = (
        np.mean([low <= np.mean(found) <= high for low, high in kind])
        for kind in (intervals, percentiles)
    )
    print(f"coverage of 95 % intervals: {covered:.0%}, of plain percentiles: {plain:.0%}")
    assert plain < covered
    assert covered > 0.9


def test_networks_that_diverged_are_counted_beside_the_dimensions(tmp_path):
    row = {
        "experiment": "e", "axis": AXIS, "value": 0.1, "matcher": "am",
        "group": "layers.0", "layer": 1, "centred": False, "trace": 1.0,
        "largest_eigenvalue": 1.0, "entropy_rank": 2.0, "neighbour_dimension": None,
    }  # fmt: skip
    rows = [row | {"network": i, "dimension": value} for i, value in enumerate((2.0, 4.0))]
    tables.write_rows("dimensions", tmp_path / "dimensions.parquet", rows, RUN)
    epoch = dict.fromkeys(tables.SCHEMAS["history"].names) | {
        "experiment": "e", "axis": AXIS, "epoch": 1, "step_learning_rate": 0.1, "seconds": 1.0,
    }  # fmt: skip
    history = [
        epoch | {"value": value, "network": i, "diverged": gone}
        for value, i, gone in ((0.1, 0, False), (0.1, 1, False), (0.1, 2, True), (1.0, 0, True))
    ]
    tables.write_rows("history", tmp_path / "history.parquet", history, RUN)
    sources = {kind: [str(tmp_path / f"{kind}.parquet")] for kind in ("dimensions", "history")}
    table = approximate_dimension.tabulate(sources, PUBLISHED, "e", False)
    measured = table[table["source"] == "measured"]
    assert measured["n"].tolist() == [2, 0]
    assert measured["diverged"].tolist() == [1, 1]
    assert measured["mean"].iloc[0] == 3
    assert table[table["source"] == "published"]["mean"].tolist() == [3]


def test_a_setting_has_the_dimensions_of_its_own_layers(tmp_path):
    """Of networks of one hidden layer, of two, and of some that all diverged."""
    axis = "network.hidden_widths"
    row = {
        "experiment": "e", "axis": axis, "matcher": "am", "network": 0, "centred": False,
        "dimension": 2.0, "trace": 1.0, "largest_eigenvalue": 1.0, "entropy_rank": 2.0,
        "neighbour_dimension": None,
    }  # fmt: skip
    rows = [
        row | {"value": v, "group": f"layers.{layer - 1}", "layer": layer}
        for v, layer in ((1.0, 1), (2.0, 1), (2.0, 2))
    ]
    tables.write_rows("dimensions", tmp_path / "dimensions.parquet", rows, {"seed": 0})
    epoch = dict.fromkeys(tables.SCHEMAS["history"].names) | {
        "experiment": "e", "axis": axis, "network": 0, "epoch": 1, "step_learning_rate": 0.1,
        "seconds": 1.0,
    }  # fmt: skip
    history = [epoch | {"value": value, "diverged": value == 3} for value in (1.0, 2.0, 3.0)]
    tables.write_rows("history", tmp_path / "history.parquet", history, {"seed": 0})
    sources = {kind: [str(tmp_path / f"{kind}.parquet")] for kind in ("dimensions", "history")}
    table = approximate_dimension.tabulate(sources, PUBLISHED, "e", False)
    assert set(table["source"]) == {"measured"}
    assert sorted(zip(table["value"], table["layer"], table["n"], strict=True)) == [
        (1, 1, 1), (2, 1, 1), (2, 2, 1), (3, 1, 0), (3, 2, 0),
    ]  # fmt: skip


def checkpoints(folder, widths, networks, stream):
    """A learning rate's checkpoints and history, of networks 0 .. networks - 1."""
    found = {
        number: {
            f"layers.{layer}.weight": stream.normal(size=shape).astype(np.float32)
            for layer, shape in enumerate(zip(widths[1:], widths, strict=False))
        }
        for number in range(networks)
    }
    tables.write_checkpoints(folder / "checkpoints.parquet", found, RUN, "cpu", [])
    row = dict.fromkeys(tables.SCHEMAS["history"].names) | {
        "experiment": "e", "axis": AXIS, "epoch": 1, "step_learning_rate": 0.1, "seconds": 1.0,
        "network": 0, "value": 0.1, "diverged": networks == 0,
    }  # fmt: skip
    tables.write_rows("history", folder / "history.parquet", [row], RUN)
    return {kind: [str(folder / f"{kind}.parquet")] for kind in ("checkpoints", "history")}


def test_layers_of_few_neurons_have_no_distance_from_independence(tmp_path, stream):
    sources = checkpoints(tmp_path, [7, 6, 5, 4, 3, 2, 2], 2, stream)
    table = independence.tabulate(sources, None, "e")
    reshuffled = table[table["reference"] == "reshuffled"]
    assert reshuffled["layer"].tolist() == [1]  # a half of 5 neurons has 2, which have one cosine
    assert np.isfinite(table[["mean", "std"]]).all(axis=None)


def test_no_networks_no_distances_from_independence(tmp_path, stream):
    table = independence.tabulate(checkpoints(tmp_path, [4, 6, 2], 0, stream), None, "e")
    assert list(table) == ["reference", "layer", "axis", "value", "mean", "std", "n"]
    assert len(table) == 0


def matched(folder, rate, pairs, dataset):
    """A learning rate's checkpoints and permutations, of so many pairs of networks of 3 units."""
    networks = {
        number: {
            "layers.0.weight": np.full((3, dataset.inputs("train").shape[1]), rate, np.float32),
            "layers.1.weight": np.full((dataset.classes, 3), rate, np.float32),
        }
        for number in range(2 * pairs)
    }
    folder.mkdir()
    tables.write_checkpoints(folder / "checkpoints.parquet", networks, RUN, "cpu", [])
    rows = [
        {"experiment": "e", "axis": AXIS, "value": rate, "matcher": "naive_wm", "pair": pair,
         "network_a": 2 * pair, "network_b": 2 * pair + 1, "group": "layers.0", "layer": 1,
         "unit": unit, "permuted_unit": 2 - unit}
        for pair in range(pairs) for unit in range(3)
    ]  # fmt: skip
    tables.write_rows("permutations", folder / "permutations.parquet", rows, RUN)


@pytest.mark.parametrize(("pairs", "shown"), [((1, 1), 1e-4), ((1, 0), 1e-1)])
def test_the_matching_is_of_the_smallest_rate_that_has_a_pair(tmp_path, pairs, shown):
    """Files come in the order of their names: 1.000e-01 before 1.000e-04."""
    dataset = digits()
    write_dataset(tmp_path / "digits.parquet", dataset, RUN)
    matched(tmp_path / "1.000e-01", 1e-1, pairs[0], dataset)
    matched(tmp_path / "1.000e-04", 1e-4, pairs[1], dataset)
    sources = {
        kind: [str(tmp_path / rate / f"{kind}.parquet") for rate in ("1.000e-01", "1.000e-04")]
        for kind in ("checkpoints", "permutations")
    }
    sources["dataset"] = [str(tmp_path / "digits.parquet")]
    table = matching.tabulate(sources, None, "e", "naive_wm")
    assert set(np.concatenate(table["incoming"].to_list())) == {np.float32(shown)}
    assert table.loc[table["network"] == "B", "matched_place"].tolist() == [2, 1, 0]


def test_no_pair_no_matching(tmp_path, one_line):
    dataset = digits()
    write_dataset(tmp_path / "digits.parquet", dataset, RUN)
    matched(tmp_path / "1.000e-01", 1e-1, 0, dataset)
    sources = {
        kind: [str(tmp_path / f"1.000e-01/{kind}.parquet")]
        for kind in ("checkpoints", "permutations")
    }
    sources["dataset"] = [str(tmp_path / "digits.parquet")]
    with pytest.raises(TableError) as error:
        matching.tabulate(sources, None, "e", "naive_wm")
    one_line(error, "permutations.parquet", "diverged")
