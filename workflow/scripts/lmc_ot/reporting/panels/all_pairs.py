"""LMC error over all pairs of networks, with bootstrap intervals."""

from collections.abc import Iterable, Iterator

import numpy as np
import pandas as pd

from ... import tables
from ...connectivity import barrier, bootstrap
from ...rng import generator
from .lmc_error import ENDPOINTS


def tabulate(
    sources: dict[str, list[str]],
    published: None,
    experiment: str,
    split: str,
    resamples: int,
    confidence: float,
) -> pd.DataFrame:
    """Return means over all pairs with bootstrap intervals, for each setting.

    Parameters
    ----------
    sources
        Paths of the tables ``midpoints``.

    Returns
    -------
    pandas.DataFrame
        Columns: matcher (or ``endpoints``, for the mean loss of both endpoints of a pair), axis,
        value, mean, low and high (the interval, missing for a single pair), confidence, n (number
        of pairs), networks (their number), best (share of resamples in which no matcher has a
        smaller error).
    """
    return summarise(by_setting(sources["midpoints"], split, resamples), confidence)


def summarise(settings: Iterable["OfSetting"], confidence: float) -> pd.DataFrame:
    """Return the table of `tabulate` from the result of `by_setting`."""
    rows = []
    for setting, errors, drawn in settings:
        means = None if drawn is None else drawn.means(errors.to_numpy())
        smallest = None if drawn is None else means[:, errors.columns != ENDPOINTS].min(axis=1)
        for i, matcher in enumerate(errors):
            low, high, best = np.nan, np.nan, np.nan
            if means is not None:
                low, high = drawn.interval(means[:, i], confidence)
            if means is not None and matcher != ENDPOINTS:
                best = float((means[:, i] <= smallest).mean())
            rows.append(
                {
                    "matcher": matcher,
                    **setting,
                    "mean": float(errors[matcher].mean()),
                    "low": low,
                    "high": high,
                    "confidence": confidence,
                    "n": len(errors),
                    "networks": len(set(np.ravel(list(errors.index)))),
                    "best": best,
                }
            )
    table = pd.DataFrame(rows, columns=COLUMNS)
    return table.sort_values(["matcher", "value"], ignore_index=True)


COLUMNS = [
    *("matcher", "axis", "value", "mean", "low", "high", "confidence", "n", "networks", "best")
]


OfSetting = tuple[dict, pd.DataFrame, bootstrap.Resamples | None]


def by_setting(paths: list[str], split: str, resamples: int) -> Iterator[OfSetting]:
    """Yield each setting (axis and value), its LMC errors, and resamples of its networks.

    The errors are a data frame with one row per pair (network_a, network_b) and one column per
    matcher and for the endpoints. A pair whose midpoint loss is not finite for some matcher is
    left out for all matchers. The resamples are None if fewer than two pairs remain.
    """
    for path in paths:
        points = tables.read("path", path).to_pandas()
        points = points[points["split"] == split]
        if points.empty:
            continue
        experiment, axis, value = points[["experiment", "axis", "value"]].iloc[0]
        networks = ["network_a", "network_b"]
        middle = points[points["t"] == barrier.MIDPOINT]
        errors = middle.pivot(index=networks, columns="matcher", values="loss")
        ends = points[points["t"].isin([0.0, 1.0])].groupby(networks)["loss"].mean()
        errors = errors.assign(**{ENDPOINTS: ends}).dropna()
        seed = tables.metadata("path", path)["seed"]
        drawn = None
        if len(errors) > 1:
            stream = generator(seed, "bootstrap", experiment, float(value))
            drawn = bootstrap.resample(list(errors.index), resamples, stream)
        yield {"axis": axis, "value": float(value)}, errors, drawn
