"""Naive weight matching (paper, Section 6 and Appendix D.2).

It compares only the incoming weights of units. It is therefore not the weight matching of Git
Re-Basin (`weight_matching`), which also compares outgoing weights, biases and the parameters of
norms, and iterates over the groups until no permutation changes.
"""

import numpy as np

from ..networks.groups.apply import rows
from ..networks.groups.group import Group, Producer
from ..tables import Parameters
from .layerwise import LayerwiseMatcher, Visit


class NaiveWeightMatching(LayerwiseMatcher):
    """Minimise ||W_A - P W~_B||_F^2, where W~_B has its columns permuted: S = W_A W~_B^T.

    Of a group that several layers make, it is the sum over these layers.
    """

    def similarity(self, visit):
        return similarity_of_weights(visit)

    def norms(self, visit):
        a, b = (
            float(np.square(weights(network, visit.group, visit.producers)).sum())
            for network in (visit.pair.a.parameters, visit.b)
        )
        return a, b

    def gram(self, network, group, centred):
        """Return W W^T / units, where centred subtracts the mean over the neurons from W."""
        weight = weights(network.parameters, group, group.producers)
        if centred:
            weight = weight - weight.mean(0)
        return weight @ weight.T / group.size


def similarity_of_weights(visit: Visit) -> np.ndarray:
    """Return W_A W~_B^T, float64 (units, units)."""
    a, b = (
        weights(network, visit.group, visit.producers)
        for network in (visit.pair.a.parameters, visit.b)
    )
    return a @ b.T


def weights(parameters: Parameters, group: Group, producers: tuple[Producer, ...]) -> np.ndarray:
    """Return the incoming weights of a group's units, float64 (units, inputs of all producers).

    Of a group whose producers are unknown, those of all members that hold rows of a weight.
    """
    members = [group.row(p.parameter) for p in producers]
    members = members or [m for m in group.members if m is group.row(m.parameter)]
    members = members or list(group.members)
    parts = [rows(parameters[m.parameter], m) for m in members]
    return np.concatenate(parts, axis=1).astype(np.float64)
