"""Figure 2 of the paper: LMC error against the swept value, by matcher, and the endpoints."""

import pandas as pd

from ... import tables
from ...config.sweep import LEARNING_RATE
from .approximate_dimension import published_rows
from .spread import spread

ENDPOINTS = "endpoints"


def tabulate(
    sources: dict[str, list[str]], published: pd.DataFrame | None, experiment: str, split: str
) -> pd.DataFrame:
    """Return mean and standard deviation over the pairs of each setting.

    Parameters
    ----------
    sources
        Path of the table ``results``.
    published
        Published numbers of the experiment, if there are any. They are test losses by learning
        rate, and are left out for the training split or if another key is swept.

    Returns
    -------
    pandas.DataFrame
        Columns: source (measured or published), matcher (or ``endpoints``, for the mean loss of
        both endpoints of a pair), axis, value, mean, std, n (number of pairs in the mean), diverged
        (number of pairs left out because a network diverged).
    """
    rows = tables.read_all("results", sources["results"])
    rows = rows[(rows["experiment"] == experiment) & (rows["split"] == split)]
    ends = rows[rows["matcher"] == rows["matcher"].min()].copy()
    ends["midpoint_loss"] = (ends["endpoint_a_loss"] + ends["endpoint_b_loss"]) / 2
    curves = pd.concat([ends.assign(matcher=ENDPOINTS), rows])
    keys = ["matcher", "axis", "value"]
    counts = curves.groupby(keys)["diverged"].sum().reset_index()
    measured = counts.merge(spread(curves, keys, "midpoint_loss"), on=keys, how="left")
    measured["n"] = measured["n"].fillna(0).astype(int)
    measured = measured[[*keys, "mean", "std", "n", "diverged"]]
    measured.insert(0, "source", "measured")
    if published is None or split != "test" or (rows["axis"] != LEARNING_RATE).any():
        return measured
    midpoints = published[published["quantity"] == "midpoint_test_loss"]
    ends = published[published["quantity"] == "endpoint_test_loss"].assign(method=ENDPOINTS)
    return pd.concat([measured, published_rows(pd.concat([ends, midpoints]))])
