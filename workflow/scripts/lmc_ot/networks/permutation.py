"""Permutations of hidden units: which axes move together, and moving them (paper, Section 2).

A permutation of layer l is an index vector p of length m_l: unit p[i] of the network is moved to
place i. It reorders the rows of every parameter of layer l and the columns of layer l + 1's
weight, and never changes the function the network computes.
"""

from itertools import pairwise

import numpy as np

from ..errors import UserError
from ..tables import Parameters
from .parameters import as_parameters

Permutations = dict[int, np.ndarray]
"""Hidden layer -> index vector, int64 (m_l,)."""


def hidden_layers(parameters: Parameters) -> list[int]:
    """The numbers 1 .. L of the layers whose units can be permuted: all but the last."""
    return [layer for layer, name in parameters if name == "weight"][:-1]


def identity(parameters: Parameters) -> Permutations:
    """The permutation of every hidden layer that moves nothing."""
    return {l: np.arange(len(parameters[l, "weight"])) for l in hidden_layers(parameters)}


def random(parameters: Parameters, stream: np.random.Generator) -> Permutations:
    """A uniformly random permutation of every hidden layer."""
    return {l: stream.permutation(p) for l, p in identity(parameters).items()}


def inverse(permutations: Permutations) -> Permutations:
    """The permutations that undo the given ones."""
    return {layer: np.argsort(p) for layer, p in permutations.items()}


def permute_columns(weight: np.ndarray, permutation: np.ndarray) -> np.ndarray:
    """Reorder the columns of a weight (units, inputs) as the units below it were reordered.

    The columns come in one block for each unit below: of length 1 for a fully connected layer,
    k^2 for a convolution's flattened kernel, the number of positions for a flattened image.

    Raises
    ------
    ValueError
        The columns cannot be split into that many blocks.
    """
    units, inputs = weight.shape
    if inputs % len(permutation):
        raise ValueError(f"{inputs} columns are not a multiple of {len(permutation)} units below")
    return weight.reshape(units, len(permutation), -1)[:, permutation].reshape(units, inputs)


def apply(parameters: Parameters, permutations: Permutations) -> Parameters:
    """The same network with its hidden units reordered.

    Parameters
    ----------
    parameters
        As `as_parameters` takes them.
    permutations
        For some or all hidden layers.

    Raises
    ------
    ValueError
        A vector is not a permutation of its layer's units, or the layer is not hidden.
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
    """Raise UserError, naming the parameter, if two networks differ in shape or are not a chain.

    Parameters
    ----------
    what
        How to call the pair in the message.
    """
    for key in [*a, *(k for k in b if k not in a)]:
        shapes = [n[key].shape if key in n else "absent" for n in (a, b)]
        if shapes[0] != shapes[1]:
            raise UserError(
                f"{what}: layer {key[0]}, {key[1]} is {shapes[0]} in one and {shapes[1]} in the "
                f"other: a pair must share its architecture"
            )
    layers = [layer for layer, name in a if name == "weight"]
    for below, above in pairwise(layers):
        if a[above, "weight"].shape[1] % len(a[below, "weight"]):
            raise UserError(
                f"{what}: layer {above} has {a[above, 'weight'].shape[1]} columns, which is not "
                f"a multiple of the {len(a[below, 'weight'])} units of layer {below}"
            )
