"""Figure 4 of the paper: loss or accuracy along the path, by setting and matcher."""

import pandas as pd

from ... import tables
from .spread import spread


def tabulate(
    sources: dict[str, list[str]], published: None, experiment: str, split: str, metric: str
) -> pd.DataFrame:
    """Return mean and standard deviation over the pairs at every point of the path.

    Parameters
    ----------
    sources
        Paths of the tables ``path``.
    metric
        ``loss`` or ``accuracy``.

    Returns
    -------
    pandas.DataFrame
        Columns: metric, axis, value, matcher, t, mean, std, n (number of pairs).
    """
    path = tables.read_all("path", sources["path"])
    table = spread(path[path["split"] == split], ["axis", "value", "matcher", "t"], metric)
    table.insert(0, "metric", metric)
    return table
