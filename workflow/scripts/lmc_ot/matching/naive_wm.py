"""Naive weight matching (paper, Section 6 and Appendix D.2).

It compares only the incoming weights of units. It is therefore not the weight matching of Git
Re-Basin (Ainsworth et al., 2022), which also compares outgoing weights, biases and the parameters
of norms, and iterates over the layers until no permutation changes.
"""

import numpy as np

from .matcher import Matcher


class NaiveWeightMatching(Matcher):
    """Minimise ||W_A - P W~_B||_F^2, where W~_B has its columns permuted: S = W_A W~_B^T."""

    def similarity(self, layer):
        return layer.a.weight.astype(np.float64) @ layer.weight_b.astype(np.float64).T

    def norms(self, layer):
        a, b = (np.square(w.astype(np.float64)).sum() for w in (layer.a.weight, layer.weight_b))
        return float(a), float(b)

    def gram(self, layer, centred):
        """Return W W^T / units, where centred subtracts the mean over the neurons from W."""
        weight = layer.weight.astype(np.float64)
        if centred:
            weight = weight - weight.mean(0)
        return weight @ weight.T / len(weight)
