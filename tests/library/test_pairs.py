"""Evaluating the paths of pairs, with permutations that are known."""

import math
from dataclasses import replace

import numpy as np
import pytest

from lmc_ot import tables
from lmc_ot.connectivity import barrier, interpolation
from lmc_ot.connectivity.pairs import PathEvaluation, evaluation_examples, path_rows
from lmc_ot.errors import TableError, UserError
from lmc_ot.networks.groups.apply import permute

RUN = {
    "experiment": "e", "axis": "training.learning_rate", "value": 0.1,
    "config_hash": "0" * 16, "seed": 0,
}  # fmt: skip


def test_all_of_test_and_some_of_train(clusters):
    found = evaluation_examples(clusters, 7, seed=3)
    assert list(found) == ["test", "train"]
    np.testing.assert_array_equal(found["test"][0], clusters.inputs("test"))
    np.testing.assert_array_equal(found["test"][1], clusters.test.labels)
    images, labels = found["train"]
    everything = clusters.inputs("train")
    places = [np.flatnonzero((everything == image).all(1)).item() for image in images]
    assert len(set(places)) == 7
    np.testing.assert_array_equal(labels, clusters.train.labels[places])


IDENTITY = {"layers.0": np.arange(16), "layers.1": np.arange(12)}
ROLLED = {"layers.0": np.roll(np.arange(16), 3), "layers.1": np.roll(np.arange(12), 1)}


@pytest.fixture
def evaluating(trained, clusters, groups_of):
    """An evaluation of pairs of the two trained networks."""
    network, a, b = trained

    def evaluation(pairs, points=3, networks=None):
        networks = {0: a, 1: b} if networks is None else networks
        splits = evaluation_examples(clusters, 7, seed=3)
        return PathEvaluation(network, groups_of(a), networks, pairs, barrier.grid(points), splits)

    return evaluation


def test_a_pair_that_is_missing_is_refused(evaluating, one_line):
    with pytest.raises(TableError) as error:
        evaluating([(0, (0, 1)), (1, (0, 1))]).rows("am", {0: ROLLED}, "p.parquet")
    one_line(error, "p.parquet: pair 1 is missing", "run snakemake")


@pytest.mark.parametrize(
    "other", [{"layers.9": np.arange(16)}, {"layers.0": np.arange(12)}], ids=["group", "size"]
)
def test_permutations_of_other_groups_are_refused(evaluating, other, one_line):
    with pytest.raises(TableError) as error:
        evaluating([(0, (0, 1))]).rows("am", {0: other}, "p.parquet")
    one_line(error, "p.parquet: pair 0", "other groups", "run snakemake")


def test_what_changes_the_function_is_refused(evaluating, one_line):
    """Groups that move a weight without its bias."""
    evaluation = evaluating([(0, (0, 1))])
    first, second = evaluation.groups.groups
    lacking = replace(first, members=tuple(m for m in first.members if "bias" not in m.parameter))
    evaluation.groups = replace(evaluation.groups, groups=(lacking, second))
    with pytest.raises(UserError) as error:
        evaluation.rows("am", {0: ROLLED}, "p.parquet")
    one_line(error, "p.parquet: pair 0", "another function")


def test_rows_of_points():
    columns = {"matcher": "am", "split": "test"}
    rows = path_rows(columns, 3, (6, 7), [0.0, 0.5], [0.25, math.inf], [1.0, 0.1])
    same = {"matcher": "am", "split": "test", "pair": 3, "network_a": 6, "network_b": 7}
    assert rows == [
        {**same, "t": 0.0, "loss": 0.25, "accuracy": 1.0},
        {**same, "t": 0.5, "loss": None, "accuracy": 0.1},
    ]


def test_paths_are_those_of_one_pair_after_another(trained, evaluating):
    network, a, b = trained
    evaluation = evaluating([(0, (0, 1)), (2, (1, 0))], points=5)
    rows = evaluation.rows("am", {0: IDENTITY, 2: ROLLED}, "p.parquet")
    t = barrier.grid(5)
    assert len(rows) == 2 * 2 * 5
    for pair, first, second in ((0, a, b), (2, b, permute(a, evaluation.groups, ROLLED))):
        for split, examples in evaluation.splits.items():
            found = [row for row in rows if (row["pair"], row["split"]) == (pair, split)]
            loss, accuracy = interpolation.evaluate_path(network, first, second, t, *examples)
            assert [row["t"] for row in found] == list(t)
            np.testing.assert_allclose([row["loss"] for row in found], loss, rtol=1e-5)
            np.testing.assert_allclose([row["accuracy"] for row in found], accuracy)


def test_without_pairs_there_are_no_rows(evaluating):
    assert evaluating([], networks={}).rows("am", {}, "p.parquet") == []


def test_what_stands_of_a_table_that_is_updated(evaluating, tmp_path):
    evaluation = evaluating([(0, (0, 1))])
    file = tmp_path / "path.parquet"
    assert tables.kept_rows("path", file, RUN, {"am": "1"}) == {}
    rows = {label: evaluation.rows(label, {0: ROLLED}, "p") for label in ("am", "naive_wm")}
    of_both = {"am": "1", "naive_wm": "2"}
    tables.write_rows("path", file, [*rows["am"], *rows["naive_wm"]], RUN, made_from=of_both)
    tables.keep(file)
    file.unlink()
    made_from = {"am": "1", "naive_wm": "other", "sigma_wm": "3"}
    assert tables.kept_rows("path", file, RUN, made_from) == {"am": rows["am"]}
    assert tables.kept_rows("path", file, RUN | {"seed": 1}, made_from) == {}
    kept = tmp_path / "kept/path.parquet"
    kept.write_bytes(kept.read_bytes()[:-10])
    assert tables.kept_rows("path", file, RUN, of_both) == {}
