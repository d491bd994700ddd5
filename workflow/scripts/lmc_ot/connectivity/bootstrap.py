"""A bootstrap over networks, for means over their pairs.

Pairs that share a network are not independent: 8 networks make 28 pairs, but no more than 8
independent observations. So networks are drawn with replacement, not pairs, and a pair counts as
often as both its networks were drawn. `scipy.stats.bootstrap` draws observations and has no such
pairs, nor the same draws for several matchers, which a comparison of matchers needs.
"""

from dataclasses import dataclass

import numpy as np
from scipy.special import ndtr, stdtrit


@dataclass(frozen=True)
class Resamples:
    """Resamples of networks, as the weights of their pairs.

    Parameters
    ----------
    weights
        float64 (R, pairs), every row with sum 1: how much every pair counts.
    networks
        How many there are.
    narrowness
        How much narrower the resampled means are spread than the mean itself: the ratio of standard
        deviations, for pairs whose value is a sum of two networks'.
    """

    weights: np.ndarray
    networks: int
    narrowness: float

    def means(self, values: np.ndarray) -> np.ndarray:
        """Means over the pairs, of values (pairs, ...), in every resample: (R, ...)."""
        return self.weights @ values

    def interval(self, values: np.ndarray, confidence: float) -> tuple[float, float]:
        """The expanded percentile interval of resampled values (R,)."""
        return expanded_interval(values, confidence, self.networks - 1, self.narrowness)


def expanded_interval(
    values: np.ndarray, confidence: float, freedom: int, narrowness: float
) -> tuple[float, float]:
    """The expanded percentile interval of resampled values.

    Percentiles of a few observations' resamples make too short an interval, by the narrowness
    and by the normal law's thin tails where Student's apply; tails so much smaller make up for
    it (Hesterberg, The American Statistician 69, 2015).

    Parameters
    ----------
    values
        (R,), of the resamples.
    freedom
        Degrees of freedom of Student's law.
    narrowness
        How much narrower the resampled values are spread than the value itself: sqrt(1 - 1/n) for
        a mean of n observations.
    """
    tail = ndtr(-stdtrit(freedom, (1 + confidence) / 2) / narrowness)
    low, high = np.quantile(values, [tail, 1 - tail])
    return float(low), float(high)


def resample(
    pairs: list[tuple[int, int]], resamples: int, stream: np.random.Generator
) -> Resamples:
    """Draw networks with replacement.

    A pair's weight is the product of its networks' counts; a network does not form a pair
    with itself. Resamples without a pair, those of one network alone, are drawn again.

    Parameters
    ----------
    pairs
        Pairs of different networks, any numbers; the networks are those that are in a pair.
    resamples
        How many, R.
    stream
        The source of randomness.

    Raises
    ------
    ValueError
        There are fewer than two pairs: nothing would vary.
    """
    if len(pairs) < 2:
        raise ValueError(f"{len(pairs)} pairs: a bootstrap needs at least two")
    networks, places = np.unique(np.asarray(pairs), return_inverse=True)
    a, b = places.reshape(-1, 2).T
    n = len(networks)
    weights = np.empty((0, len(pairs)))
    while len(weights) < resamples:
        counts = stream.multinomial(n, np.full(n, 1 / n), size=resamples - len(weights))
        drawn = (counts[:, a] * counts[:, b]).astype(float)
        weights = np.concatenate([weights, drawn[drawn.any(axis=1)]])
    weights /= weights.sum(axis=1, keepdims=True)
    # Of a sum over pairs of x_a + x_b: how much every x counts, in a resample and in the mean.
    member = (np.arange(n) == a[:, None]) + (np.arange(n) == b[:, None]).astype(float)
    variance = (weights @ member).var(axis=0).sum()
    return Resamples(weights, n, float(np.sqrt(variance / (member.mean(axis=0) ** 2).sum())))
