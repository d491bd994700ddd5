"""The panels of all pairs: means, intervals, ranks, ratios, and networks that diverged."""

import warnings
from itertools import combinations

import numpy as np
import pytest

from lmc_ot import tables
from lmc_ot.config import labels
from lmc_ot.reporting.panels import all_pairs, ranking

RUN = {"experiment": "e", "seed": 0}


@pytest.fixture
def midpoints(tmp_path):
    """Write a table of midpoints: losses of matcher -> pair -> midpoint, and of the networks."""

    def write(losses: dict, networks: dict) -> dict:
        rows = []
        for matcher, values in losses.items():
            for number, ((a, b), loss) in enumerate(values.items()):
                for t, value in ((0.0, networks[a]), (0.5, loss), (1.0, networks[b])):
                    for split, factor in (("test", 1), ("train", 0.5)):
                        rows.append(
                            {
                                "experiment": "e",
                                "axis": "training.learning_rate",
                                "value": 0.1,
                                "matcher": matcher,
                                "pair": number,
                                "network_a": a,
                                "network_b": b,
                                "split": split,
                                "calibrated": False,
                                "t": t,
                                "accuracy": 0.5,
                                "loss": None if value is None else factor * value,
                            }
                        )
        tables.write_rows("path", tmp_path / "midpoints.parquet", rows, RUN)
        return {"midpoints": [str(tmp_path / "midpoints.parquet")]}

    return write


def losses(networks, value):
    return {(a, b): value(a, b) for a, b in combinations(range(networks), 2)}


def tabulate(panel, sources, split="test", confidence=0.95):
    return panel.tabulate(sources, None, "e", split, 1000, confidence)


def test_means_are_over_all_pairs_and_the_endpoints_over_all_networks(midpoints):
    ends = {i: float(i) for i in range(4)}
    sources = midpoints({"am": losses(4, lambda a, b: 10.0 * a + b)}, ends)
    table = tabulate(all_pairs, sources).set_index("matcher")
    assert table.loc["am", "mean"] == np.mean([10 * a + b for a, b in combinations(range(4), 2)])
    assert table.loc["endpoints", "mean"] == 1.5
    assert (table["n"] == 6).all() and (table["networks"] == 4).all()
    assert table.loc["am", "low"] < table.loc["am", "mean"] < table.loc["am", "high"]
    assert np.isnan(table.loc["endpoints", "best"])
    half = tabulate(all_pairs, sources, "train").set_index("matcher")
    assert half.loc["am", "mean"] == table.loc["am", "mean"] / 2


def test_more_confidence_is_a_wider_interval(midpoints):
    sources = midpoints({"am": losses(5, lambda a, b: a * b)}, dict.fromkeys(range(5), 0.0))
    wide, narrow = (tabulate(all_pairs, sources, confidence=c).iloc[0] for c in (0.95, 0.5))
    assert wide["low"] < narrow["low"] < narrow["high"] < wide["high"]


def test_a_matcher_that_is_better_on_every_pair_is_best_and_its_ratio_exact(midpoints):
    worse = losses(4, lambda a, b: 1.0 + a + b)
    sources = midpoints(
        {"am": {pair: x / 4 for pair, x in worse.items()}, "naive_wm": worse},
        dict.fromkeys(range(4), 0.0),
    )
    best = tabulate(all_pairs, sources).set_index("matcher")["best"]
    assert (best["am"], best["naive_wm"]) == (1, 0)
    row = tabulate(ranking, sources).iloc[0]
    assert (row["first"], row["second"], row["first_better"]) == ("am", "naive_wm", 1)
    assert (row["ratio"], row["low"], row["high"]) == pytest.approx((0.25, 0.25, 0.25))


def test_equal_matchers_are_not_told_apart(midpoints):
    """The same values on other pairs: which is ahead depends on the networks drawn."""
    first = losses(6, lambda a, b: 1.0 + (a + b) % 3)
    turned = losses(6, lambda a, b: 1.0 + (10 - a - b) % 3)
    sources = midpoints({"am": first, "naive_wm": turned}, dict.fromkeys(range(6), 0.0))
    row = tabulate(ranking, sources).iloc[0]
    assert row["low"] < 1 < row["high"]
    assert 0.05 < row["first_better"] < 0.95


def test_a_loss_that_is_not_finite_leaves_its_pair_out_for_all_matchers(midpoints):
    fine = losses(4, lambda a, b: 1.0)
    sources = midpoints(
        {"am": fine, "naive_wm": {**fine, (0, 1): None}}, dict.fromkeys(range(4), 0.0)
    )
    table = tabulate(all_pairs, sources)
    assert (table["n"] == 5).all()


def test_an_error_of_0_has_no_ratio_and_no_warning(midpoints):
    found = {"am": losses(4, lambda a, b: 1.0), "naive_wm": losses(4, lambda a, b: 0.0)}
    sources = midpoints(found, dict.fromkeys(range(4), 0.0))
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        row = tabulate(ranking, sources).iloc[0]
        assert row[["ratio", "low", "high"]].isna().all() and row["first_better"] == 0
        assert tabulate(all_pairs, sources).set_index("matcher").loc["naive_wm", "mean"] == 0
        found["naive_wm"][0, 1] = 1.0
        row = tabulate(ranking, midpoints(found, dict.fromkeys(range(4), 0.0))).iloc[0]
        # There are resamples without that pair.
        assert row["ratio"] == pytest.approx(6) and np.isnan(row["low"]) and np.isnan(row["high"])
        gone = {"am": losses(3, lambda a, b: None), "naive_wm": losses(3, lambda a, b: None)}
        row = tabulate(ranking, midpoints(gone, dict.fromkeys(range(3), 0.0))).iloc[0]
        assert row[["ratio", "low", "high"]].isna().all()


def test_a_single_pair_has_a_mean_and_no_interval(midpoints):
    sources = midpoints({"am": {(0, 1): 2.0}, "naive_wm": {(0, 1): 4.0}}, {0: 0.0, 1: 0.0})
    row = tabulate(all_pairs, sources).iloc[0]
    assert row["mean"] == 2 and np.isnan([row["low"], row["high"], row["best"]]).all()
    row = tabulate(ranking, sources).iloc[0]
    assert row["ratio"] == 0.5 and np.isnan([row["low"], row["high"], row["first_better"]]).all()


def test_where_all_networks_diverged_the_tables_are_empty(midpoints):
    sources = midpoints({}, {})
    assert len(tabulate(all_pairs, sources)) == len(tabulate(ranking, sources)) == 0


def test_both_panels_draw_the_same_networks(midpoints):
    """`best` of two matchers is the share in which the first of them is better, and the rest."""
    values = losses(5, lambda a, b: 1.0 + (a * b) % 4), losses(5, lambda a, b: 2.0 + (a + b) % 2)
    sources = midpoints(
        dict(zip(("am", "naive_wm"), values, strict=True)), dict.fromkeys(range(5), 0.0)
    )
    best = tabulate(all_pairs, sources).set_index("matcher")["best"]
    assert tabulate(ranking, sources).iloc[0]["first_better"] == pytest.approx(1 - best["naive_wm"])


def test_all_pairs_are_all_of_them_once():
    assert labels.all_pairs({"networks": 4}) == [(0, 1), (0, 2), (0, 3), (1, 2), (1, 3), (2, 3)]
