"""Pairs, and the tables of permutations."""

import numpy as np
import pandas as pd
import pytest

from lmc_ot import tables
from lmc_ot.errors import TableError
from lmc_ot.matching.matcher import Match
from lmc_ot.matching.table import (
    permutations_as_json,
    read_permutations,
    rows_of,
    whole_pairs,
)
from lmc_ot.networks.groups.chain import chain

RUN = {
    "experiment": "e", "axis": "training.learning_rate", "value": 0.1,
    "config_hash": "0" * 16, "seed": 0,
}  # fmt: skip
PAIRS = [(0, 1), (2, 3), (4, 5)]


@pytest.fixture
def checkpoints(tmp_path):
    """Write checkpoints of some networks, others having diverged; what whole_pairs is given."""

    def write(trained, diverged):
        path = tmp_path / "checkpoints.parquet"
        parameters = {"1.weight": np.ones((2, 3), np.float32)}
        networks = dict.fromkeys(trained, parameters)
        tables.write_checkpoints(path, networks, RUN, "cpu", diverged)
        return tables.read_checkpoints(path), path

    return write


def test_pairs_keep_their_numbers_when_others_are_left_out(checkpoints, capsys):
    found = whole_pairs(PAIRS, *checkpoints([0, 1, 2, 4, 5], [3]))
    assert list(found) == [(0, (0, 1)), (2, (4, 5))]
    assert "pair 1: skipped, since a network diverged" in capsys.readouterr().out
    assert list(whole_pairs(PAIRS, *checkpoints([], range(6)))) == []


@pytest.mark.parametrize(
    ("trained", "diverged", "missing"),
    [([0, 1, 2, 4, 5], [], 3), ([0, 1, 2, 4], [5], 3), ([], [0, 1, 2, 3, 4], 5), ([0], [1], 2)],
)
def test_a_network_that_neither_is_there_nor_diverged_is_refused(
    trained, diverged, missing, checkpoints, one_line
):
    networks, path = checkpoints(trained, diverged)
    with pytest.raises(TableError) as error:
        list(whole_pairs(PAIRS, networks, path))
    one_line(
        error, f"{path}: network {missing} is missing: rebuild it: `rm {path}`", "run snakemake"
    )


# -- tables of permutations ------------------------------------------------------------------


GROUPS = chain({"1.weight": 4, "2.weight": 3, "3.weight": 1})


@pytest.fixture
def found():
    """What was found for pairs 0 and 2."""
    return {
        (pair, 2 * pair, 2 * pair + 1): Match(
            {"1": np.roll(np.arange(4), pair + 1), "2": np.array([1, 0, 2])},
            {"1": 1.5 + pair, "2": 2.5},
            {"1": 0.5, "2": -1.0},
            {"1": (4.0, 5.0 + pair), "2": None},
            spread=0.25 if pair else None,
        )
        for pair in (0, 2)
    }


@pytest.fixture
def write(tmp_path):
    """Write the tables of several matchers; their paths."""

    def written(matches, labels=("am",), run=RUN):
        paths = tmp_path / "permutations.parquet", tmp_path / "objectives.parquet"
        rows = [], []
        for label in labels:
            for (pair, *networks), match in matches.items():
                parts = rows_of(match, GROUPS, label, pair, tuple(networks))
                for every, part in zip(rows, parts, strict=True):
                    every.extend(part)
        for kind, path, every in zip(("permutations", "objectives"), paths, rows, strict=True):
            tables.write_rows(kind, path, every, run)
        return paths

    return written


def test_permutations_come_back(found, write):
    path, _ = write(found, ("am", "naive_wm"))
    again = read_permutations(path)
    assert list(again) == ["am", "naive_wm"]
    for by_pair in again.values():
        assert list(by_pair) == [0, 2]
        for (pair, _, _), expected in found.items():
            assert list(by_pair[pair]) == ["1", "2"]
            for group, p in expected.permutations.items():
                assert by_pair[pair][group].dtype == np.int64
                np.testing.assert_array_equal(by_pair[pair][group], p)
    first = permutations_as_json(again["am"])
    assert first == permutations_as_json(again["naive_wm"])
    again["am"][0]["2"] = np.array([0, 1, 2])
    assert first != permutations_as_json(again["am"])


def test_objectives_stand_beside_the_identitys(found, write):
    _, path = write(found)
    frame = tables.read("objectives", path).to_pandas()
    expected = pd.DataFrame(
        {
            "pair": [0, 0, 2, 2],
            "network_a": [0, 0, 4, 4],
            "network_b": [1, 1, 5, 5],
            "group": ["1", "2", "1", "2"],
            "layer": [1, 2, 1, 2],
            "objective": [1.5, 2.5, 3.5, 2.5],
            "identity_objective": [0.5, -1.0, 0.5, -1.0],
            "norm_a": [4.0, np.nan, 4.0, np.nan],
            "norm_b": [5.0, np.nan, 7.0, np.nan],
            "spread": [np.nan, np.nan, 0.25, 0.25],
        }
    )
    pd.testing.assert_frame_equal(frame[expected.columns], expected, check_dtype=False)
    columns = {"experiment": "e", "axis": "training.learning_rate", "value": 0.1, "matcher": "am"}
    assert (frame[list(columns)] == list(columns.values())).all(axis=None)


def test_frozen_groups_keep_the_order_of_the_network(found, write):
    """Group 2 alone is permuted: it is still what figures call layer 2."""
    only = {key: Match({"2": m.permutations["2"]}, {"2": 1.0}, {"2": 1.0}, {"2": None})
            for key, m in found.items()}  # fmt: skip
    _, path = write(only)
    assert set(tables.read("objectives", path)["layer"].to_pylist()) == {2}


def test_no_pair_at_all_gives_empty_tables(write):
    permutations, objectives = write({})
    assert read_permutations(permutations) == {}
    assert len(tables.read("objectives", objectives)) == 0


@pytest.mark.parametrize(
    ("key", "other"),
    [
        ("experiment", "f"),
        ("axis", "training.epochs"),
        ("value", 0.2),
        ("config_hash", "1" * 16),
        ("seed", 1),
    ],
)
def test_permutations_of_another_run_are_refused(key, other, found, write, one_line):
    path, _ = write(found)
    assert list(read_permutations(path, RUN)["am"]) == [0, 2]
    with pytest.raises(TableError) as error:
        read_permutations(path, {**RUN, key: other})
    one_line(
        error,
        path,
        f"from another run: its {key} is {RUN[key]!r}, expected {other!r}",
        f"`rm {path}`, then run snakemake again",
    )


@pytest.mark.parametrize(
    ("units", "permuted"),
    [
        ([0, 1, 2], [0, 0, 1]),
        ([0, 1, 2], [1, 2, 3]),
        ([0, 1, 2], [-1, 0, 1]),
        ([0, 2, 1], [0, 1, 2]),
        ([0, 0, 1], [0, 1, 2]),
        ([1, 2, 3], [0, 1, 2]),
    ],
)
def test_a_vector_that_is_no_permutation_is_refused(tmp_path, one_line, units, permuted):
    path = tmp_path / "p.parquet"
    rows = [
        {"matcher": "am", "pair": 3, "network_a": 6, "network_b": 7, "layer": 2, "group": "2"}
        | {"unit": unit, "permuted_unit": moved}
        for unit, moved in zip(units, permuted, strict=True)
    ]
    tables.write_rows("permutations", path, rows, RUN)
    with pytest.raises(TableError) as error:
        read_permutations(path)
    one_line(error, path, "am, pair 3, group 2", "not a permutation")
