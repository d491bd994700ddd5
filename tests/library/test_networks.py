"""Networks: shapes, laws of the initial weights, and the forward pass against its definition."""

import numpy as np
import pytest
import torch

from lmc_ot.data.dataset import Dataset, Split
from lmc_ot.networks.build import build
from lmc_ot.networks.initialisers import INITIALISERS, TRUNCATED_STD
from lmc_ot.networks.network import initial_parameters, stack, unstack
from support import mlp
from support import network as registered


def same(a, b):
    return list(a) == list(b) and all(a[key].tobytes() == b[key].tobytes() for key in a)


# -- every network ---------------------------------------------------------------------------


def test_initial_parameters_have_the_declared_shapes_in_order(any_network, stream):
    network, _ = any_network
    parameters = network.initialise(stream)
    assert {key: array.shape for key, array in parameters.items()} == network.shapes
    assert list(parameters) == list(network.shapes)
    assert all(array.dtype == np.float32 for array in parameters.values())


def test_layers_count_from_one_and_form_a_chain_to_the_classes(any_network):
    network, _ = any_network
    weights = {layer: s for (layer, name), s in network.shapes.items() if name == "weight"}
    assert list(weights) == list(range(1, len(weights) + 1))
    assert network.hidden_widths == [shape[0] for shape in weights.values()][:-1]
    assert weights[len(weights)][0] == 3
    for layer in range(2, len(weights) + 1):
        assert weights[layer][1] % weights[layer - 1][0] == 0
    for (layer, name), shape in network.shapes.items():
        assert name == "weight" or shape == (weights[layer][0],)


def test_the_forward_pass_gives_every_hidden_layer_and_the_logits(any_network, noisy):
    network, inputs = any_network
    parameters = stack([noisy(network), noisy(network)])
    activations, logits = network.forward(parameters, torch.from_numpy(inputs))
    assert logits.shape == (2, 12, 3)
    assert [a.shape[:2] for a in activations] == [(2, 12)] * len(network.hidden_widths)


def test_networks_of_an_ensemble_do_not_see_each_other(any_network, noisy):
    network, inputs = any_network
    networks = [noisy(network) for _ in range(3)]
    batches = torch.from_numpy(inputs).view(3, 4, -1)
    together_activations, together = network.forward(stack(networks), batches)
    for k, parameters in enumerate(networks):
        activations, logits = network.forward(stack([parameters]), batches[k])
        torch.testing.assert_close(together[k], logits[0], rtol=1e-4, atol=1e-5)
        for one, all_of_them in zip(activations, together_activations, strict=True):
            torch.testing.assert_close(all_of_them[k], one[0], rtol=1e-4, atol=1e-5)


def test_all_networks_may_be_given_the_same_batch(any_network, noisy):
    network, inputs = any_network
    parameters = stack([noisy(network), noisy(network)])
    images = torch.from_numpy(inputs)
    _, once = network.forward(parameters, images)
    _, twice = network.forward(parameters, torch.stack([images, images]))
    torch.testing.assert_close(once, twice, rtol=1e-5, atol=1e-6)
    assert (once[0] - once[1]).abs().max() > 0.01


def test_the_initialisation_depends_on_seed_rate_and_number_and_nothing_else(any_network):
    network, _ = any_network
    first = initial_parameters(network, 1, 0.1, 2)
    np.random.seed(5)
    torch.manual_seed(5)
    assert same(first, initial_parameters(network, 1, 0.1, 2))
    for other in ((2, 0.1, 2), (1, 0.2, 2), (1, 0.1, 3)):
        assert not same(first, initial_parameters(network, *other))


# -- the MLP ---------------------------------------------------------------------------------


def test_the_mlp_is_its_definition(random_mlp, run_mlp, stream):
    parameters = random_mlp([6, 7, 5, 3])
    network = mlp((2, 3), 3, [7, 5])
    inputs = stream.normal(size=(20, 6)).astype(np.float32)
    activations, logits = network.forward(stack([parameters]), torch.from_numpy(inputs))
    phi, expected = run_mlp(parameters, inputs)
    np.testing.assert_allclose(logits[0].numpy(), expected, rtol=1e-5, atol=1e-5)
    for found, wanted in zip(activations, phi[1:], strict=True):
        np.testing.assert_allclose(found[0].numpy(), wanted, rtol=1e-5, atol=1e-5)


