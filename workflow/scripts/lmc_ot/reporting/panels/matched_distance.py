"""The distance that matching minimises, against the value of the axis, by matcher and layer."""

import numpy as np
import pandas as pd

from .sizes import DISTANCE, read_sizes


def tabulate(
    sources: dict[str, list[str]],
    published: None,
    experiment: str,
    resamples: int,
    confidence: float,
) -> pd.DataFrame:
    """Means over all pairs with bootstrap intervals, at each setting.

    Parameters
    ----------
    sources
        Paths of the tables ``midpoints``, ``all_objectives`` and ``dimensions``.

    Returns
    -------
    Columns: matcher, layer, axis, value, mean (of the squared distance of A's layer and of B's
    after matching, as a share of the sum of their squared norms; in the norm that the matcher
    minimises), low, high, confidence.
    """
    rows = []
    for measured in read_sizes(sources, [experiment], "test", resamples):
        for matcher in measured.matchers:
            for layer in measured.layers(matcher):
                values = measured.means[DISTANCE, matcher, layer]
                for value, of_value in zip(measured.sizes, values.T, strict=True):
                    if np.isnan(of_value[0]):
                        continue
                    low, high = measured.interval(of_value, confidence)
                    rows.append(
                        {
                            "matcher": matcher,
                            "layer": layer,
                            "axis": measured.axis,
                            "value": value,
                            "mean": of_value[0],
                            "low": low,
                            "high": high,
                            "confidence": confidence,
                        }
                    )
    return pd.DataFrame(rows, columns=COLUMNS)


COLUMNS = ["matcher", "layer", "axis", "value", "mean", "low", "high", "confidence"]
