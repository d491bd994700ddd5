"""Moving hidden units: what moves together, what is refused, and that the function stays."""

import numpy as np
import pytest
import torch

from lmc_ot.errors import UserError
from lmc_ot.networks import permutation
from lmc_ot.networks.network import stack
from support import mlp


@pytest.fixture
def parameters(any_network, noisy):
    return noisy(any_network[0])


def test_a_random_permutation_of_every_layer_leaves_the_function(any_network, parameters, stream):
    network, inputs = any_network
    permuted = permutation.apply(parameters, permutation.random(parameters, stream))
    assert any(not np.array_equal(permuted[key], parameters[key]) for key in parameters)
    with torch.inference_mode():
        _, logits = network.forward(stack([parameters, permuted]), torch.from_numpy(inputs))
    assert (logits[0] - logits[1]).abs().max() < 1e-4 * logits[0].std(0).max()


def test_activations_move_to_where_the_permutation_says(stream, random_mlp):
    network, parameters = mlp((4,), 3, [7, 5, 9]), random_mlp([4, 7, 5, 9, 3])
    permutations = permutation.random(parameters, stream)
    permuted = permutation.apply(parameters, permutations)
    inputs = torch.from_numpy(stream.normal(size=(20, 4)).astype(np.float32))
    layers, _ = network.forward(stack([parameters, permuted]), inputs)
    for layer, p in permutations.items():
        before, after = layers[layer - 1]
        torch.testing.assert_close(after, before[:, torch.from_numpy(p)], rtol=1e-4, atol=1e-5)


def test_the_inverse_undoes_bit_for_bit(parameters, stream):
    permutations = permutation.random(parameters, stream)
    there = permutation.apply(parameters, permutations)
    back = permutation.apply(there, permutation.inverse(permutations))
    assert list(back) == list(parameters)
    for key, array in parameters.items():
        assert back[key].dtype == array.dtype
        assert back[key].tobytes() == array.tobytes()


def test_the_identity_moves_nothing(parameters):
    same = permutation.apply(parameters, permutation.identity(parameters))
    assert all(np.array_equal(same[key], parameters[key]) for key in parameters)


def test_one_layer_alone_moves_its_rows_its_bias_and_the_columns_above(random_mlp):
    parameters = random_mlp([2, 3, 4, 2])
    p = np.array([2, 0, 1])
    moved = permutation.apply(parameters, {1: p})
    for i, j in enumerate(p):
        np.testing.assert_array_equal(moved[1, "weight"][i], parameters[1, "weight"][j])
        assert moved[1, "bias"][i] == parameters[1, "bias"][j]
        np.testing.assert_array_equal(moved[2, "weight"][:, i], parameters[2, "weight"][:, j])
    for key in [(2, "bias"), (3, "weight"), (3, "bias")]:
        np.testing.assert_array_equal(moved[key], parameters[key])


def test_every_other_parameter_of_a_layer_moves_with_its_units():
    parameters = {
        (1, "weight"): np.zeros((3, 2), np.float32),
        (1, "scale"): np.array([1, 2, 3], np.float32),
        (1, "shift"): np.array([4, 5, 6], np.float32),
        (2, "weight"): np.zeros((2, 3), np.float32),
    }
    moved = permutation.apply(parameters, {1: np.array([1, 2, 0])})
    assert moved[1, "scale"].tolist() == [2, 3, 1]
    assert moved[1, "shift"].tolist() == [5, 6, 4]


def test_what_is_applied_is_a_copy(random_mlp):
    parameters = random_mlp([2, 3, 2])
    moved = permutation.apply(parameters, {})
    moved[1, "weight"][:] = 0
    moved[2, "bias"][:] = 0
    assert parameters[1, "weight"].any() and parameters[2, "bias"].any()


@pytest.mark.parametrize(
    "vector", [[0, 0, 1], [0, 1], [0, 1, 2, 3], [1, 2, 3], [-1, 0, 1], []], ids=str
)
def test_what_is_no_permutation_is_refused(random_mlp, vector):
    with pytest.raises(ValueError, match="layer 1: not a permutation of its 3 units"):
        permutation.apply(random_mlp([2, 3, 2]), {1: np.array(vector, int)})


def test_random_permutations_differ_from_layer_to_layer_and_come_from_the_stream(random_mlp):
    parameters = random_mlp([2, 30, 30, 2])
    first = permutation.random(parameters, np.random.default_rng(0))
    again = permutation.random(parameters, np.random.default_rng(0))
    assert not np.array_equal(first[1], first[2])
    assert all(np.array_equal(first[layer], again[layer]) for layer in (1, 2))


def test_hidden_layers_are_all_but_the_last(random_mlp):
    assert permutation.hidden_layers(random_mlp([2, 3, 4, 5, 6])) == [1, 2, 3]


def test_columns_move_in_blocks():
    weight = np.arange(12).reshape(2, 6)
    assert permutation.permute_columns(weight, np.array([2, 0, 1])).tolist() == [
        [4, 5, 0, 1, 2, 3],
        [10, 11, 6, 7, 8, 9],
    ]


def test_column_blocks_are_a_convolutions_channels(stream):
    """A kernel (units, channels, 3, 3), flattened: permuting its channels permutes blocks of 9."""
    kernel, p = stream.normal(size=(4, 5, 3, 3)), stream.permutation(5)
    moved = permutation.permute_columns(kernel.reshape(4, -1), p)
    np.testing.assert_array_equal(moved, kernel[:, p].reshape(4, -1))


def test_columns_that_are_no_blocks_are_refused():
    with pytest.raises(ValueError, match="7 columns are not a multiple of 3 units"):
        permutation.permute_columns(np.zeros((2, 7)), np.arange(3))


def test_networks_of_one_shape_pass(random_mlp):
    permutation.check_same_shape(random_mlp([2, 3, 2]), random_mlp([2, 3, 2]), "the pair")


def test_networks_of_different_widths_are_refused(random_mlp, one_line):
    with pytest.raises(UserError) as error:
        permutation.check_same_shape(random_mlp([2, 3, 2]), random_mlp([2, 4, 2]), "the pair")
    one_line(error, "the pair", "layer 1", "weight", "(3, 2)", "(4, 2)")


@pytest.mark.parametrize("longer", ["first", "second"])
def test_networks_of_different_depth_are_refused(random_mlp, one_line, longer):
    pair = [random_mlp([2, 2, 2]), random_mlp([2, 2, 2, 2])]
    with pytest.raises(UserError) as error:
        permutation.check_same_shape(*(pair if longer == "second" else pair[::-1]), "the pair")
    one_line(error, "the pair", "layer 3", "absent")


def test_layers_that_are_no_chain_are_refused(random_mlp, one_line):
    broken = random_mlp([2, 3, 2])
    broken[2, "weight"] = np.zeros((2, 4), np.float32)
    with pytest.raises(UserError) as error:
        permutation.check_same_shape(broken, broken, "the pair")
    one_line(error, "the pair", "layer 2", "4 columns", "3 units")
