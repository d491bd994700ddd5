"""Covariance-weighted matching, the paper's "WM (ours)" (Section 6, Appendix D.2)."""

import numpy as np

from ..networks.groups.group import Producer
from ..tables import Parameters
from .layerwise import LayerwiseMatcher
from .matcher import Side
from .moments import Moments
from .naive_wm import weights


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
            a, b = (weights(n, visit.group, ()) for n in (visit.pair.a.parameters, visit.b))
            return a @ b.T
        return sum(m.second_moment(self.centred) for m in self._outputs(visit))

    def norms(self, visit):
        if not visit.producers:
            return None
        found = [m.squared_norms(self.centred) for m in self._outputs(visit)]
        return sum(a for a, _ in found), sum(b for _, b in found)

    def gram(self, network, group, centred):
        """Return W Sigma W^T; if centred, Sigma is replaced by the covariance of phi_{l-1}."""
        if not group.producers:
            return None
        parameters = network.parameters
        return sum(
            outputs(network, p, parameters, parameters).second_moment(centred)
            for p in group.producers
        )

    def _outputs(self, visit) -> list[Moments]:
        a = visit.pair.a
        return [outputs(a, p, a.parameters, visit.b) for p in visit.producers]


def outputs(network: Side, producer: Producer, x: Parameters, y: Parameters) -> Moments:
    """Return the moments of a layer's outputs for the weights of x and of y, unit by unit.

    Both are fed with what the layer reads in `network`. Batch norms that follow are those of x and
    of y.
    """
    moments = network.moments.through(producer, x[producer.parameter], y[producer.parameter])
    return moments.scaled(_scale(x, producer), _scale(y, producer)).at(producer.output.places)


def _scale(parameters: Parameters, producer: Producer) -> np.ndarray | None:
    """The factor by which a batch norm multiplies every output, float64; None without one."""
    norm = producer.norm
    if norm is None:
        return None
    deviation = np.sqrt(parameters[norm.variance].astype(np.float64) + norm.epsilon)
    return (parameters[norm.scale] if norm.scale else 1.0) / deviation
