"""Tables of panels: means and spreads, published rows, rank correlation, diverged networks."""

import numpy as np
import pandas as pd
import pytest

from lmc import tables
from lmc.panels import approximate_dimension, dimension_against_error, lmc_error
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
