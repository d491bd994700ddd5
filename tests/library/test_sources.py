"""The moments of networks whose activations were recorded."""

import numpy as np
import pytest

from lmc_ot import tables
from lmc_ot.data.table import write_dataset
from lmc_ot.errors import TableError, UserError
from lmc_ot.matching import REGISTRY, sources
from lmc_ot.matching.moments import NetworkMoments
from lmc_ot.matching.solver import match

EXAMPLES = np.arange(0, 120, 2)
RUN = {"experiment": "e", "config_hash": "0" * 16, "seed": 0}


def write_activations(path, examples, layers, run=RUN):
    widths = [values.shape[1] for values in layers]
    with tables.activation_writer(path, widths, run, "cpu") as write:
        for part in np.array_split(np.arange(len(examples)), 3):
            samples = {
                "example": examples[part],
                "y": np.zeros(len(part)),
                "x": np.zeros(len(part)),
            }
            write(samples, [values[part].astype(np.float32) for values in layers])


@pytest.fixture
def folder(tmp_path, clusters, trained, run_mlp):
    """The data set, and the activations of both networks on every second training example."""
    write_dataset(tmp_path / "dataset.parquet", clusters, {"dataset": "clusters"})
    for number, parameters in enumerate(trained[1:]):
        phi, _ = run_mlp(parameters, clusters.inputs("train")[EXAMPLES])
        write_activations(tmp_path / "activations" / f"{number}.parquet", EXAMPLES, phi[1:])
    return tmp_path


def of_recorded(folder, networks):
    return sources.of_networks(
        folder / "dataset.parquet", networks, folder / "activations", {}, RUN
    )


@pytest.fixture
def moments(folder, trained):
    return of_recorded(folder, dict(enumerate(trained[1:])))


def test_moments_are_those_of_the_recorded_examples(moments, clusters, trained, run_mlp):
    for number in (0, 1):
        phi, _ = run_mlp(trained[1 + number], clusters.inputs("train")[EXAMPLES])
        for layer, values in enumerate(phi):
            found = moments(number)(layer)
            np.testing.assert_allclose(found.second, values.T @ values / 60, rtol=1e-5, atol=1e-6)
            np.testing.assert_allclose(found.mean_x, values.mean(0), rtol=1e-5, atol=1e-6)


def test_the_inputs_moments_are_computed_once_for_all_networks(moments):
    assert moments(0)(0) is moments(1)(0)


def test_networks_recorded_on_other_examples_have_input_moments_of_their_own(
    moments, folder, clusters
):
    examples = np.arange(10)
    write_activations(folder / "activations" / "2.parquet", examples, [np.ones((10, 1))])
    moments(0)(0)
    inputs = clusters.inputs("train")[:10].astype(np.float64)
    found = moments(2)(0)
    np.testing.assert_allclose(found.second, inputs.T @ inputs / 10, rtol=1e-6, atol=1e-9)


def test_a_networks_moments_are_kept(moments):
    assert moments(0) is moments(0)
    assert moments(0)(1) is moments(0)(1)


@pytest.mark.parametrize("name", REGISTRY.names)
def test_matching_from_files_is_matching_from_memory(name, moments, clusters, trained, recorded):
    _, a, b = trained
    inputs = clusters.inputs("train")[EXAMPLES]
    memory = [NetworkMoments(recorded(network, inputs)) for network in (a, b)]
    from_memory = match(REGISTRY.build({"name": name}), a, b, *memory)
    from_files = match(REGISTRY.build({"name": name}), a, b, moments(0), moments(1))
    for layer in (1, 2):
        assert from_files.objectives[layer] == pytest.approx(from_memory.objectives[layer])
        np.testing.assert_array_equal(
            from_files.permutations[layer], from_memory.permutations[layer]
        )


@pytest.mark.parametrize("name", ["identity", "naive_wm"])
def test_no_file_is_read_until_it_is_asked_for(name, tmp_path, random_mlp):
    a, b = random_mlp([4, 3, 2]), random_mlp([4, 3, 2])
    moments = of_recorded(tmp_path, {0: a, 1: b})
    match(REGISTRY.build({"name": name}), a, b, moments(0), moments(1))


def test_activations_that_are_not_there_are_an_error_in_one_line(tmp_path, one_line):
    with pytest.raises(TableError) as error:
        of_recorded(tmp_path, {})(5)(1)
    one_line(error, tmp_path / "activations" / "5.parquet", "no such file")


@pytest.mark.parametrize(
    ("key", "other"), [("experiment", "f"), ("config_hash", "1" * 16), ("seed", 1)]
)
def test_activations_of_another_run_are_an_error_in_one_line(
    key, other, moments, folder, random_mlp, one_line
):
    """Of a pair, only B's are of another run: A's are read without a word."""
    path = folder / "activations" / "1.parquet"
    ones = [np.ones((len(EXAMPLES), units)) for units in (16, 12)]
    write_activations(path, EXAMPLES, ones, {**RUN, key: other})
    for read in (
        lambda: moments(0)(1) and moments(1)(1),
        lambda: moments(1)(0),
        lambda: moments(0).cross(2, moments(1)),
    ):
        with pytest.raises(TableError) as error:
            read()
        said = one_line(error, path, f"its {key} is {other!r}, expected {RUN[key]!r}")
        assert said.endswith(f"rebuild it: `rm -r {path.parent}`, then run snakemake again")


def test_activations_of_other_examples_than_the_partners_are_not_matched(moments, folder):
    examples = EXAMPLES[:-1]
    ones = [np.ones((len(examples), units)) for units in (16, 12)]
    write_activations(folder / "activations" / "1.parquet", examples, ones)
    with pytest.raises(UserError, match="20 and 19 examples"):
        moments(0).cross(1, moments(1))
