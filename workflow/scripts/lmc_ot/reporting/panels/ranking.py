"""Ratios of the matchers' errors, with bootstrap intervals."""

from itertools import combinations

import numpy as np
import pandas as pd

from .all_pairs import by_setting
from .lmc_error import ENDPOINTS


def tabulate(
    sources: dict[str, list[str]],
    published: None,
    experiment: str,
    split: str,
    resamples: int,
    confidence: float,
) -> pd.DataFrame:
    """Return the ratios of the matchers' LMC errors, averaged over all pairs, for each setting.

    Parameters
    ----------
    sources
        Paths of the tables ``midpoints``.

    Returns
    -------
    pandas.DataFrame
        Columns: first, second (two matchers), axis, value, ratio (mean error of first divided by
        that of second), low and high (bootstrap interval), confidence, first_better (share of
        resamples in which first has the smaller error). The ratio is missing if the error of second
        is 0 or no pair remains; the interval also if this happens in a resample.
    """
    rows = []
    for setting, errors, drawn in by_setting(sources["midpoints"], split, resamples):
        for first, second in combinations(sorted(set(errors) - {ENDPOINTS}), 2):
            low, high, better = np.nan, np.nan, np.nan
            if drawn is not None:
                means = drawn.means(errors[[first, second]].to_numpy())
                low, high = drawn.interval(_ratios(means[:, 0], means[:, 1]), confidence)
                better = float((means[:, 0] < means[:, 1]).mean())
            rows.append(
                {
                    "first": first,
                    "second": second,
                    **setting,
                    "ratio": float(_ratios(errors[first].mean(), errors[second].mean())),
                    "low": low,
                    "high": high,
                    "confidence": confidence,
                    "first_better": better,
                }
            )
    table = pd.DataFrame(rows, columns=COLUMNS)
    return table.sort_values(["first", "second", "value"], ignore_index=True)


def _ratios(first, second) -> np.ndarray:
    """Return first / second, with NaN where second is 0."""
    return np.asarray(first) / np.where(np.asarray(second) == 0, np.nan, second)


COLUMNS = [
    *("first", "second", "axis", "value", "ratio", "low", "high", "confidence", "first_better")
]
