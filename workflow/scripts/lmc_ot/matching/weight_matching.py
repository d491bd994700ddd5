"""Weight matching as in Git Re-Basin (Ainsworth et al., 2022, Algorithm 1), on groups."""

from collections.abc import Iterator

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
        total = np.zeros((group.size, group.size))
        both = (_matrices(network, group, pair.groups) for network in (pair.a.parameters, b))
        for x, y in zip(*both, strict=True):
            total += x @ y.T  # float32 products are twice as fast, and steps are checked in float64
        return total

    def objective(self, pair, groups, b):
        a, measured = pair.a.parameters, pair.groups.buffers
        names = {m.parameter for group in groups for m in group.members}.difference(measured)
        return sum(_product(a[name], b[name]) for name in sorted(names))

    def norms(self, pair, group):
        a, b = (
            sum(_product(matrix, matrix) for matrix in _matrices(network, group, pair.groups))
            for network in (pair.a.parameters, pair.b.parameters)
        )
        return a, b

    def gram(self, network, group, centred):
        """Return M M^T / units over all members, where centred subtracts the mean unit from M."""
        total = np.zeros((group.size, group.size))
        for matrix in _matrices(network.parameters, group, network.groups):
            matrix = matrix.astype(np.float64)
            matrix = matrix - matrix.mean(0) if centred else matrix
            total += matrix @ matrix.T
        return total / group.size


def _matrices(parameters: Parameters, group: Group, groups) -> Iterator[np.ndarray]:
    """What every trained member holds of each unit, float32 or float64 (units, numbers)."""
    for member in group.members:
        if member.parameter not in groups.buffers:
            matrix = rows(parameters[member.parameter], member)
            yield matrix.astype(np.promote_types(matrix.dtype, np.float32), copy=False)


def _product(a: np.ndarray, b: np.ndarray) -> float:
    """The sum of a b, in float64."""
    return float(np.einsum("i,i", a.ravel(), b.ravel(), dtype=np.float64))
