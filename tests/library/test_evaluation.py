"""Loss and accuracy of a stack against their definitions."""

import numpy as np
import pytest
import torch

from lmc_ot.networks.network import stack
from lmc_ot.training import evaluation
from support import mlp


@pytest.fixture
def ensemble(random_mlp, stream):
    networks = [random_mlp([6, 5, 4]) for _ in range(3)]
    images = stream.normal(size=(50, 6)).astype(np.float32)
    return networks, images, stream.integers(0, 4, 50)


def evaluated(networks, images, labels):
    data = evaluation.on_device(images, labels, torch.device("cpu"))
    return evaluation.evaluate(mlp((6,), 4, [5]), stack(networks), *data)


@pytest.mark.parametrize("floats", [1, 6 * 7, 1 << 20], ids=["1", "7", "all at once"])
def test_loss_and_accuracy_are_their_definitions_in_batches_of_any_size(
    ensemble, run_mlp, monkeypatch, floats
):
    monkeypatch.setattr(evaluation, "BATCH_FLOATS", floats)
    networks, images, labels = ensemble
    loss, accuracy = evaluated(networks, images, labels)
    assert loss.dtype == accuracy.dtype == np.float64
    for k, parameters in enumerate(networks):
        _, logits = run_mlp(parameters, images)
        chances = np.exp(logits[range(50), labels]) / np.exp(logits).sum(1)
        assert loss[k] == pytest.approx(-np.log(chances).mean(), rel=1e-6)
        assert accuracy[k] == np.mean(logits.argmax(1) == labels)


def test_a_network_that_is_not_finite_has_a_loss_that_is_not_and_leaves_the_others(ensemble):
    networks, images, labels = ensemble
    expected, _ = evaluated(networks, images, labels)
    networks[1]["layers.0.weight"][0, 0] = np.nan
    loss, _ = evaluated(networks, images, labels)
    assert np.isnan(loss[1])
    np.testing.assert_array_equal(loss[[0, 2]], expected[[0, 2]])


def test_large_logits_do_not_overflow(ensemble):
    networks, images, _ = ensemble
    for parameters in networks:
        parameters["layers.1.bias"][:] = [1e4, 0, 0, 0]
    loss, _ = evaluated(networks, images, np.zeros(50, np.int64))
    assert (loss == 0).all()
    loss, _ = evaluated(networks, images, np.ones(50, np.int64))
    np.testing.assert_allclose(loss, 1e4, rtol=0.01)
