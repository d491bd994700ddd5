"""A bootstrap over networks, for means over their pairs.

Pairs that share a network are not independent: 8 networks make 28 pairs, but no more than 8
independent observations. So networks are drawn with replacement, not pairs, and a pair counts as
often as both its networks were drawn. `scipy.stats.bootstrap` draws observations and has no such
pairs, nor the same draws for several matchers, which a comparison of matchers needs.
"""

import numpy as np


def pair_weights(
    pairs: list[tuple[int, int]], resamples: int, stream: np.random.Generator
) -> np.ndarray:
    """How much every pair counts in every resample of the networks.

    A pair's weight is the product of its networks' counts; a network is no pair with itself.
    Resamples without a pair, those of one network alone, are drawn again.

    Parameters
    ----------
    pairs
        Pairs of different networks, any numbers; the networks are those that are in a pair.
    resamples
        How many, R.
    stream
        The source of randomness.

    Returns
    -------
    float64 (R, len(pairs)), every row with sum 1.

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
        drawn = drawn[drawn.any(axis=1)]
        weights = np.concatenate([weights, drawn])
    return weights / weights.sum(axis=1, keepdims=True)


def interval(values: np.ndarray, confidence: float) -> tuple[float, float]:
    """The percentile interval: what lies between equal tails of the resampled values."""
    tail = (1 - confidence) / 2
    low, high = np.quantile(values, [tail, 1 - tail])
    return float(low), float(high)