def test_the_mlp_flattens_the_data_sets_images():
    split = Split(np.zeros((1, 2, 3), np.uint8), np.zeros(1, np.int64))
    network = build({"name": "mlp", "hidden_widths": [4]}, Dataset(split, split, 5, 1.0))
    assert network.shapes == {
        (1, "weight"): (4, 6),
        (1, "bias"): (4,),
        (2, "weight"): (5, 4),
        (2, "bias"): (5,),
    }


def test_build_passes_options_on_and_keeps_the_config(clusters):
    block = {"name": "mlp", "hidden_widths": [2], "initialiser": "lecun_uniform"}
    assert build(block, clusters).initialiser is INITIALISERS["lecun_uniform"]
    assert block["name"] == "mlp"


@pytest.mark.parametrize("name", INITIALISERS)
def test_the_mlp_uses_the_initialiser_it_is_given_and_zero_biases(name):
    network = registered("mlp", (8,), 3, hidden_widths=[400], initialiser=name)
    parameters = network.initialise(np.random.default_rng(1))
    assert not parameters[1, "bias"].any() and not parameters[2, "bias"].any()
    expected = INITIALISERS[name](np.random.default_rng(1), 400, 8)
    np.testing.assert_array_equal(parameters[1, "weight"], expected)


# -- initialisers ----------------------------------------------------------------------------


@pytest.mark.parametrize("name", INITIALISERS)
def test_initial_weights_have_mean_zero_and_variance_one_over_fan_in(name, stream):
    """Tolerances: five standard errors; the kurtosis of both laws is below 3, the normal's."""
    units, fan_in = 400, 250
    weights = INITIALISERS[name](stream, units, fan_in).astype(np.float64)
    n = weights.size
    assert abs(weights.mean()) < 5 / np.sqrt(fan_in * n)
    assert weights.var() * fan_in == pytest.approx(1, abs=5 * np.sqrt(2 / n))


def test_the_normal_is_truncated_at_two_standard_deviations(stream):
    """0.87962566103423978 is the constant that JAX and Keras divide by."""
    assert pytest.approx(0.87962566103423978, rel=1e-12) == TRUNCATED_STD
    weights = INITIALISERS["lecun_normal"](stream, 400, 250)
    limit = 2 / (TRUNCATED_STD * np.sqrt(250))
    assert 0.999 * limit < np.abs(weights).max() <= limit * (1 + 1e-6)
    inside = np.mean(np.abs(weights) < limit / 2)  # within one sd of the normal: .6827 / .9545
    assert inside == pytest.approx(0.7152, abs=5 * np.sqrt(0.7152 * 0.2848 / weights.size))


def test_the_uniform_fills_its_interval_evenly(stream):
    weights = INITIALISERS["lecun_uniform"](stream, 400, 250)
    limit = np.sqrt(3 / 250)
    assert 0.999 * limit < np.abs(weights).max() <= limit * (1 + 1e-6)
    inside = np.mean(np.abs(weights) < limit / 2)
    assert inside == pytest.approx(0.5, abs=5 * np.sqrt(0.25 / weights.size))


# -- stacking --------------------------------------------------------------------------------


def test_unstacking_undoes_stacking_bit_for_bit(random_mlp):
    networks = [random_mlp([4, 3, 2]) for _ in range(3)]
    networks[0][1, "bias"][:] = [-0.0, 1e-45, 3e38]
    again = unstack(stack(networks))
    assert len(again) == 3
    assert all(same(a, b) for a, b in zip(networks, again, strict=True))


def test_unstacked_networks_share_no_memory(random_mlp):
    stacked = stack([random_mlp([4, 3, 2])])
    unstack(stacked)[0][1, "weight"][:] = 0
    assert stacked[1, "weight"].any()


@pytest.mark.parametrize("widths", [[4, 5, 2], [4, 3, 3, 2]])
def test_networks_of_different_shape_are_not_stacked(random_mlp, widths):
    with pytest.raises(ValueError, match="different shape"):
        stack([random_mlp([4, 3, 2]), random_mlp(widths)])
