"""Covariance-weighted matching, the paper's "WM (ours)" (Section 6, Appendix D.2)."""

from .matcher import Matcher


class SigmaWeightMatching(Matcher):
    """Minimise tr((W_A - P W~_B) Sigma (W_A - P W~_B)^T): S = W_A Sigma W~_B^T.

    Sigma is the uncentred second moment of phi_{l-1} of network A over the training examples. It
    is not formed explicitly, since S = E[(W_A phi) (W~_B phi)^T] is the cross second moment of
    the outputs of both layers when they are fed with the activations of A. This is exact also for
    convolutions, which the paper leaves to future work (Appendix D.1).
    """

    def similarity(self, layer):
        return layer.outputs.second

    def norms(self, layer):
        return layer.outputs.squared_norms(centred=False)

    def gram(self, layer, centred):
        """Return W Sigma W^T; if centred, Sigma is replaced by the covariance of phi_{l-1}."""
        return layer.moments_through(layer.weight, layer.weight).second_moment(centred)
