"""Weight matching as in Git Re-Basin (Ainsworth et al., 2022, Algorithm 1), on groups."""

import numpy as np

from ..networks.groups.apply import rows
from ..networks.groups.group import Group, Member
from ..tables import Parameters
from .iterative import IterativeMatcher
from .matcher import Side
from .naive_wm import NaiveWeightMatching


class WeightMatching(IterativeMatcher):
    """Maximise <theta_A, pi(theta_B)> over all trained parameters.

    The similarity of a group is the sum over all its members, incoming and outgoing weights,
    biases and norms, of M(A) M(B)^T, where M holds the numbers of one unit per row. Running
    statistics are left out.
    """

    def start(self, pair, number):
        """The identity; what naive weight matching finds in one pass; random permutations."""
        if number == 1:
            return NaiveWeightMatching().match(pair).permutations
        return super().start(pair, number)

    def similarity(self, pair, group, b):
        a = pair.a.parameters
        return sum(
            rows(a[m.parameter], m).astype(np.float64)
            @ rows(b[m.parameter], m).astype(np.float64).T
            for m in _trained(pair.a, group)
        )

    def objective(self, pair, groups, b):
        names = {m.parameter for group in groups for m in _trained(pair.a, group)}
        return sum(_product(pair.a.parameters, b, name) for name in sorted(names))

    def norms(self, pair, group):
        a, b = (
            sum(np.square(matrix).sum() for matrix in _matrices(side, group))
            for side in (pair.a, pair.b)
        )
        return float(a), float(b)

    def gram(self, network, group, centred):
        """Return M M^T / units over all members, where centred subtracts the mean unit from M."""
        matrices = _matrices(network, group)
        if centred:
            matrices = [matrix - matrix.mean(0) for matrix in matrices]
        return sum(matrix @ matrix.T for matrix in matrices) / group.size


def _trained(network: Side, group: Group) -> list[Member]:
    return [m for m in group.members if m.parameter not in network.groups.buffers]


def _matrices(network: Side, group: Group) -> list[np.ndarray]:
    return [
        rows(network.parameters[m.parameter], m).astype(np.float64)
        for m in _trained(network, group)
    ]


def _product(a: Parameters, b: Parameters, name: str) -> float:
    return float(np.vdot(a[name].astype(np.float64), b[name].astype(np.float64)))
