"""Permutations of hidden units, and how they act on the parameters (paper, Section 2).

A permutation of layer l is an index vector p of length m_l: unit p[i] of the network moves to
position i. It reorders the rows of every parameter of layer l and the columns of the weight of
layer l + 1. The function that the network computes does not change.
"""

from itertools import pairwise

import numpy as np

from ..errors import UserError
from ..tables import Parameters
from .parameters import as_parameters

Permutations = dict[int, np.ndarray]
"""Hidden layer -> index vector, int64 (m_l,)."""


def hidden_layers(parameters: Parameters) -> list[int]:
    """Return the numbers 1 .. L of the layers whose units can be permuted: all but the last."""
    return [layer for layer, name in parameters if name == "weight"][:-1]


def identity(parameters: Parameters) -> Permutations:
    """Return the identity permutation of every hidden layer."""
    return {l: np.arange(len(parameters[l, "weight"])) for l in hidden_layers(parameters)}


def random(parameters: Parameters, stream: np.random.Generator) -> Permutations:
    """Draw a uniformly random permutation of every hidden layer."""
    return {l: stream.permutation(p) for l, p in identity(parameters).items()}


def inverse(permutations: Permutations) -> Permutations:
    """Return the inverses of the given permutations."""
    return {layer: np.argsort(p) for layer, p in permutations.items()}


def permute_columns(weight: np.ndarray, permutation: np.ndarray) -> np.ndarray:
    """Reorder the columns of a weight (units, inputs) by a permutation of the layer below.

    The columns form one block per unit of the layer below. The length of a block is 1 for a fully
    connected layer, k^2 for the flattened kernels of a convolution, and the number of positions
    after flattening an image.

    Raises
    ------
    ValueError
        The number of columns is not a multiple of the number of units below.
    """
    units, inputs = weight.shape
    if inputs % len(permutation):
        raise ValueError(f"{inputs} columns are not a multiple of {len(permutation)} units below")
    return weight.reshape(units, len(permutation), -1)[:, permutation].reshape(units, inputs)


def apply(parameters: Parameters, permutations: Permutations) -> Parameters:
    """Return the same network with its hidden units reordered.

    Parameters
    ----------
    parameters
        A network in a format accepted by `as_parameters`.
    permutations
        Permutations of some or all hidden layers.

    Raises
    ------
    ValueError
        A vector is not a permutation of the units of its layer, or the layer is not hidden.
    """
    parameters = as_parameters(parameters, "the network")
    for layer, p in permutations.items():
        if layer not in hidden_layers(parameters):
            raise ValueError(f"layer {layer} is not a hidden layer of the network")
        units = len(parameters[layer, "weight"])
        if not np.array_equal(np.sort(p), np.arange(units)):
            raise ValueError(f"layer {layer}: not a permutation of its {units} units")
    moved = {}
    for (layer, name), array in parameters.items():
        if layer in permutations:
            array = array[permutations[layer]]
        if name == "weight" and layer - 1 in permutations:
            array = permute_columns(array, permutations[layer - 1])
        moved[layer, name] = array.copy()
    return moved


def check_same_shape(a: Parameters, b: Parameters, what: str) -> None:
    """Raise UserError, naming the parameter, if two networks differ in shape or are not chains.

    Parameters
    ----------
    what
        The name of the pair in the message.
    """
    for key in [*a, *(k for k in b if k not in a)]:
        shapes = [n[key].shape if key in n else "absent" for n in (a, b)]
        if shapes[0] != shapes[1]:
            raise UserError(
                f"{what}: layer {key[0]}, {key[1]} is {shapes[0]} in one and {shapes[1]} in the "
                f"other: both networks of a pair must have the same architecture"
            )
    layers = [layer for layer, name in a if name == "weight"]
    for below, above in pairwise(layers):
        if a[above, "weight"].shape[1] % len(a[below, "weight"]):
            raise UserError(
                f"{what}: layer {above} has {a[above, 'weight'].shape[1]} columns, which is not "
                f"a multiple of the {len(a[below, 'weight'])} units of layer {below}"
            )
