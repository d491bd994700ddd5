"""Covariance-weighted matching, the paper's own: "WM (ours)" (Section 6, Appendix D.2)."""

from .matcher import Matcher


class SigmaWeightMatching(Matcher):
    """Minimises tr((W_A - P W~_B) Sigma (W_A - P W~_B)^T): S = W_A Sigma W~_B^T.

    Sigma is the uncentred second moment of phi_{l-1} of network A over the training examples, and
    is never formed: S = E[(W_A phi) (W~_B phi)^T], the cross second moment between the outputs
    of A's layer and of B's, both fed with A's activations. This is exact for convolutions, too,
    which the paper leaves to future work (Appendix D.1).
    """

    def similarity(self, layer):
        return layer.outputs.second

    def norms(self, layer):
        return layer.outputs.squared_norms(centred=False)

    def gram(self, layer, centred):
        """W Sigma W^T; centred: with the covariance of phi_{l-1} instead of Sigma."""
        return layer.moments_through(layer.weight, layer.weight).second_moment(centred)
