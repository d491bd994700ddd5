"""One pass over the layers, one linear assignment each (spec section 2)."""

from dataclasses import dataclass

import numpy as np

from ..networks.parameters import as_parameters
from ..networks.permutation import Permutations, check_same_shape, hidden_layers, permute_columns
from ..tables import Parameters
from .assignment import maximise
from .matcher import Layer, Matcher, PairLayer
from .moments import NetworkMoments, NoMoments


@dataclass(frozen=True)
class Match:
    """What a matcher found for a pair.

    Parameters
    ----------
    permutations
        For every hidden layer, which unit of B is moved to which place.
    objectives, identity_objectives
        Hidden layer -> the sum of similarities reached, and that of moving nothing in this
        layer (B's columns reordered as the layers below were).
    """

    permutations: Permutations
    objectives: dict[int, float]
    identity_objectives: dict[int, float]


def match(
    matcher: Matcher,
    a: Parameters,
    b: Parameters,
    moments_a: NetworkMoments | None = None,
    moments_b: NetworkMoments | None = None,
    what: str = "a pair of networks",
) -> Match:
    """Permute the hidden units of B so that they are like those of A.

    For l = 1 .. L, p_l maximises sum_i S_l[i, p_l[i]], with S_l the matcher's similarity given
    p_{l-1}. This is the exact optimum of the published scheme.

    Parameters
    ----------
    a, b
        Two networks of one architecture, as `as_parameters` takes them.
    moments_a, moments_b
        Moments of both networks on the same examples, for the matchers that ask for them: a
        `moments.NetworkMoments` or a `streaming.StreamedMoments` each.
    what
        How to call the pair in an error.

    Raises
    ------
    UserError
        The networks differ in shape.
    """
    a, b = as_parameters(a, f"{what}, A"), as_parameters(b, f"{what}, B")
    check_same_shape(a, b, what)
    moments_a = moments_a or NoMoments(f"{what}, A")
    moments_b = moments_b or NoMoments(f"{what}, B")
    found = Match({}, {}, {})
    for layer in hidden_layers(a):
        weight_b = b[layer, "weight"]
        if layer - 1 in found.permutations:
            weight_b = permute_columns(weight_b, found.permutations[layer - 1])
        pair = PairLayer(
            a=layer_of(a, layer, moments_a),
            weight_b=weight_b,
            cross=lambda layer=layer: moments_a.cross(layer, moments_b),
        )
        similarity = matcher.similarity(pair)
        permutation = maximise(similarity)
        found.permutations[layer] = permutation
        units = np.arange(len(permutation))
        found.objectives[layer] = float(similarity[units, permutation].sum())
        found.identity_objectives[layer] = float(np.trace(similarity))
    return found


def layer_of(parameters: Parameters, layer: int, moments: NetworkMoments | None) -> Layer:
    """One layer of a network as matchers see it."""
    return Layer(
        weight=parameters[layer, "weight"],
        transfer=lambda weight_x, weight_y: moments.transfer(layer, weight_x, weight_y),
        outputs=lambda: moments(layer),
    )
