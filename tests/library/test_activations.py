"""Recording activations: which examples, in what order, and what is recorded."""

import numpy as np
import pytest
import torch

from lmc_ot import tables
from lmc_ot.errors import UserError
from lmc_ot.matching import recording
from lmc_ot.matching.moments import Recorded
from lmc_ot.networks.graph import Graph
from lmc_ot.networks.groups.group import INPUT, Tap


def test_all_examples_are_recorded_unless_fewer_are_asked_for(clusters):
    for examples in (None, 120, 121):
        assert recording.chosen_examples(clusters, examples, 0).tolist() == list(range(120))


def test_chosen_examples_are_distinct_in_order_and_depend_on_the_seed_alone(clusters):
    chosen = recording.chosen_examples(clusters, 40, 0)
    assert len(set(chosen)) == 40 and chosen.tolist() == sorted(chosen)
    assert chosen.min() >= 0 and chosen.max() < 120
    assert chosen.tolist() == recording.chosen_examples(clusters, 40, 0).tolist()
    assert chosen.tolist() != recording.chosen_examples(clusters, 40, 1).tolist()


def test_places_are_chosen_for_every_example_and_depend_on_the_seed_alone(clusters):
    found = recording.chosen_samples(clusters, 40, 3, 0)
    expected = np.repeat(recording.chosen_examples(clusters, 40, 0), 3)
    assert found.example.tolist() == expected.tolist()
    assert len(set(zip(found.y, found.x, strict=True))) == 120
    for place in (found.y, found.x):
        assert place.min() >= 0 and place.max() < 1 and place.std() > 0.2
    again, other = (recording.chosen_samples(clusters, 40, 3, seed) for seed in (0, 1))
    assert again.y.tolist() == found.y.tolist() and again.x.tolist() == found.x.tolist()
    assert other.y.tolist() != found.y.tolist()


@pytest.fixture(scope="module")
def hidden(trained, clusters, groups_of):
    """The graph of the trained networks, and the taps of its two groups."""
    network, a, _ = trained
    graph = Graph(network.module, network.images(torch.from_numpy(clusters.inputs("train")[:2])))
    return graph, [tap for group in groups_of(a) for tap in group.taps]


@pytest.fixture
def recorded_batches(trained, hidden, clusters, monkeypatch):
    """In batches of 7."""
    network, a, _ = trained
    monkeypatch.setattr(recording, "BATCH_FLOATS", 7 * network.floats_per_example)
    samples = recording.chosen_samples(clusters, 40, 1, 0)
    return samples, list(recording.record(network, *hidden, a, clusters, samples))


def test_every_hidden_layer_is_recorded_after_the_relu(
    recorded_batches, trained, clusters, run_mlp
):
    samples, batches = recorded_batches
    phi, _ = run_mlp(trained[1], clusters.inputs("train")[samples.example])
    for layer in (1, 2):
        found = np.concatenate([values[layer - 1] for _, values in batches])
        assert found.dtype == np.float32
        assert (found >= 0).all() and (found == 0).any()
        np.testing.assert_allclose(found, phi[layer], rtol=1e-4, atol=1e-5)


def test_batches_are_bounded_and_say_what_they_are(recorded_batches):
    samples, batches = recorded_batches
    assert [len(some.example) for some, _ in batches] == [7, 7, 7, 7, 7, 5]
    for name, whole in vars(samples).items():
        assert np.concatenate([vars(some)[name] for some, _ in batches]).tolist() == whole.tolist()
    assert all(len(values[0]) == len(some.example) for some, values in batches)


class Positions:
    """A graph whose value has 2 x 4 positions and two units, which are the position's numbers."""

    def __init__(self, axis):
        self.axis = axis

    def run(self, parameters, wanted, known):
        places = torch.stack(torch.meshgrid(torch.arange(2), torch.arange(4), indexing="ij"), -1)
        places = places.float().expand(len(known[INPUT]), 2, 4, 2)
        return dict.fromkeys(wanted, places.movedim(-1, self.axis))


@pytest.mark.parametrize("axis", [1, 2, 3])
def test_a_value_with_positions_is_recorded_at_the_samples_places(clusters, trained, axis):
    y, x = np.array([0.0, 0.49, 0.5, 0.99]), np.array([0.0, 0.25, 0.74, 0.999])
    samples = recording.Samples(np.arange(4), y, x)
    taps = [Tap("value", axis, np.arange(2)[:, None])]
    [(_, [found])] = recording.record(trained[0], Positions(axis), taps, {}, clusters, samples)
    assert found.tolist() == [[0, 0], [0, 1], [1, 2], [1, 3]]


def test_a_value_of_a_sequence_is_recorded_at_the_first_coordinate(clusters, trained):
    """As in a transformer: one axis of positions, of which y chooses."""

    class Sequence:
        def run(self, parameters, wanted, known):
            return {"value": torch.arange(8.0).reshape(1, 8, 1).expand(len(known[INPUT]), 8, 1)}

    samples = recording.Samples(np.arange(3), np.array([0.0, 0.5, 0.99]), np.zeros(3))
    taps = [Tap("value", 2, np.zeros((1, 1), int))]
    [(_, [found])] = recording.record(trained[0], Sequence(), taps, {}, clusters, samples)
    assert found.tolist() == [[0], [4], [7]]


def test_a_value_with_three_axes_of_positions_is_refused_in_one_line(clusters, trained, one_line):
    class Volume:
        def run(self, parameters, wanted, known):
            return {"value": torch.zeros(len(known[INPUT]), 3, 2, 2, 2)}

    samples = recording.Samples(np.arange(3), np.zeros(3), np.zeros(3))
    taps = [Tap("value", 1, np.arange(3)[:, None])]
    with pytest.raises(UserError) as error:
        list(recording.record(trained[0], Volume(), taps, {}, clusters, samples))
    one_line(error, "activations.streamed")


def test_recording_needs_no_gradients(trained, hidden, clusters):
    """Even for parameters that ask for them: values are arrays, of tensors without a history."""
    network, a, _ = trained
    graph, taps = hidden
    tensors = {name: torch.from_numpy(array).requires_grad_() for name, array in a.items()}
    images = network.images(torch.from_numpy(clusters.inputs("train")[:5]))
    values = graph.run(tensors, [tap.value for tap in taps], {INPUT: images})
    assert not any(value.requires_grad for value in values.values())


def test_what_was_recorded_is_read_back_with_its_inputs(
    recorded_batches, hidden, tmp_path, clusters
):
    samples, batches = recorded_batches
    names = [tap.value for tap in hidden[1]]
    path = tmp_path / "0.parquet"
    widths = dict(zip(names, (16, 12), strict=True))
    with tables.activation_writer(path, widths, {"seed": 0}, "cpu") as write:
        for some, values in batches:
            write(vars(some), values)
    inputs = clusters.inputs("train")
    again = Recorded(path, lambda: inputs)
    for place, name in enumerate(names):
        expected = np.concatenate([values[place] for _, values in batches])
        np.testing.assert_array_equal(np.concatenate(list(again.batches(name))), expected)
    np.testing.assert_array_equal(
        np.concatenate(list(again.batches(INPUT))), inputs[samples.example]
    )
