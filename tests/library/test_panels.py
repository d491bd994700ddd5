"""Tables of panels: means and spreads, published rows, rank correlation, diverged networks."""

import numpy as np
import pandas as pd
import pytest

from lmc import tables
from lmc.datasets.digits import digits
from lmc.errors import TableError
from lmc.panels import (
    approximate_dimension,
    dimension_against_error,
    independence,
    lmc_error,
    matching,
)
from lmc.panels.spread import spread

RUN = {"experiment": "e", "seed": 0}
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
            "experiment": "e", "matcher": "am", "network_a": 0, "network_b": 1, "split": "test",
            "diverged": False, "calibrated": False,
        }  # fmt: skip
        rows = [common | {"pair": i} | pair for i, pair in enumerate(pairs)]
        tables.write_rows("results", tmp_path / "results.parquet", rows, RUN)
        return {"results": [str(tmp_path / "results.parquet")]}

    return write


def pair(rate, midpoint, dimensions):
    return {
        "learning_rate": rate, "midpoint_loss": midpoint, "dimension": dimensions,
        "endpoint_a_loss": 0.1, "endpoint_b_loss": 0.3,
    }  # fmt: skip


def test_the_error_is_a_mean_over_pairs_beside_the_endpoints_and_the_published(results):
    sources = results([pair(0.1, 1.0, [2.0]), pair(0.1, 2.0, [2.0])])
    table = lmc_error.tabulate(sources, PUBLISHED, "e", "test").set_index(["source", "matcher"])
    assert table.loc[("measured", "am"), "mean"] == 1.5
    assert table.loc[("measured", "am"), "std"] == 0.5
    assert table.loc[("measured", "endpoints"), "mean"] == pytest.approx(0.2)
    assert table.loc[("published", "am"), "mean"] == 0.5
    assert table.loc[("published", "endpoints"), "mean"] == 0.25


def test_a_rate_at_which_all_pairs_diverged_is_in_the_table(results):
    gone = {"learning_rate": 1.0, "diverged": True}
    table = lmc_error.tabulate(results([pair(0.1, 1.0, [2.0]), gone]), None, "e", "test")
    row = table[(table["matcher"] == "am") & (table["learning_rate"] == 1.0)].iloc[0]
    assert (row["n"], row["diverged"]) == (0, 1)
    assert np.isnan(row["mean"])


def test_the_dimension_is_a_geometric_mean_and_the_correlation_one_of_ranks(results):
    sources = results([pair(0.1, 1.0, [2.0, 8.0]), pair(0.2, 9.0, [9.0, 9.0])])
    table = dimension_against_error.tabulate(sources, None, "e", "test", False)
    np.testing.assert_allclose(table["dimension"], [4, 9])
    np.testing.assert_allclose(table[["rank_correlation", "overall_rank_correlation"]], 1)


def test_one_point_has_no_rank_correlation(results):
    table = dimension_against_error.tabulate(
        results([pair(0.1, 1, [2.0])]), None, "e", "test", False
    )
    assert table["rank_correlation"].isna().all()


def test_networks_that_diverged_are_counted_beside_the_dimensions(tmp_path):
    row = {
        "experiment": "e", "learning_rate": 0.1, "matcher": "am", "layer": 1, "centred": False,
        "trace": 1.0, "largest_eigenvalue": 1.0,
    }  # fmt: skip
    rows = [row | {"network": i, "dimension": value} for i, value in enumerate((2.0, 4.0))]
    tables.write_rows("dimensions", tmp_path / "dimensions.parquet", rows, RUN)
    epoch = dict.fromkeys(tables.SCHEMAS["history"].names) | {
        "experiment": "e", "epoch": 1, "step_learning_rate": 0.1, "seconds": 1.0,
    }  # fmt: skip
    history = [
        epoch | {"learning_rate": rate, "network": i, "diverged": gone}
        for rate, i, gone in ((0.1, 0, False), (0.1, 1, False), (0.1, 2, True), (1.0, 0, True))
    ]
    tables.write_rows("history", tmp_path / "history.parquet", history, RUN)
    sources = {kind: [str(tmp_path / f"{kind}.parquet")] for kind in ("dimensions", "history")}
    table = approximate_dimension.tabulate(sources, PUBLISHED, "e", False)
    measured = table[table["source"] == "measured"]
    assert measured["n"].tolist() == [2, 0]
    assert measured["diverged"].tolist() == [1, 1]
    assert measured["mean"].iloc[0] == 3
    assert table[table["source"] == "published"]["mean"].tolist() == [3]


def checkpoints(folder, widths, networks, stream):
    """A learning rate's checkpoints and history, of networks 0 .. networks - 1."""
    found = {
        number: {
            (layer, "weight"): stream.normal(size=shape).astype(np.float32)
            for layer, shape in enumerate(zip(widths[1:], widths, strict=False), 1)
        }
        for number in range(networks)
    }
    tables.write_checkpoints(folder / "checkpoints.parquet", found, RUN, "cpu", [])
    row = dict.fromkeys(tables.SCHEMAS["history"].names) | {
        "experiment": "e", "epoch": 1, "step_learning_rate": 0.1, "seconds": 1.0, "network": 0,
        "learning_rate": 0.1, "diverged": networks == 0,
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
    assert list(table) == ["reference", "layer", "learning_rate", "mean", "std", "n"]
    assert len(table) == 0


def matched(folder, rate, pairs, dataset):
    """A learning rate's checkpoints and permutations, of so many pairs of networks of 3 units."""
    networks = {
        number: {
            (1, "weight"): np.full((3, dataset.inputs("train").shape[1]), rate, np.float32),
            (2, "weight"): np.full((dataset.classes, 3), rate, np.float32),
        }
        for number in range(2 * pairs)
    }
    folder.mkdir()
    tables.write_checkpoints(folder / "checkpoints.parquet", networks, RUN, "cpu", [])
    rows = [
        {"experiment": "e", "learning_rate": rate, "matcher": "naive_wm", "pair": pair,
         "network_a": 2 * pair, "network_b": 2 * pair + 1, "layer": 1, "unit": unit,
         "permuted_unit": 2 - unit}
        for pair in range(pairs) for unit in range(3)
    ]  # fmt: skip
    tables.write_rows("permutations", folder / "permutations.parquet", rows, RUN)


@pytest.mark.parametrize(("pairs", "shown"), [((1, 1), 1e-4), ((1, 0), 1e-1)])
def test_the_matching_is_of_the_smallest_rate_that_has_a_pair(tmp_path, pairs, shown):
    """Files come in the order of their names: 1.000e-01 before 1.000e-04."""
    dataset = digits()
    tables.write_dataset(tmp_path / "digits.parquet", dataset, RUN)
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
    tables.write_dataset(tmp_path / "digits.parquet", dataset, RUN)
    matched(tmp_path / "1.000e-01", 1e-1, 0, dataset)
    sources = {
        kind: [str(tmp_path / f"1.000e-01/{kind}.parquet")]
        for kind in ("checkpoints", "permutations")
    }
    sources["dataset"] = [str(tmp_path / "digits.parquet")]
    with pytest.raises(TableError) as error:
        matching.tabulate(sources, None, "e", "naive_wm")
    one_line(error, "permutations.parquet", "diverged")
