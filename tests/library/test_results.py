"""The result table from small tables whose rows were computed by hand."""

import math

import pandas as pd
import pytest

from lmc_ot import tables
from lmc_ot.errors import TableError
from lmc_ot.reporting.results import collect
from lmc_ot.tables.csv import write_csv

RUN = {"experiment": "e", "axis": "training.learning_rate", "value": 0.1}
SETTING = {**RUN, "pairs": [(0, 1), (2, 3)], "matchers": ["identity", "am"]}


def path_rows(matcher, pair, losses, accuracies, split="test"):
    """Points at t = 0, 1/4, .., 1, the last one first: collect sorts them."""
    points = zip([0, 0.25, 0.5, 0.75, 1], losses, accuracies, strict=True)
    return [
        {**RUN, "matcher": matcher, "pair": pair, "network_a": 2 * pair, "network_b": 2 * pair + 1}
        | {"split": split, "t": t, "loss": loss, "accuracy": accuracy}
        | {"calibrated": matcher == "am"}
        for t, loss, accuracy in reversed(list(points))
    ]


@pytest.fixture
def frames():
    """Pair 0 is measured by both matchers; network 3 of pair 1 diverged in epoch 1 of 2."""
    path = [
        *path_rows("identity", 0, [1, 3, 4, 3, 2], [0.9, 0.5, 0.4, 0.5, 0.7]),
        *path_rows("identity", 0, [0.5, 1, 1, 1, 0.5], [1, 1, 1, 1, 1], split="train"),
        *path_rows("am", 0, [1, 1.25, 1.5, 1.75, 2], [0.9, 0.85, 0.8, 0.75, 0.7]),
        *path_rows("am", 0, [0.5, 0.5, 0.25, 0.5, 0.5], [1, 1, 1, 1, 1], split="train"),
    ]
    objectives = [
        {**RUN, "matcher": matcher, "pair": 0, "network_a": 0, "network_b": 1, "layer": layer}
        | {"objective": 10.0 * layer, "identity_objective": layer / 2}
        for matcher in ("identity", "am")
        for layer in (2, 1)
    ]
    dimensions = [
        {**RUN, "matcher": "am", "network": network, "layer": layer, "centred": centred}
        | {"dimension": 100.0 * network + layer + centred / 2, "trace": 1, "largest_eigenvalue": 1}
        for network in (0, 1, 2)
        for layer in (2, 1)
        for centred in (True, False)
    ]
    history = [
        {**RUN, "network": network, "epoch": epoch, "diverged": network == 3 and epoch > 0}
        for epoch in (0, 1, 2)
        for network in range(4)
    ]
    return [pd.DataFrame(rows) for rows in (path, objectives, dimensions, history)]


@pytest.fixture
def rows(frames):
    return {(row["matcher"], row["pair"], row["split"]): row for row in collect(*frames, [SETTING])}


def test_every_pair_matcher_and_split_has_a_row(rows):
    assert set(rows) == {
        (matcher, pair, split)
        for matcher in ("identity", "am")
        for pair in (0, 1)
        for split in ("test", "train")
    }
    for (_, pair, _), row in rows.items():
        assert {name: row[name] for name in RUN} == RUN
        assert (row["network_a"], row["network_b"]) == SETTING["pairs"][pair]


def test_the_measures_of_loss_and_accuracy(rows):
    """Excess of the loss over its chord 1, 1.25, .., 2: 0, 1.75, 2.5, 1.25, 0; of the chord
    .9, .85, .8, .75, .7 over the accuracy: 0, .35, .4, .25, 0."""
    row = rows["identity", 0, "test"]
    assert row["diverged"] is False
    expected = {
        "endpoint_a_loss": 1,
        "endpoint_b_loss": 2,
        "midpoint_loss": 4,
        "midpoint_barrier_loss": 2.5,
        "barrier_loss": 2.5,
        "area_loss": 5.5 / 4,
        "endpoint_a_accuracy": 0.9,
        "endpoint_b_accuracy": 0.7,
        "midpoint_accuracy": 0.4,
        "midpoint_barrier_accuracy": 0.4,
        "barrier_accuracy": 0.4,
        "area_accuracy": 1 / 4,
    }
    assert {name: row[name] for name in expected} == pytest.approx(expected)


def test_splits_and_matchers_are_not_mixed(rows):
    assert rows["identity", 0, "train"]["barrier_loss"] == 0.5
    assert rows["identity", 0, "train"]["barrier_accuracy"] == 0
    assert rows["am", 0, "test"]["barrier_loss"] == pytest.approx(0)
    assert rows["am", 0, "train"]["midpoint_barrier_loss"] == -0.25
    assert rows["am", 0, "train"]["barrier_loss"] == 0


