"""Figure 3: does a smaller approximate dimension come with a smaller LMC error?"""

import numpy as np
import pandas as pd
from scipy.stats import spearmanr

from .. import tables


def tabulate(
    sources: dict[str, list[str]],
    published: None,
    experiment: str,
    split: str,
    centred: bool,
) -> pd.DataFrame:
    """A row for every pair and matcher that has a dimension.

    Parameters
    ----------
    sources
        Path of the table ``results``.

    Returns
    -------
    Columns: matcher, learning_rate, pair, dimension (geometric mean over the layers of network
    A), midpoint_loss; and, the same in all rows they apply to, Spearman's rank_correlation of the
    two for the matcher, and overall_rank_correlation for all matchers together.
    """
    rows = tables.read_all("results", sources["results"])
    rows = rows[(rows["experiment"] == experiment) & (rows["split"] == split) & ~rows["diverged"]]
    column = "centred_dimension" if centred else "dimension"
    rows = rows.dropna(subset=[column])
    found = rows[["matcher", "learning_rate", "pair"]].copy()
    found["dimension"] = [float(np.exp(np.mean(np.log(layers)))) for layers in rows[column]]
    found["midpoint_loss"] = rows["midpoint_loss"]
    found["rank_correlation"] = np.nan
    for matcher, group in found.groupby("matcher"):
        found.loc[found["matcher"] == matcher, "rank_correlation"] = _rank_correlation(group)
    found["overall_rank_correlation"] = _rank_correlation(found)
    return found.sort_values(["matcher", "learning_rate", "pair"], ignore_index=True)


def _rank_correlation(points: pd.DataFrame) -> float:
    """Missing where there are not two different values of each."""
    if points["dimension"].nunique() < 2 or points["midpoint_loss"].nunique() < 2:
        return np.nan
    return float(spearmanr(points["dimension"], points["midpoint_loss"]).statistic)
