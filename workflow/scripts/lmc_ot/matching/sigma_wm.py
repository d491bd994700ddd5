"""Covariance-weighted matching, the paper's own: "WM (ours)" (Section 6, Appendix D.2)."""

from .matcher import Matcher


class SigmaWeightMatching(Matcher):
    """Minimises tr((W_A - P W~_B) Sigma (W_A - P W~_B)^T): S = W_A Sigma W~_B^T.

    Sigma is the uncentred second moment of phi_{l-1} of network A over the training examples, and
    is never formed: S = E[(W_A phi) (W~_B phi)^T], the cross second moment of what A's layer and
    B's make of A's activations, also where they are convolutions (spec section 2).
    """

    def similarity(self, layer):
        return layer.a.transfer(layer.a.weight, layer.weight_b).second

    def covariance(self, layer, centred):
        """W Sigma W^T; centred: with the covariance of phi_{l-1} in the place of Sigma."""
        return layer.transfer(layer.weight, layer.weight).about(centred)
