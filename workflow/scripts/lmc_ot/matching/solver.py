"""Matching in one pass over the layers, with one linear assignment per layer (paper, Section 6)."""

import numpy as np

from ..networks.parameters import as_parameters
from ..networks.permutation import check_same_shape, hidden_layers, permute_columns
from ..tables import Parameters
from .assignment import maximise
from .matcher import Layer, Match, Matcher, PairLayer
from .moments import NetworkMoments, NoMoments


def match(
    matcher: Matcher,
    a: Parameters,
    b: Parameters,
    moments_a: NetworkMoments | None = None,
    moments_b: NetworkMoments | None = None,
    what: str = "a pair of networks",
) -> Match:
    """Match the hidden units of B to those of A.

    For l = 1 .. L, the permutation p_l maximises sum_i S_l[i, p_l[i]] exactly, where S_l is the
    matcher's similarity given p_{l-1}, as in the published scheme.

    Parameters
    ----------
    matcher
        The matcher, which defines the similarity.
    a, b
        Two networks of the same architecture, in a format accepted by `as_parameters`.
    moments_a, moments_b
        Moments of both networks on the same examples, for matchers that need them; instances of
        `moments.NetworkMoments` or `forward.StreamedMoments`.
    what
        The name of the pair in error messages.

    Raises
    ------
    UserError
        The networks differ in shape, or the matcher needs moments that are not given.
    """
    a, b = as_parameters(a, f"{what}, A"), as_parameters(b, f"{what}, B")
    check_same_shape(a, b, what)
    moments_a = moments_a or NoMoments(f"{what}, A")
    moments_b = moments_b or NoMoments(f"{what}, B")
    outcome = Match({}, {}, {}, {})
    for layer in hidden_layers(a):
        weight_b = b[layer, "weight"]
        if layer - 1 in outcome.permutations:
            weight_b = permute_columns(weight_b, outcome.permutations[layer - 1])
        pair = PairLayer(
            a=Layer.of(a, layer, moments_a),
            weight_b=weight_b,
            moments_across=lambda layer=layer: moments_a.cross(layer, moments_b),
        )
        similarity = matcher.similarity(pair)
        permutation = maximise(similarity)
        outcome.permutations[layer] = permutation
        units = np.arange(len(permutation))
        outcome.objectives[layer] = float(similarity[units, permutation].sum())
        outcome.identity_objectives[layer] = float(np.trace(similarity))
        outcome.norms[layer] = matcher.norms(pair)
    return outcome
