"""Figure 4: the loss along the path, by learning rate and matcher."""

import pandas as pd

from .. import tables
from .spread import spread


def tabulate(
    sources: dict[str, list[str]], published: None, experiment: str, split: str
) -> pd.DataFrame:
    """Mean and spread over the pairs, at every point of the path.

    Parameters
    ----------
    sources
        Paths of the table ``path``.

    Returns
    -------
    Columns: learning_rate, matcher, t, mean, std, n (pairs in the mean).
    """
    path = tables.read_all("path", sources["path"])
    return spread(path[path["split"] == split], ["learning_rate", "matcher", "t"], "loss")
