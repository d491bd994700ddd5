"""Recording activations: which examples, in what order, and what is recorded."""

import numpy as np
import pytest
import torch

from lmc_ot import tables
from lmc_ot.matching import recording
from lmc_ot.matching.moments import Recorded


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


@pytest.fixture
def recorded_batches(trained, clusters, monkeypatch):
    """In batches of 7."""
    network, a, _ = trained
    monkeypatch.setattr(recording, "BATCH_FLOATS", 7 * network.floats_per_example)
    samples = recording.chosen_samples(clusters, 40, 1, 0)
    return samples, list(recording.record(network, a, clusters, samples))


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
    """A network whose only layer has 2 x 4 positions and two units: the position's numbers."""

    floats_per_example = 16

    def forward(self, parameters, images):
        places = torch.stack(torch.meshgrid(torch.arange(2), torch.arange(4), indexing="ij"), -1)
        return [places.float().expand(1, len(images), 2, 4, 2)], None


def test_a_layer_with_positions_is_recorded_at_the_samples_places(clusters, random_mlp):
    y, x = np.array([0.0, 0.49, 0.5, 0.99]), np.array([0.0, 0.25, 0.74, 0.999])
    samples = recording.Samples(np.arange(4), y, x)
    [(_, [found])] = recording.record(Positions(), random_mlp([1, 1]), clusters, samples)
    assert found.tolist() == [[0, 0], [0, 1], [1, 2], [1, 3]]


def test_recording_needs_no_gradients(trained, clusters, monkeypatch):
    network, a, _ = trained
    seen = []
    forward = network.forward

    def watching(parameters, images):
        seen.append(torch.is_grad_enabled())
        return forward(parameters, images)

    monkeypatch.setattr(network, "forward", watching)
    list(recording.record(network, a, clusters, recording.chosen_samples(clusters, 5, 1, 0)))
    assert seen == [False]


def test_what_was_recorded_is_read_back_with_its_inputs(recorded_batches, tmp_path, clusters):
    samples, batches = recorded_batches
    path = tmp_path / "0.parquet"
    with tables.activation_writer(path, [16, 12], {"seed": 0}, "cpu") as write:
        for some, values in batches:
            write(vars(some), values)
    inputs = clusters.inputs("train")
    again = Recorded(path, lambda: inputs)
    for layer in (1, 2):
        expected = np.concatenate([values[layer - 1] for _, values in batches])
        np.testing.assert_array_equal(np.concatenate(list(again.batches(layer))), expected)
    np.testing.assert_array_equal(np.concatenate(list(again.batches(0))), inputs[samples.example])
