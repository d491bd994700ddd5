"""Rank correlation of many samples at once, as a bootstrap needs it."""

import numpy as np
from scipy.stats import rankdata


def spearman(values: np.ndarray) -> np.ndarray:
    """Spearman's rank correlations of values[0] and values[1].

    Parameters
    ----------
    values
        (2, R, ...). Missing values are left out, and must be so in both.

    Returns
    -------
    ndarray
        (R,), missing where one of the two is constant.
    """
    ranks = rankdata(values.reshape(*values.shape[:2], -1), axis=2, nan_policy="omit")
    count = np.isfinite(ranks[0]).sum(1)
    # The mean rank of n values is (n + 1) / 2, ties or not.
    ranks = np.nan_to_num(ranks - (count[:, None] + 1) / 2)
    covariance = (ranks[0] * ranks[1]).sum(1)
    norms = np.sqrt(np.square(ranks).sum(2).prod(0))
    return np.divide(covariance, norms, out=np.full(len(norms), np.nan), where=norms > 0)
