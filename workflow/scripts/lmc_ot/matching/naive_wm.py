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

    def covariance(self, layer, centred):
        """W^T W (uncentred), or the same after subtracting the mean neuron; times 1 / units.

        Or W W^T, if that is smaller: it has the same eigenvalues, but for zeros.
        """
        weight = layer.weight.astype(np.float64)
        if centred:
            weight = weight - weight.mean(0)
        units, inputs = weight.shape
        gram = weight @ weight.T if units < inputs else weight.T @ weight
        return gram / units
