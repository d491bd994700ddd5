"""Activation matching (paper, Section 6)."""

import numpy as np

from .layerwise import LayerwiseMatcher
from .moments import Moments


class ActivationMatching(LayerwiseMatcher):
    """Minimise (1/n) ||Z_A - P Z_B||_F^2: S is a cross moment of the activations of A and B.

    Activations that are read at several places (along a residual stream) are summed over.

    Parameters
    ----------
    statistic
        ``covariance`` subtracts the means from Z, ``second_moment`` does not, and ``correlation``
        divides by the standard deviations, too.
    """

    def __init__(self, statistic: str):
        self.statistic = statistic

    def similarity(self, visit):
        return sum(self._matrix(moments) for moments in self._moments(visit))

    def norms(self, visit):
        found = [self._norms(moments) for moments in self._moments(visit)]
        return sum(a for a, _ in found), sum(b for _, b in found)

    def gram(self, network, group, centred):
        """Return the uncentred, or if centred the centred, second moment of the activations.

        For the correlation, activations are divided by their standard deviations.
        """
        moments = [network.moments(tap).at(tap.places) for tap in group.taps]
        if self.statistic == "correlation":
            moments = [m.scaled(*m.inverse_deviations()) for m in moments]
        return sum(m.second_moment(centred) for m in moments)

    def _moments(self, visit) -> list[Moments]:
        a, b = visit.pair.a.moments, visit.pair.b.moments
        return [a.cross(tap, b).at(tap.places) for tap in visit.group.taps]

    def _matrix(self, moments: Moments) -> np.ndarray:
        if self.statistic == "correlation":
            moments = moments.scaled(*moments.inverse_deviations())
        return moments.second_moment(self.statistic != "second_moment")

    def _norms(self, moments: Moments) -> tuple[float, float]:
        if self.statistic == "correlation":
            moments = moments.scaled(*moments.inverse_deviations())
        return moments.squared_norms(self.statistic != "second_moment")
