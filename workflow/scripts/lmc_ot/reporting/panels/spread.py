"""Means and standard deviations for panels."""

import pandas as pd


def spread(frame: pd.DataFrame, keys: list[str], value: str) -> pd.DataFrame:
    """Return mean, standard deviation (ddof 0, as in the paper's bands) and count of a column.

    Missing values, which are those of diverged networks, are left out.

    Parameters
    ----------
    frame
        The data.
    keys
        Columns to group by; the result is sorted by them.
    value
        The column to summarise.

    Returns
    -------
    pandas.DataFrame
        Columns: the keys, ``mean``, ``std``, ``n``.
    """
    groups = frame.dropna(subset=[value]).groupby(keys, sort=True)[value]
    return groups.agg(mean="mean", std=lambda x: x.std(ddof=0), n="count").reset_index()
