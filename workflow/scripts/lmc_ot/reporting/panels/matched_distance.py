"""The distance that matching minimises, against the swept value, by matcher and layer."""

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
    """Return means over all pairs with bootstrap intervals, for each setting.

    Parameters
    ----------
    sources
        Paths of the tables ``midpoints``, ``all_objectives`` and ``dimensions``.

    Returns
    -------
    pandas.DataFrame
        Columns: matcher, layer, axis, value, mean, low, high, confidence. The mean is that of the
        squared distance between the layers of A and of the permuted B, divided by the sum of their
        squared norms, in the norm that the matcher minimises.
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
