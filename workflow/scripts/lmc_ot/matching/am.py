"""Activation matching (paper, Section 6)."""

from .layerwise import LayerwiseMatcher
from .moments import Moments
from .naive_wm import similarity_of_weights


class ActivationMatching(LayerwiseMatcher):
    """Minimise (1/n) ||Z_A - P Z_B||_F^2: S is a cross moment of the activations of A and B.

    Activations that are read at several places (along a residual stream) are summed over. Units
    whose activations are unknown are matched by their weights alone.

    Parameters
    ----------
    statistic
        ``covariance`` subtracts the means from Z, ``second_moment`` does not, and ``correlation``
        divides by the standard deviations, too.
    """

    def __init__(self, statistic: str):
        self.statistic = statistic

    def similarity(self, visit):
        if not visit.activations:
            return similarity_of_weights(visit)
        centred = self.statistic != "second_moment"
        return sum(self._prepared(m).second_moment(centred) for m in visit.activations)

    def norms(self, visit):
        if not visit.activations:
            return None
        centred = self.statistic != "second_moment"
        found = [self._prepared(m).squared_norms(centred) for m in visit.activations]
        return sum(a for a, _ in found), sum(b for _, b in found)

    def gram(self, network, group, centred):
        """Return the uncentred, or if centred the centred, second moment of the activations.

        For the correlation, activations are divided by their standard deviations.
        """
        if not group.taps:
            return None
        moments = [network.moments(tap).at(tap.places) for tap in group.taps]
        return sum(self._prepared(m).second_moment(centred) for m in moments)

    def _prepared(self, moments: Moments) -> Moments:
        if self.statistic == "correlation":
            return moments.scaled(*moments.inverse_deviations())
        return moments
