"""Covariance-weighted matching, the paper's "WM (ours)" (Section 6, Appendix D.2)."""

from .layerwise import LayerwiseMatcher
from .naive_wm import similarity_of_weights


class SigmaWeightMatching(LayerwiseMatcher):
    """Minimise tr((W_A - P W~_B) Sigma (W_A - P W~_B)^T): S = W_A Sigma W~_B^T.

    Sigma is the uncentred second moment of phi_{l-1} of network A over the training examples. It
    is not formed explicitly, since S = E[(W_A phi) (W~_B phi)^T] is the cross second moment of
    the outputs of both layers when they are fed with the activations of A. This is exact also for
    convolutions, which the paper leaves to future work (Appendix D.1).

    Beyond the paper: of a group that several layers make, S is the sum over these layers; where
    batch norm follows a layer, its outputs are scaled as the norm scales them; units whose layers
    are unknown are matched by their weights alone.

    Parameters
    ----------
    centred
        Whether the means of the outputs are subtracted, as batch norm does.
    """

    def __init__(self, centred: bool):
        self.centred = centred

    def similarity(self, visit):
        if not visit.producers:
            return similarity_of_weights(visit)
        return sum(m.second_moment(self.centred) for m in visit.outputs)

    def norms(self, visit):
        if not visit.producers:
            return None
        found = [m.squared_norms(self.centred) for m in visit.outputs]
        return sum(a for a, _ in found), sum(b for _, b in found)

    def gram(self, network, group, centred):
        """Return W Sigma W^T; if centred, Sigma is replaced by the covariance of phi_{l-1}."""
        if not group.producers:
            return None
        parameters = network.parameters
        return sum(
            network.outputs(producer, parameters, parameters).second_moment(centred)
            for producer in group.producers
        )
