"""Exact optimal transport between two samples of equally many points."""

import numpy as np

from ..matching.assignment import maximise


def squared_distance(x: np.ndarray, y: np.ndarray) -> float:
    """W_2^2 between the empirical measures of two samples: the mean squared distance of matched
    points under the best matching.

    Parameters
    ----------
    x, y
        float64 (n, d).

    Notes
    -----
    min over permutations p of (1/n) sum_i ||x_i - y_p(i)||^2: a linear assignment; in one
    dimension, both sorted.
    """
    if x.shape[1] == 1:
        return float(np.mean((np.sort(x[:, 0]) - np.sort(y[:, 0])) ** 2))
    permutation = matching(x, y)
    return float(np.mean(((x - y[permutation]) ** 2).sum(1)))


def matching(x: np.ndarray, y: np.ndarray) -> np.ndarray:
    """The permutation p that minimises sum_i ||x_i - y_p(i)||^2, int (n,)."""
    # Only the product depends on the matching.
    return maximise(x @ y.T)
