"""Experiment `weighted_matching`: the gain of weighting by a low-rank second moment of the inputs
(paper, Theorem D.2)."""

from collections.abc import Iterator

import numpy as np

from ..errors import ConfigError
from ..matching import REGISTRY as MATCHERS
from ..matching.matcher import Matcher, match
from ..matching.moments import InMemory, Moments, NetworkMoments
from ..networks.groups.apply import permute
from ..networks.groups.chain import chain
from ..rng import generator
from .experiment import Measurement, Prediction

QUANTITY = "E ||(W_A - P W_B) phi||^2 / n"
SERIES = {"identity": "no matching", "naive_wm": "naive WM", "sigma_wm": "Sigma-WM"}


class WeightedMatching:
    """E ||(W_A - P W_B) phi||^2 / n for three matchers.

    The n rows of W_A and W_B are drawn from N(0, I_d / d), and the input phi has second moment
    Sigma = (d / k) diag(1 x k, 0 x (d - k)).

    The predictions are n^(-2/d) for naive weight matching, which does not depend on Sigma (its
    expected cost is that of `isotropic`, since tr Sigma = d); n^(-2/k) for Sigma-weighted matching,
    for which the rows are effectively k-dimensional (k > 4); and a constant 2 without matching. The
    matchers are those of the workflow, given the exact Sigma instead of a sample estimate.

    Raises
    ------
    ConfigError
        k is not below d.
    """

    def __init__(self, sizes: list[int], dimension: int, rank: int, repetitions: int):
        if rank >= dimension:
            raise ConfigError(f"rank: {rank}: expected less than dimension = {dimension}")
        self.sizes, self.d, self.k = sizes, dimension, rank
        self.repetitions = repetitions

    def measure(self, seed: int) -> Iterator[Measurement]:
        """See `experiment.Experiment`."""
        sigma = np.diag(np.r_[np.full(self.k, self.d / self.k), np.zeros(self.d - self.k)])
        for name, series in SERIES.items():
            matcher = MATCHERS.build({"name": name})
            for n in self.sizes:
                for repetition in range(self.repetitions):
                    # All matchers and ranks share the same weights.
                    stream = generator(seed, "weighted matching", self.d, n, repetition)
                    weight_a, weight_b = stream.normal(size=(2, n, self.d)) / self.d**0.5
                    value = cost(weight_a, matched(matcher, weight_a, weight_b, sigma), sigma)
                    yield Measurement(QUANTITY, series, n, repetition, value)

    def predictions(self) -> list[Prediction]:
        """See `experiment.Experiment`."""
        slopes = {
            "identity": 0.0,
            "naive_wm": -2 / self.d if self.d > 4 else None,
            "sigma_wm": -2 / self.k if self.k > 4 else None,
        }
        return [Prediction(QUANTITY, SERIES[name], slope) for name, slope in slopes.items()]


def matched(
    matcher: Matcher, weight_a: np.ndarray, weight_b: np.ndarray, sigma: np.ndarray
) -> np.ndarray:
    """Return P W_B, the rows of W_B in the order chosen by a matcher of the workflow.

    Parameters
    ----------
    matcher
        The matcher.
    weight_a, weight_b
        The weights of two hidden layers, float64 (n, d) each.
    sigma
        Second moment of the layer's input, float64 (d, d).
    """
    n, d = weight_a.shape
    # Only hidden layers are permuted, so add an output layer.
    a, b = ({"1.weight": w, "2.weight": np.zeros((1, n))} for w in (weight_a, weight_b))
    groups = chain({name: len(weight) for name, weight in a.items()})
    moments = NetworkMoments(InMemory({}), lambda: Moments.of_one(sigma, np.zeros(d)))
    permutations = match(matcher, a, b, groups, moments, moments).permutations
    return permute(b, groups, permutations)["1.weight"]


def cost(weight_a: np.ndarray, weight_b: np.ndarray, sigma: np.ndarray) -> float:
    """Return tr((W_A - W_B) Sigma (W_A - W_B)^T) / n."""
    difference = weight_a - weight_b
    return float(((difference @ sigma) * difference).sum(1).mean())
