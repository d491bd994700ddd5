"""A bootstrap over networks, for means over their pairs.

Pairs that share a network are not independent: 8 networks form 28 pairs, but provide only 8
independent observations. Therefore networks are drawn with replacement, not pairs, and the weight
of a pair is the product of the counts of its networks. `scipy.stats.bootstrap` supports neither
such pairs nor common draws for several matchers, which a comparison of matchers needs.
"""

from dataclasses import dataclass

import numpy as np
from scipy.special import ndtr, stdtrit


@dataclass(frozen=True)
class Resamples:
    """Bootstrap resamples of networks, represented by the weights of their pairs.

    Parameters
    ----------
    weights
        The weights of the pairs in each resample, float64 (R, pairs); every row sums to 1.
    networks
        Number of networks.
    narrowness
        Ratio of the standard deviation of resampled means to that of the mean itself, for pairs
        whose value is a sum of contributions of the two networks.
    """

    weights: np.ndarray
    networks: int
    narrowness: float

    def means(self, values: np.ndarray) -> np.ndarray:
        """Return the mean over pairs of values (pairs, ...) in every resample, (R, ...)."""
        return self.weights @ values

    def interval(self, values: np.ndarray, confidence: float) -> tuple[float, float]:
        """Return the expanded percentile interval of resampled values (R,)."""
        return expanded_interval(values, confidence, self.networks - 1, self.narrowness)


def expanded_interval(
    values: np.ndarray, confidence: float, freedom: int, narrowness: float
) -> tuple[float, float]:
    """Return the expanded percentile interval of resampled values.

    For few observations, bootstrap percentile intervals are too short, because resampled values
    have a smaller spread (`narrowness`) and normal instead of Student tails. The expanded interval
    corrects for both by using more extreme percentiles (Hesterberg, The American Statistician 69,
    2015).

    Parameters
    ----------
    values
        Values of the resamples, (R,).
    confidence
        Confidence level, in (0, 1).
    freedom
        Degrees of freedom of Student's t distribution.
    narrowness
        Ratio of the standard deviation of resampled values to that of the value itself:
        sqrt(1 - 1/n) for a mean of n observations.
    """
    tail = ndtr(-stdtrit(freedom, (1 + confidence) / 2) / narrowness)
    low, high = np.quantile(values, [tail, 1 - tail])
    return float(low), float(high)


def resample(
    pairs: list[tuple[int, int]], resamples: int, stream: np.random.Generator
) -> Resamples:
    """Draw networks with replacement.

    The weight of a pair is proportional to the product of its networks' counts; a network does not
    form a pair with itself. Resamples without any pair are drawn again.

    Parameters
    ----------
    pairs
        Pairs of different networks. All networks that occur in a pair are resampled.
    resamples
        Number of resamples, R.
    stream
        The random generator.

    Raises
    ------
    ValueError
        There are fewer than two pairs, so the mean would not vary.
    """
    if len(pairs) < 2:
        raise ValueError(f"{len(pairs)} pairs: the bootstrap needs at least two")
    networks, places = np.unique(np.asarray(pairs), return_inverse=True)
    a, b = places.reshape(-1, 2).T
    n = len(networks)
    weights = np.empty((0, len(pairs)))
    while len(weights) < resamples:
        counts = stream.multinomial(n, np.full(n, 1 / n), size=resamples - len(weights))
        drawn = (counts[:, a] * counts[:, b]).astype(float)
        weights = np.concatenate([weights, drawn[drawn.any(axis=1)]])
    weights /= weights.sum(axis=1, keepdims=True)
    # Weights of the terms x in a sum of x_a + x_b over pairs, in the resamples and in the mean.
    member = (np.arange(n) == a[:, None]) + (np.arange(n) == b[:, None]).astype(float)
    variance = (weights @ member).var(axis=0).sum()
    return Resamples(weights, n, float(np.sqrt(variance / (member.mean(axis=0) ** 2).sum())))
