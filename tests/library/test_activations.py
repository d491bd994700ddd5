"""Recording activations: which examples, in what order, and what is recorded."""

import numpy as np
import pytest
import torch

from lmc import activations, tables
from lmc.moments import Recorded
from lmc.networks.mlp import MLP


def test_all_examples_are_recorded_unless_fewer_are_asked_for(clusters):
    for examples in (None, 120, 121):
        assert activations.chosen_examples(clusters, examples, 0).tolist() == list(range(120))


def test_chosen_examples_are_distinct_in_order_and_depend_on_the_seed_alone(clusters):
    chosen = activations.chosen_examples(clusters, 40, 0)
    assert len(set(chosen)) == 40 and chosen.tolist() == sorted(chosen)
    assert chosen.min() >= 0 and chosen.max() < 120
    assert chosen.tolist() == activations.chosen_examples(clusters, 40, 0).tolist()
    assert chosen.tolist() != activations.chosen_examples(clusters, 40, 1).tolist()


@pytest.fixture
def recorded_batches(trained, clusters, monkeypatch):
    monkeypatch.setattr(activations, "BATCH_EXAMPLES", 7)
    network, a, _ = trained
    chosen = activations.chosen_examples(clusters, 40, 0)
    return chosen, list(activations.record(network, a, clusters, chosen))


def test_every_hidden_layer_is_recorded_after_the_relu(
    recorded_batches, trained, clusters, run_mlp
):
    chosen, batches = recorded_batches
    phi, _ = run_mlp(trained[1], clusters.inputs("train")[chosen])
    for layer in (1, 2):
        found = np.concatenate([values[layer - 1] for _, values in batches])
        assert found.dtype == np.float32
        assert (found >= 0).all() and (found == 0).any()
        np.testing.assert_allclose(found, phi[layer], rtol=1e-4, atol=1e-5)


def test_batches_are_bounded_and_name_their_examples(recorded_batches):
    chosen, batches = recorded_batches
    assert [len(examples) for examples, _ in batches] == [7, 7, 7, 7, 7, 5]
    assert np.concatenate([examples for examples, _ in batches]).tolist() == chosen.tolist()
    assert all(len(values[0]) == len(examples) for examples, values in batches)


def test_recording_needs_no_gradients(trained, clusters):
    network, a, _ = trained
    seen = []

    class Watching(MLP):
        def forward(self, parameters, images):
            seen.append(torch.is_grad_enabled())
            return network.forward(parameters, images)

    watching = Watching(clusters.shape, 3, [16, 12])
    list(activations.record(watching, a, clusters, np.arange(5)))
    assert seen == [False]


def test_what_was_recorded_is_read_back_with_its_inputs(recorded_batches, tmp_path, clusters):
    chosen, batches = recorded_batches
    path = tmp_path / "0.parquet"
    with tables.activation_writer(path, [16, 12], {"seed": 0}, "cpu") as write:
        for batch in batches:
            write(*batch)
    inputs = clusters.inputs("train")
    again = Recorded(tables.ActivationFile(path), inputs)
    for layer in (1, 2):
        expected = np.concatenate([values[layer - 1] for _, values in batches])
        np.testing.assert_array_equal(np.concatenate(list(again.batches(layer))), expected)
    np.testing.assert_array_equal(np.concatenate(list(again.batches(0))), inputs[chosen])
