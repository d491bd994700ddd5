"""The moments of networks whose activations were recorded."""

import numpy as np
import pytest

from lmc_ot import tables
from lmc_ot.data.table import write_dataset
from lmc_ot.errors import TableError, UserError
from lmc_ot.matching import REGISTRY, sources
from lmc_ot.matching.matcher import match
from lmc_ot.matching.moments import NetworkMoments
from lmc_ot.networks.groups.group import INPUT, Tap

EXAMPLES = np.arange(0, 120, 2)
RUN = {"experiment": "e", "config_hash": "0" * 16, "seed": 0}


PIXELS = Tap(INPUT, 1, np.empty((0, 1), np.int32))


def write_activations(path, examples, groups, layers, run=RUN):
    """The activations at the taps of the groups, in order."""
    values = [group.taps[0].value for group in groups]
    widths = {name: part.shape[1] for name, part in zip(values, layers, strict=False)}
    with tables.activation_writer(path, widths, run, "cpu") as write:
        for part in np.array_split(np.arange(len(examples)), 3):
            samples = {
                "example": examples[part],
                "y": np.zeros(len(part)),
                "x": np.zeros(len(part)),
            }
            write(samples, [values[part].astype(np.float32) for values in layers])


@pytest.fixture
def folder(tmp_path, clusters, trained, run_mlp, groups_of):
    """The data set, and the activations of both networks on every second training example."""
    write_dataset(tmp_path / "dataset.parquet", clusters, {"dataset": "clusters"})
    for number, parameters in enumerate(trained[1:]):
        phi, _ = run_mlp(parameters, clusters.inputs("train")[EXAMPLES])
        path = tmp_path / "activations" / f"{number}.parquet"
        write_activations(path, EXAMPLES, groups_of(parameters), phi[1:])
    return tmp_path


def of_recorded(folder, networks, groups):
    return sources.of_networks(
        folder / "dataset.parquet", networks, groups, folder / "activations", {}, RUN
    )


@pytest.fixture
def groups(trained, groups_of):
    return groups_of(trained[1])


@pytest.fixture
def moments(folder, trained, groups):
    return of_recorded(folder, dict(enumerate(trained[1:])), groups)


@pytest.fixture
def taps(groups):
    return [PIXELS, *(group.taps[0] for group in groups)]


def test_moments_are_those_of_the_recorded_examples(moments, taps, clusters, trained, run_mlp):
    for number in (0, 1):
        phi, _ = run_mlp(trained[1 + number], clusters.inputs("train")[EXAMPLES])
        for tap, values in zip(taps, phi, strict=True):
            found = moments(number)(tap)
            np.testing.assert_allclose(found.second, values.T @ values / 60, rtol=1e-5, atol=1e-6)
            np.testing.assert_allclose(found.mean_x, values.mean(0), rtol=1e-5, atol=1e-6)


def test_the_inputs_moments_are_computed_once_for_all_networks(moments):
    assert moments(0)(PIXELS) is moments(1)(PIXELS)


def test_networks_recorded_on_other_examples_have_input_moments_of_their_own(
    moments, folder, clusters, groups
):
    examples = np.arange(10)
    write_activations(folder / "activations" / "2.parquet", examples, groups, [np.ones((10, 1))])
    moments(0)(PIXELS)
    inputs = clusters.inputs("train")[:10].astype(np.float64)
    found = moments(2)(PIXELS)
    np.testing.assert_allclose(found.second, inputs.T @ inputs / 10, rtol=1e-6, atol=1e-9)


def test_a_networks_moments_are_kept(moments, taps):
    assert moments(0) is moments(0)
    assert moments(0)(taps[1]) is moments(0)(taps[1])


@pytest.mark.parametrize("name", REGISTRY.names)
def test_matching_from_files_is_matching_from_memory(
    name, moments, clusters, trained, recorded, groups
):
    _, a, b = trained
    inputs, matcher = clusters.inputs("train")[EXAMPLES], REGISTRY.build({"name": name})
    memory = [NetworkMoments(recorded(network, inputs)) for network in (a, b)]
    from_memory = match(matcher, a, b, groups, *memory)
    from_files = match(matcher, a, b, groups, moments(0), moments(1))
    for group, p in from_memory.permutations.items():
        assert from_files.objectives[group] == pytest.approx(from_memory.objectives[group])
        np.testing.assert_array_equal(from_files.permutations[group], p)


@pytest.mark.parametrize("name", [n for n in REGISTRY.names if not REGISTRY.entry(n).activations])
def test_no_file_is_read_until_it_is_asked_for(name, tmp_path, random_mlp, groups_of):
    a, b = random_mlp([4, 3, 2]), random_mlp([4, 3, 2])
    moments = of_recorded(tmp_path, {0: a, 1: b}, groups_of(a))
    match(REGISTRY.build({"name": name}), a, b, groups_of(a), moments(0), moments(1))


def test_activations_that_are_not_there_are_an_error_in_one_line(tmp_path, groups, taps, one_line):
    with pytest.raises(TableError) as error:
        of_recorded(tmp_path, {}, groups)(5)(taps[1])
    one_line(error, tmp_path / "activations" / "5.parquet", "no such file")


@pytest.mark.parametrize(
    ("key", "other"), [("experiment", "f"), ("config_hash", "1" * 16), ("seed", 1)]
)
def test_activations_of_another_run_are_an_error_in_one_line(
    key, other, moments, folder, groups, taps, one_line
):
    """Of a pair, only B's are of another run: A's are read without a word."""
    path = folder / "activations" / "1.parquet"
    ones = [np.ones((len(EXAMPLES), units)) for units in (16, 12)]
    write_activations(path, EXAMPLES, groups, ones, {**RUN, key: other})
    for read in (
        lambda: moments(0)(taps[1]) and moments(1)(taps[1]),
        lambda: moments(1)(PIXELS),
        lambda: moments(0).cross(taps[2], moments(1)),
    ):
        with pytest.raises(TableError) as error:
            read()
        said = one_line(error, path, f"its {key} is {other!r}, expected {RUN[key]!r}")
        assert said.endswith(f"rebuild it: `rm -r {path.parent}`, then run snakemake again")


def test_activations_of_other_examples_than_the_partners_are_not_matched(
    moments, folder, groups, taps
):
    examples = EXAMPLES[:-1]
    ones = [np.ones((len(examples), units)) for units in (16, 12)]
    write_activations(folder / "activations" / "1.parquet", examples, groups, ones)
    with pytest.raises(UserError, match="20 and 19 examples"):
        moments(0).cross(taps[1], moments(1))
