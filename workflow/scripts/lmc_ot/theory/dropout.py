"""Experiment `dropout`: dropout stability and LMC (paper, Section 5.6 and Appendix B.14)."""

from collections.abc import Iterator

import numpy as np

from ..errors import ConfigError
from ..matching import REGISTRY as MATCHERS
from ..rng import generator
from .experiment import Measurement, Prediction
from .random_networks import align, inputs, lmc_error, pair, readouts
from .transport import squared_distance

MEAN = "relative error, outgoing weights 1 / width"
RANDOM = "relative error, random outgoing weights"
HALF, LMC, BOUND = "random half", "LMC error", "W2 between two halves / 2"
HALVES = 10


class Dropout:
    """Dropout error and LMC error of networks with one hidden layer.

    With f the output, the errors in units of E |f| are E |f_S - f| for a random half S of the
    neurons, rescaled by 2, and the LMC error E |f_M - (f_A + f_B) / 2|. The networks are those of
    `random_networks` (Gaussian weights, depth 1), with two choices of outgoing weights:

    - All equal to 1 / width, as in Appendix B.14. Then |f_S - f| is half the difference of the
      means over two halves, so E |f_S - f| <= W_2(S, rest) / 2 for inputs N(0, I). This is the
      bound of equation (8), which is measured, too.
    - Random, as in `random_networks`, with the same LMC error.

    For d0 > 4 the predicted slope of the bound is -1/d0, and by Appendix B.14 also that of the
    bounds of both errors. An error may decrease faster than its bound; the paper leaves open
    whether equation (8) is tight. By the central limit theorem, the error of a random half scales
    as width^(-1/2). With weights 1 / width, the midpoint of two neurons at distance delta differs
    from their mean only on inputs that activate exactly one of them, a fraction of about delta, and
    there by at most delta, which suggests width^(-2/d0). With random outgoing weights of mean 0,
    f_S - f has the variance of f at every width. Appendix B.14 does not cover this case, and no
    slope is predicted.

    Raises
    ------
    ConfigError
        A width is odd.
    """

    def __init__(
        self,
        sizes: list[int],
        input_dimensions: list[int],
        matcher: dict,
        examples: int,
        repetitions: int,
    ):
        for width in sizes:
            if width % 2:
                raise ConfigError(f"sizes: {width} is odd: expected even widths")
        self.sizes, self.input_dimensions = sizes, input_dimensions
        self.examples, self.repetitions = examples, repetitions
        self.matcher = MATCHERS.build(matcher)

    def measure(self, seed: int) -> Iterator[Measurement]:
        """See `experiment.Experiment`."""
        for d in self.input_dimensions:
            for width in self.sizes:
                for repetition in range(self.repetitions):
                    for quantity, name, value in self._errors(seed, d, width, repetition):
                        series = self._series(name, d)
                        yield Measurement(quantity, series, width, repetition, value)

    def _errors(self, seed, d, width, repetition):
        identity = "gaussian", d, width, repetition
        a, b = pair(seed, *identity, 1)
        (layer,) = align(a, b, self.matcher, *inputs(seed, *identity, self.examples))
        stream = generator(seed, "dropout", d, width, repetition)
        orders = [stream.permutation(width) for _ in range(HALVES)]
        equal = np.full((1, width), 1 / width)
        for quantity, outgoing in ((MEAN, (equal, equal)), (RANDOM, readouts(a, b, layer))):
            halves = [half_error(layer.a, outgoing[0], order[: width // 2]) for order in orders]
            yield quantity, HALF, float(np.mean(halves)) / size(layer.a, outgoing[0])
            yield quantity, LMC, lmc_error(layer, *outgoing)
        rows = a["1.weight"].astype(np.float64)[orders[0]]
        bound = squared_distance(*np.split(rows, 2)) ** 0.5 / 2
        yield MEAN, BOUND, bound / size(layer.a, equal)

    def predictions(self) -> list[Prediction]:
        """See `experiment.Experiment`."""
        predictions = []
        for d in self.input_dimensions:
            slope = -1 / d if d > 4 else None
            predictions += [
                Prediction(MEAN, self._series(name, d), slope, bound=name != BOUND)
                for name in (HALF, LMC, BOUND)
            ]
            predictions.append(Prediction(RANDOM, self._series(HALF, d), None))
            predictions.append(Prediction(RANDOM, self._series(LMC, d), slope, bound=True))
        return predictions

    @staticmethod
    def _series(name: str, d: int) -> str:
        return f"{name}, d0 = {d}"


def half_error(phi: np.ndarray, outgoing: np.ndarray, kept: np.ndarray) -> float:
    """Return E |f_S - f| for f = phi W^T and f_S = 2 phi_S W_S^T, over examples and outputs.

    Parameters
    ----------
    phi
        Activations of the last hidden layer, (examples, width).
    outgoing
        The outgoing weights W, (outputs, width).
    kept
        The indices S of the width / 2 kept neurons.
    """
    # In f_S - f, the kept neurons have weight +1 and the dropped ones -1.
    sign = np.full(phi.shape[1], -1.0)
    sign[kept] = 1
    return size(phi, outgoing * sign)


def size(phi: np.ndarray, outgoing: np.ndarray) -> float:
    """Return E |phi W^T|, the mean over examples and outputs."""
    return float(np.abs(phi.astype(np.float64) @ outgoing.T).mean())
