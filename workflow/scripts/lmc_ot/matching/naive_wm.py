"""Naive weight matching (paper, Section 6 and Appendix D.2).

It compares the incoming weights of two units only. So it is not the weight matching of Git Re-Basin
(Ainsworth et al., 2022), which also compares outgoing weights, biases and the parameters of norms,
and visits the layers repeatedly until no permutation changes.
"""

import numpy as np

from .matcher import Matcher


class NaiveWeightMatching(Matcher):
    """Minimises ||W_A - P W~_B||_F^2: S = W_A W~_B^T."""

    def similarity(self, layer):
        return layer.a.weight.astype(np.float64) @ layer.weight_b.astype(np.float64).T

    def norms(self, layer):
        a, b = (np.square(w.astype(np.float64)).sum() for w in (layer.a.weight, layer.weight_b))
        return float(a), float(b)

    def gram(self, layer, centred):
        """W W^T, times 1 / units; centred: of the neurons without their mean."""
        weight = layer.weight.astype(np.float64)
        if centred:
            weight = weight - weight.mean(0)
        return weight @ weight.T / len(weight)
