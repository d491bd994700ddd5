"""What the jobs that evaluate paths share, on permutations that are known."""

import math

import numpy as np
import pytest

from lmc_ot.connectivity.pairs import evaluation_examples, path_rows, permuted_pairs
from lmc_ot.errors import TableError
from lmc_ot.matching.solver import Match
from lmc_ot.matching.table import write_matches
from lmc_ot.networks import permutation

PROVENANCE = {"experiment": "e", "config_hash": "0" * 16, "seed": 0}
RUN = {"experiment": "e", "learning_rate": 0.1, "matcher": "am"}


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
                permutations, dict.fromkeys((1, 2), 0.0), dict.fromkeys((1, 2), 0.0)
            )
            for pair, permutations in by_pair.items()
        }
        files = tmp_path / "permutations.parquet", tmp_path / "objectives.parquet"
        write_matches(*files, found, RUN, PROVENANCE)
        return str(files[0])

    return write


def test_every_pair_comes_with_its_own_permutation(trained, clusters, written):
    built, a, b = trained
    path = written({0: IDENTITY, 2: ROLLED})
    pairs = [(0, (0, 1)), (2, (1, 0))]
    found = permuted_pairs(built, {0: a, 1: b}, pairs, path, clusters.inputs("test"), PROVENANCE)
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
        list(permuted_pairs(built, {0: a, 1: b}, pairs, path, clusters.inputs("test"), PROVENANCE))
    one_line(error, f"{path}: pair 1 is missing", f"rm {path}")


def test_rows_of_points():
    columns = {"experiment": "e", "split": "test"}
    rows = path_rows(columns, 3, (6, 7), [0.0, 0.5], [0.25, math.inf], [1.0, 0.1])
    same = {"experiment": "e", "split": "test", "pair": 3, "network_a": 6, "network_b": 7}
    assert rows == [
        {**same, "t": 0.0, "loss": 0.25, "accuracy": 1.0},
        {**same, "t": 0.5, "loss": None, "accuracy": 0.1},
    ]
