"""Evaluating the paths of pairs, with permutations that are known."""

import math

import numpy as np
import pytest

from lmc_ot import tables
from lmc_ot.connectivity import barrier, interpolation
from lmc_ot.connectivity.pairs import PathEvaluation, evaluation_examples, path_rows, permuted_pairs
from lmc_ot.errors import TableError
from lmc_ot.matching.matcher import Match
from lmc_ot.matching.table import write_matches
from lmc_ot.networks import permutation

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


IDENTITY = {1: np.arange(16), 2: np.arange(12)}
ROLLED = {1: np.roll(np.arange(16), 3), 2: np.roll(np.arange(12), 1)}


@pytest.fixture
def written(tmp_path):
    """Write permutations by pair; the path."""

    def write(by_pair):
        found = {
            (pair, 0, 1): Match(
                permutations, *(dict.fromkeys((1, 2), value) for value in (0.0, 0.0, None))
            )
            for pair, permutations in by_pair.items()
        }
        files = tmp_path / "permutations.parquet", tmp_path / "objectives.parquet"
        write_matches(*files, found, "am", RUN)
        return str(files[0])

    return write


def test_every_pair_comes_with_its_own_permutation(trained, clusters, written):
    built, a, b = trained
    path = written({0: IDENTITY, 2: ROLLED})
    pairs = [(0, (0, 1)), (2, (1, 0))]
    found = permuted_pairs(built, {0: a, 1: b}, pairs, path, clusters.inputs("test"), RUN)
    (zero, first, image), (two, second, other) = found
    assert (zero, first, two, second) == (0, (0, 1), 2, (1, 0))
    expected = permutation.apply(a, ROLLED)
    for key in b:
        np.testing.assert_array_equal(image[key], b[key])
        np.testing.assert_array_equal(other[key], expected[key])


def test_a_pair_that_is_missing_is_refused(trained, clusters, written, one_line):
    built, a, b = trained
    path = written({0: ROLLED})
    pairs = [(0, (0, 1)), (1, (0, 1))]
    with pytest.raises(TableError) as error:
        list(permuted_pairs(built, {0: a, 1: b}, pairs, path, clusters.inputs("test"), RUN))
    one_line(error, f"{path}: pair 1 is missing", f"rm {path}")


def test_rows_of_points():
    columns = {"matcher": "am", "split": "test"}
    rows = path_rows(columns, 3, (6, 7), [0.0, 0.5], [0.25, math.inf], [1.0, 0.1])
    same = {"matcher": "am", "split": "test", "pair": 3, "network_a": 6, "network_b": 7}
    assert rows == [
        {**same, "t": 0.0, "loss": 0.25, "accuracy": 1.0},
        {**same, "t": 0.5, "loss": None, "accuracy": 0.1},
    ]


def test_paths_are_those_of_one_pair_after_another(trained, clusters, written):
    built, a, b = trained
    file = written({0: IDENTITY, 2: ROLLED})
    splits = evaluation_examples(clusters, 7, seed=3)
    t = barrier.grid(5)
    evaluation = PathEvaluation(built, {0: a, 1: b}, [(0, (0, 1)), (2, (1, 0))], t, splits)
    rows = evaluation.rows("am", file, RUN)
    assert len(rows) == 2 * 2 * 5
    for pair, first, second in ((0, a, b), (2, b, permutation.apply(a, ROLLED))):
        for split, examples in splits.items():
            found = [row for row in rows if (row["pair"], row["split"]) == (pair, split)]
            loss, accuracy = interpolation.evaluate_path(built, first, second, t, *examples)
            assert [row["t"] for row in found] == list(t)
            np.testing.assert_allclose([row["loss"] for row in found], loss, rtol=1e-5)
            np.testing.assert_allclose([row["accuracy"] for row in found], accuracy)


def test_without_pairs_there_are_no_rows(trained, clusters, written):
    built, *_ = trained
    evaluation = PathEvaluation(
        built, {}, [], barrier.grid(3), evaluation_examples(clusters, 7, seed=3)
    )
    assert evaluation.rows("am", written({}), RUN) == []


def test_what_stands_of_a_table_that_is_updated(trained, clusters, written, tmp_path):
    built, a, b = trained
    splits = evaluation_examples(clusters, 7, seed=3)
    evaluation = PathEvaluation(built, {0: a, 1: b}, [(0, (0, 1))], barrier.grid(3), splits)
    file = tmp_path / "path.parquet"
    assert tables.kept_rows("path", file, RUN, {"am": "1"}) == {}
    permutations = written({0: ROLLED})
    rows = {label: evaluation.rows(label, permutations, RUN) for label in ("am", "naive_wm")}
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
