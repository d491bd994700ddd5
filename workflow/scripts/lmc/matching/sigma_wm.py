"""Covariance-weighted matching, the paper's own: "WM (ours)" (Section 6, Appendix D.2)."""

import numpy as np

from .matcher import Matcher


class SigmaWeightMatching(Matcher):
    """Minimises tr((W_A - P W~_B) Sigma (W_A - P W~_B)^T): S = W_A Sigma W~_B^T.

    Sigma is the uncentred second moment of phi_{l-1} of network A over the training examples.
    """

    def similarity(self, layer):
        sigma = layer.a.inputs().second
        return layer.a.weight.astype(np.float64) @ sigma @ layer.weight_b.astype(np.float64).T

    def covariance(self, layer, centred):
        """W Sigma W^T; centred: with the covariance of phi_{l-1} in the place of Sigma."""
        weight = layer.weight.astype(np.float64)
        return weight @ layer.inputs().about(centred) @ weight.T
