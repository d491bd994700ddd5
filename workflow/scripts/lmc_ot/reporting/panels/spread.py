"""Means and standard deviations, as every panel states them."""

import pandas as pd


def spread(frame: pd.DataFrame, keys: list[str], value: str) -> pd.DataFrame:
    """Mean, standard deviation (ddof 0, as the paper's bands) and count of a column.

    Missing values, those of diverged networks, do not count.

    Parameters
    ----------
    keys
        Columns to group by; the result is sorted by them.
    value
        The column to summarise.

    Returns
    -------
    Columns: the keys, ``mean``, ``std``, ``n``.
    """
    groups = frame.dropna(subset=[value]).groupby(keys, sort=True)[value]
    return groups.agg(mean="mean", std=lambda x: x.std(ddof=0), n="count").reset_index()
