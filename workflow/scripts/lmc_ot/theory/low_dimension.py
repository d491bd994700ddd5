"""Experiment `low_dimension`: like `isotropic`, for nearly low-dimensional samples (paper, Lemma
B.15 and Theorem 5.4)."""

from collections.abc import Iterator

import numpy as np

from ..errors import ConfigError
from ..rng import generator
from .experiment import Measurement, Prediction
from .transport import squared_distance

QUANTITY = "W2^2 between two samples"


class LowDimension:
    """W_2^2 between two samples of n points from N(0, S / k), S = diag(1 x k, eta^2 x (d - k)).

    The prediction is n^(-2/k) as long as the matching does not resolve the scale eta, then
    n^(-2/d). Points are k-dimensional at every n for eta = 0, and d-dimensional for eta = 1. For
    eta in between, the bend is where n^(-2/k) is about eta^2 (d - k) / k. A fit over all n then has
    neither slope and is shown without a prediction.

    Raises
    ------
    ConfigError
        k is not below d, or two etas agree to six digits.
    """

    def __init__(
        self,
        sizes: list[int],
        dimension: int,
        large_directions: int,
        etas: list[float],
        repetitions: int,
    ):
        if large_directions >= dimension:
            raise ConfigError(
                f"large_directions: {large_directions}: expected less than dimension = {dimension}"
            )
        labels = [self._series(eta) for eta in etas]
        twice = [label for label in labels if labels.count(label) > 1]
        if twice:
            raise ConfigError(f"etas: two values share the label {twice[0]!r}: remove one")
        self.sizes, self.d, self.k = sizes, dimension, large_directions
        self.etas, self.repetitions = etas, repetitions

    def measure(self, seed: int) -> Iterator[Measurement]:
        """See `experiment.Experiment`."""
        for eta in self.etas:
            scale = np.r_[np.ones(self.k), np.full(self.d - self.k, eta)] / self.k**0.5
            for n in self.sizes:
                for repetition in range(self.repetitions):
                    # All eta share the same random numbers, so curves differ only by eta.
                    stream = generator(seed, "low dimension", self.d, self.k, n, repetition)
                    x, y = stream.normal(size=(2, n, self.d)) * scale
                    value = squared_distance(x, y)
                    yield Measurement(QUANTITY, self._series(eta), n, repetition, value)

    def predictions(self) -> list[Prediction]:
        """See `experiment.Experiment`."""
        slopes = {0.0: -2 / self.k, 1.0: -2 / self.d}
        return [Prediction(QUANTITY, self._series(eta), slopes.get(eta)) for eta in self.etas]

    @staticmethod
    def _series(eta: float) -> str:
        return f"eta = {eta:g}"
