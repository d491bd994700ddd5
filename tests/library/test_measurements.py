"""Pairs, statistics from files, and the tables of permutations."""

import numpy as np
import pandas as pd
import pytest

from lmc import measurements, tables
from lmc.errors import TableError
from lmc.matching import REGISTRY
from lmc.matching.solver import Match, match
from lmc.moments import NetworkMoments

RUN = {"experiment": "e", "learning_rate": 0.1, "matcher": "am"}


def test_pairs_keep_their_numbers_when_others_are_left_out(capsys):
    pairs = [(0, 1), (2, 3), (4, 5)]
    networks = {number: {} for number in (0, 1, 2, 4, 5)}
    assert list(measurements.whole_pairs(pairs, networks)) == [(0, (0, 1)), (2, (4, 5))]
    assert "pair 1: left out" in capsys.readouterr().out
    assert list(measurements.whole_pairs(pairs, {})) == []


# -- statistics ------------------------------------------------------------------------------


@pytest.fixture
def files(tmp_path, clusters, trained, run_mlp):
    """The data set, and the activations of both networks on every second training example."""
    tables.write_dataset(tmp_path / "dataset.parquet", clusters, {"seed": 0})
    examples = np.arange(0, 120, 2)
    for number, parameters in enumerate(trained[1:]):
        phi, _ = run_mlp(parameters, clusters.inputs("train")[examples])
        path = tmp_path / "activations" / f"{number}.parquet"
        with tables.activation_writer(path, [16, 12], {"seed": 0}, "cpu") as write:
            for part in np.split(np.arange(60), 3):
                write(examples[part], [values[part].astype(np.float32) for values in phi[1:]])
    return tmp_path, clusters.inputs("train")[examples]


@pytest.fixture
def statistics(files):
    folder, _ = files
    return measurements.Statistics(folder / "dataset.parquet", folder / "activations")


def test_moments_are_those_of_the_recorded_examples(statistics, files, trained, run_mlp):
    _, inputs = files
    for number in (0, 1):
        phi, _ = run_mlp(trained[1 + number], inputs)
        moments = statistics.moments(number)
        for layer, values in enumerate(phi):
            found = moments(layer)
            np.testing.assert_allclose(found.second, values.T @ values / 60, rtol=1e-5, atol=1e-6)
            np.testing.assert_allclose(found.mean_x, values.mean(0), rtol=1e-5, atol=1e-6)


def test_the_inputs_moments_are_computed_once_for_all_networks(statistics):
    assert statistics.moments(0)(0) is statistics.moments(1)(0)


def test_networks_recorded_on_other_examples_have_input_moments_of_their_own(
    statistics, files, clusters
):
    folder, _ = files
    path = folder / "activations" / "2.parquet"
    with tables.activation_writer(path, [1], {"seed": 0}, "cpu") as write:
        write(np.arange(10), [np.ones((10, 1), np.float32)])
    statistics.moments(0)(0)
    inputs = clusters.inputs("train")[:10].astype(np.float64)
    found = statistics.moments(2)(0)
    np.testing.assert_allclose(found.second, inputs.T @ inputs / 10, rtol=1e-6, atol=1e-9)


def test_a_networks_moments_are_kept(statistics):
    assert statistics.moments(0) is statistics.moments(0)
    assert statistics.moments(0)(1) is statistics.moments(0)(1)


def test_matching_from_files_is_matching_from_memory(statistics, files, trained, recorded):
    _, inputs = files
    _, a, b = trained
    for name in REGISTRY.names:
        from_files = match(
            REGISTRY.get(name)(), a, b, statistics.moments(0), statistics.activations(1)
        )
        from_memory = match(
            REGISTRY.get(name)(), a, b, NetworkMoments(recorded(a, inputs)), recorded(b, inputs)
        )
        for layer in (1, 2):
            assert from_files.objectives[layer] == pytest.approx(from_memory.objectives[layer])
            np.testing.assert_array_equal(
                from_files.permutations[layer], from_memory.permutations[layer]
            )


@pytest.mark.parametrize("name", ["identity", "naive_wm"])
def test_no_file_is_read_until_it_is_asked_for(name, tmp_path, random_mlp):
    statistics = measurements.Statistics(tmp_path / "none.parquet", tmp_path / "none")
    a, b = random_mlp([4, 3, 2]), random_mlp([4, 3, 2])
    match(REGISTRY.get(name)(), a, b, statistics.moments(0), statistics.activations(1))


def test_activations_that_are_not_there_are_an_error_in_one_line(tmp_path, one_line):
    statistics = measurements.Statistics(tmp_path / "none.parquet", tmp_path / "none")
    with pytest.raises(TableError) as error:
        statistics.moments(5)(1)
    one_line(error, tmp_path / "none" / "5.parquet", "no such file")


# -- tables of permutations ------------------------------------------------------------------


@pytest.fixture
def found():
    """What was found for pairs 0 and 2."""
    return {
        (pair, 2 * pair, 2 * pair + 1): Match(
            {1: np.roll(np.arange(4), pair + 1), 2: np.array([1, 0, 2])},
            {1: 1.5 + pair, 2: 2.5},
            {1: 0.5, 2: -1.0},
        )
        for pair in (0, 2)
    }


def test_permutations_come_back(found, tmp_path):
    paths = tmp_path / "p.parquet", tmp_path / "o.parquet"
    measurements.write_matches(*paths, found, RUN, {"seed": 0})
    again = measurements.read_permutations(paths[0])
    assert list(again) == [0, 2]
    for (pair, _, _), expected in found.items():
        assert list(again[pair]) == [1, 2]
        for layer, p in expected.permutations.items():
            assert again[pair][layer].dtype == np.int64
            np.testing.assert_array_equal(again[pair][layer], p)


def test_objectives_stand_beside_the_identitys(found, tmp_path):
    paths = tmp_path / "p.parquet", tmp_path / "o.parquet"
    measurements.write_matches(*paths, found, RUN, {"seed": 0})
    frame = tables.read("objectives", paths[1]).to_pandas()
    expected = pd.DataFrame(
        {
            "pair": [0, 0, 2, 2],
            "network_a": [0, 0, 4, 4],
            "network_b": [1, 1, 5, 5],
            "layer": [1, 2, 1, 2],
            "objective": [1.5, 2.5, 3.5, 2.5],
            "identity_objective": [0.5, -1.0, 0.5, -1.0],
        }
    )
    pd.testing.assert_frame_equal(frame[expected.columns], expected, check_dtype=False)
    assert (frame[list(RUN)] == list(RUN.values())).all(axis=None)


def test_no_pair_at_all_gives_empty_tables(tmp_path):
    paths = tmp_path / "p.parquet", tmp_path / "o.parquet"
    measurements.write_matches(*paths, {}, RUN, {"seed": 0})
    assert measurements.read_permutations(paths[0]) == {}
    assert len(tables.read("objectives", paths[1])) == 0


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
        {**RUN, "pair": 3, "network_a": 6, "network_b": 7, "layer": 2}
        | {"unit": unit, "permuted_unit": moved}
        for unit, moved in zip(units, permuted, strict=True)
    ]
    tables.write_rows("permutations", path, rows, {"seed": 0})
    with pytest.raises(TableError) as error:
        measurements.read_permutations(path)
    one_line(error, path, "pair 3, layer 2", "not a permutation")
