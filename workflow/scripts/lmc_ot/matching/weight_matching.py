"""Weight matching as in Git Re-Basin (Ainsworth et al., 2022, Algorithm 1), on groups."""

import numpy as np

from ..networks.groups.apply import rows
from ..networks.groups.group import Group
from ..tables import Parameters
from .iterative import IterativeMatcher
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
        both = (_matrices(network, group, pair.groups) for network in (pair.a.parameters, b))
        return sum(x @ y.T for x, y in zip(*both, strict=True))

    def objective(self, pair, groups, b):
        a, measured = pair.a.parameters, pair.groups.buffers
        names = {m.parameter for group in groups for m in group.members}.difference(measured)
        return sum(_product(a[name], b[name]) for name in sorted(names))

    def norms(self, pair, group):
        a, b = (
            sum(np.square(matrix).sum() for matrix in _matrices(network, group, pair.groups))
            for network in (pair.a.parameters, pair.b.parameters)
        )
        return float(a), float(b)

    def gram(self, network, group, centred):
        """Return M M^T / units over all members, where centred subtracts the mean unit from M."""
        matrices = _matrices(network.parameters, group, network.groups)
        if centred:
            matrices = [matrix - matrix.mean(0) for matrix in matrices]
        return sum(matrix @ matrix.T for matrix in matrices) / group.size


def _matrices(parameters: Parameters, group: Group, groups) -> list[np.ndarray]:
    trained = (m for m in group.members if m.parameter not in groups.buffers)
    return [rows(parameters[m.parameter], m).astype(np.float64) for m in trained]


def _product(a: np.ndarray, b: np.ndarray) -> float:
    return float(np.vdot(a.astype(np.float64), b.astype(np.float64)))
