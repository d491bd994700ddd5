"""The size at which the barrier falls to a given share of that without matching."""

import numpy as np
import pandas as pd

from ...connectivity.scaling import size_needed, size_predicted
from .sizes import BARRIER, IDENTITY, read_sizes


def tabulate(
    sources: dict[str, list[str]],
    published: None,
    experiments: list[str],
    share: float,
    split: str,
    resamples: int,
    confidence: float,
) -> pd.DataFrame:
    """Return the measured and the predicted size needed, for each experiment and matcher.

    Parameters
    ----------
    sources
        Paths of the tables ``midpoints``, ``all_objectives`` and ``dimensions``.
    share
        The barrier to reach, as a share of the barrier without matching at the same size.

    Returns
    -------
    pandas.DataFrame
        Columns: experiment, axis, matcher, share, largest (the largest measured size), reached (the
        share at that size), log10_size, low, high (at most 99, which denotes never), extrapolated
        (whether the size exceeds the largest one), exponent (-1/d, where d is the geometric mean
        over the layers of the approximate dimension at the largest size), and log10_predicted,
        predicted_low, predicted_high (the size extrapolated with this exponent from the share at
        the largest size), confidence. An experiment without matcher ``identity`` has no rows.
    """
    rows = []
    for measured in read_sizes(sources, experiments, split, resamples):
        unmatched = measured.means.get((BARRIER, IDENTITY, 0))
        for matcher in measured.matchers if unmatched is not None else []:
            with np.errstate(divide="ignore", invalid="ignore"):
                shares = measured.means[BARRIER, matcher, 0] / np.where(
                    unmatched > 0, unmatched, np.nan
                )
            needed = size_needed(measured.sizes, shares, share)
            exponent = -1 / measured.dimension("dimension", matcher, None)
            last = measured.sizes[-1]
            predicted = size_predicted(last, shares[:, -1], share, exponent)
            low, high = measured.interval(needed, confidence)
            predicted_low, predicted_high = measured.interval(predicted, confidence)
            rows.append(
                {
                    "experiment": measured.experiment,
                    "axis": measured.axis,
                    "matcher": matcher,
                    "share": share,
                    "largest": last,
                    "reached": shares[0, -1],
                    "log10_size": needed[0],
                    "low": low,
                    "high": high,
                    "extrapolated": bool(needed[0] > np.log10(last)),
                    "exponent": exponent[0],
                    "log10_predicted": predicted[0],
                    "predicted_low": predicted_low,
                    "predicted_high": predicted_high,
                    "confidence": confidence,
                }
            )
    return pd.DataFrame(rows, columns=COLUMNS)


COLUMNS = [
    *("experiment", "axis", "matcher", "share", "largest", "reached", "log10_size", "low", "high"),
    *("extrapolated", "exponent", "log10_predicted", "predicted_low", "predicted_high"),
    "confidence",
]
