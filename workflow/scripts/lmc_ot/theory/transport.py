"""Exact optimal transport between two samples of equal size."""

import numpy as np

from ..matching.assignment import maximise


def squared_distance(x: np.ndarray, y: np.ndarray) -> float:
    """Return W_2^2 between the empirical measures of two samples.

    Parameters
    ----------
    x, y
        The two samples, float64 (n, d) each.

    Notes
    -----
    This is the minimum over permutations p of (1/n) sum_i ||x_i - y_p(i)||^2, a linear assignment
    problem. In one dimension, sorting both samples solves it.
    """
    if x.shape[1] == 1:
        return float(np.mean((np.sort(x[:, 0]) - np.sort(y[:, 0])) ** 2))
    permutation = matching(x, y)
    return float(np.mean(((x - y[permutation]) ** 2).sum(1)))


def matching(x: np.ndarray, y: np.ndarray) -> np.ndarray:
    """Return the permutation p that minimises sum_i ||x_i - y_p(i)||^2, int (n,)."""
    # Of the squared distances, only the inner products depend on p.
    return maximise(x @ y.T)
