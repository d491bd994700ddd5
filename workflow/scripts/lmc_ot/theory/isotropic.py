"""Experiment `isotropic`: convergence of two samples of an isotropic Gaussian (paper, Lemma B.14
and Theorem 5.3)."""

from collections.abc import Iterator

from ..rng import generator
from .experiment import Measurement, Prediction
from .transport import squared_distance

QUANTITY = "W2^2 between two samples"


class Isotropic:
    """W_2^2 between two samples of n points from N(0, I_d / d), whose expected squared norm is 1.

    For d > 4 the prediction is n^(-2/d), the exponent of both the paper's upper bound and the
    lower bound of Weed and Bach. For d <= 4 other terms dominate, and the paper predicts nothing.
    """

    def __init__(self, sizes: list[int], dimensions: list[int], repetitions: int):
        self.sizes, self.dimensions, self.repetitions = sizes, dimensions, repetitions

    def measure(self, seed: int) -> Iterator[Measurement]:
        """See `experiment.Experiment`."""
        for d in self.dimensions:
            for n in self.sizes:
                for repetition in range(self.repetitions):
                    stream = generator(seed, "isotropic", d, n, repetition)
                    x, y = stream.normal(size=(2, n, d)) / d**0.5
                    value = squared_distance(x, y)
                    yield Measurement(QUANTITY, f"d = {d}", n, repetition, value)

    def predictions(self) -> list[Prediction]:
        """See `experiment.Experiment`."""
        return [
            Prediction(QUANTITY, f"d = {d}", -2 / d if d > 4 else None) for d in self.dimensions
        ]
