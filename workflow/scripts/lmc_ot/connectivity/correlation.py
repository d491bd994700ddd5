"""Rank correlation of many samples at once, for bootstrap resamples."""

import numpy as np
from scipy.stats import rankdata


def spearman(values: np.ndarray) -> np.ndarray:
    """Return Spearman's rank correlation of values[0] and values[1] for each of R samples.

    Parameters
    ----------
    values
        (2, R, ...). NaN values are left out; they must be missing in both variables.

    Returns
    -------
    ndarray
        (R,), NaN if one of the two variables is constant.
    """
    ranks = rankdata(values.reshape(*values.shape[:2], -1), axis=2, nan_policy="omit")
    count = np.isfinite(ranks[0]).sum(1)
    # The mean rank of n values is (n + 1) / 2, with or without ties.
    ranks = np.nan_to_num(ranks - (count[:, None] + 1) / 2)
    covariance = (ranks[0] * ranks[1]).sum(1)
    norms = np.sqrt(np.square(ranks).sum(2).prod(0))
    return np.divide(covariance, norms, out=np.full(len(norms), np.nan), where=norms > 0)
