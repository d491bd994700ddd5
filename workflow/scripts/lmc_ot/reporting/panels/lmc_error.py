"""Figure 2: LMC error against the value of the axis, by matcher, and the endpoints."""

import pandas as pd

from ... import tables
from ...config.sweep import LEARNING_RATE
from .approximate_dimension import published_rows
from .spread import spread

ENDPOINTS = "endpoints"


def tabulate(
    sources: dict[str, list[str]], published: pd.DataFrame | None, experiment: str, split: str
) -> pd.DataFrame:
    """Mean and spread over the pairs of each setting.

    Parameters
    ----------
    sources
        Path of the table ``results``.
    published
        Published numbers of the experiment, if there are any. They are test losses by learning
        rate, and are left out where the experiment has another axis.

    Returns
    -------
    Columns: source (measured or published), matcher (or ``endpoints``: the mean of both, by
    pair), axis, value, mean, std, n (pairs in the mean), diverged (pairs left out).
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
