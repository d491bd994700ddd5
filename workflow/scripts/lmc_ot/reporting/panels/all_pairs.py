"""LMC error over all pairs of networks, and how sure it is."""

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
    """Means over all pairs with bootstrap intervals, at each setting.

    Parameters
    ----------
    sources
        Paths of the tables ``midpoints``.

    Returns
    -------
    Columns: matcher (or ``endpoints``: the mean of both, by pair), axis, value, mean, low, high
    (the interval; missing for a single pair), confidence, n (pairs), networks, and best: the share
    of resamples in which no matcher has a smaller error.
    """
    return summarise(by_setting(sources["midpoints"], split, resamples), confidence)


def summarise(settings: Iterable["OfSetting"], confidence: float) -> pd.DataFrame:
    """The table of `tabulate`, of what `by_setting` gives."""
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
    """The settings (axis and value), the LMC errors of each, and resamples of the networks.

    The errors are a data frame: a row for every pair (network_a, network_b), a column for every
    matcher and one for the endpoints. Pairs whose midpoint loss is not finite for a matcher are
    left out for all. The resamples are None where fewer than two pairs are left.
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