def test_objectives_and_dimensions_are_lists_by_layer(rows):
    for split in ("test", "train"):
        row = rows["am", 0, split]
        assert row["objective"] == [10, 20]
        assert row["identity_objective"] == [0.5, 1]
        assert row["dimension"] == [1, 2]
        assert row["centred_dimension"] == [1.5, 2.5]
    row = rows["identity", 0, "test"]
    assert row["objective"] == [10, 20]
    assert row["dimension"] is None and row["centred_dimension"] is None


def test_a_pair_with_a_diverged_network_has_a_row_without_measures(rows):
    for matcher in ("identity", "am"):
        for split in ("test", "train"):
            row = rows[matcher, 1, split]
            assert row["diverged"] is True
            assert row["objective"] is None and row["identity_objective"] is None
            measures = [row[name] for name in row if name.endswith(("_loss", "_accuracy"))]
            assert len(measures) == 12 and all(map(math.isnan, measures))
    assert rows["am", 1, "test"]["dimension"] == [201, 202], "network A did not diverge"


def test_calibrated_paths_are_marked(rows):
    marked = {key for key, row in rows.items() if row["calibrated"]}
    assert marked == {("am", 0, "test"), ("am", 0, "train")}


@pytest.mark.parametrize("split", ["test", "train"])
@pytest.mark.parametrize("dropped", [1, 2, 5])
def test_a_pair_that_lacks_points_of_its_path_is_refused(frames, split, dropped, one_line):
    path, *others = frames
    points = path[(path["matcher"] == "am") & (path["split"] == split)]
    with pytest.raises(TableError) as error:
        collect(path.drop(points.index[:dropped]), *others, [SETTING])
    one_line(
        error,
        "e at training.learning_rate 0.1, matched by am",
        f"pair 0 has {5 - dropped} {split} points on its path, expected 5",
        "path.parquet",
        "run snakemake again",
    )


def test_no_path_at_all_is_refused_where_nothing_diverged(frames, one_line):
    path, *others = frames
    with pytest.raises(TableError) as error:
        collect(path.iloc[:0], *others, [SETTING])
    one_line(error, "matched by identity", "pair 0 has 0 test points")


def test_a_diverged_pair_may_have_a_path(frames):
    """Its measures would be there, but it still counts as diverged."""
    path, objectives, dimensions, history = frames
    history.loc[(history["network"] == 0) & (history["epoch"] == 2), "diverged"] = True
    rows = collect(path, objectives, dimensions, history, [SETTING])
    assert len(rows) == 8 and all(row["diverged"] for row in rows)


def test_all_networks_may_have_diverged(frames):
    path, objectives, dimensions, history = frames
    history["diverged"] = True
    empty = [frame.iloc[:0] for frame in (path, objectives, dimensions)]
    rows = collect(*empty, history, [SETTING])
    assert len(rows) == 8 and all(row["diverged"] for row in rows)


def test_rates_and_experiments_are_not_mixed(frames):
    """Rows of another rate and of another experiment with fewer epochs, one of which diverged."""
    others = []
    for frame in frames:
        rate = frame.assign(value=0.2)
        experiment = frame.assign(experiment="f")
        others.append(pd.concat([frame, rate, experiment]))
    path, objectives, dimensions, history = others
    history = history[(history["experiment"] == "e") | (history["epoch"] < 2)]
    path.loc[path["value"] == 0.2, "loss"] += 1
    settings = [
        SETTING, {**SETTING, "value": 0.2}, {**SETTING, "experiment": "f", "matchers": ["am"]},
    ]  # fmt: skip
    rows = collect(path, objectives, dimensions, history, settings)
    assert len(rows) == 8 + 8 + 4
    first = [row for row in rows if (row["pair"], row["split"]) == (0, "test")]
    found = {(r["experiment"], r["value"], r["matcher"]): r["midpoint_loss"] for r in first}
    assert found == {
        ("e", 0.1, "identity"): 4,
        ("e", 0.1, "am"): 1.5,
        ("e", 0.2, "identity"): 5,
        ("e", 0.2, "am"): 2.5,
        ("f", 0.1, "am"): 1.5,
    }
    assert all(row["diverged"] == (row["pair"] == 1) for row in rows)


def test_the_rows_fit_the_table(rows, tmp_path):
    tables.write_rows("results", tmp_path / "results.parquet", list(rows.values()), {"seed": 0})
    frame = tables.read("results", tmp_path / "results.parquet").to_pandas()
    assert frame["midpoint_loss"].isna().tolist() == [row["diverged"] for row in rows.values()]
    write_csv(tmp_path / "results.csv", frame)
    again = pd.read_csv(tmp_path / "results.csv")
    assert again["midpoint_loss"].dropna().tolist() == frame["midpoint_loss"].dropna().tolist()
    assert again["objective"].dropna().unique().tolist() == ["10.0 20.0"]
