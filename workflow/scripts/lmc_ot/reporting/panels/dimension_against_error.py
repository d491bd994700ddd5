"""Figure 3a of the paper: approximate dimension against error, by matcher on the same networks."""

import numpy as np
import pandas as pd

from ... import tables

IDENTITY = "identity"


def tabulate(
    sources: dict[str, list[str]],
    published: None,
    experiment: str,
    split: str,
    centred: bool,
) -> pd.DataFrame:
    """Return one row per pair and matcher that has a dimension.

    Parameters
    ----------
    sources
        Path of the table ``results``.

    Returns
    -------
    pandas.DataFrame
        Columns: matcher, axis, value, pair, dimension (geometric mean over the layers of network
        A), midpoint_loss, barrier_share (the loss barrier divided by that of the same pair without
        matching; missing if the experiment has no matcher ``identity`` or that barrier is 0), and
        shown (whether logarithmic axes can show the point). The dimension is 0 if all units of a
        layer are dead. The error may be 0, or missing if it is not finite.
    """
    rows = tables.read_all("results", sources["results"])
    rows = rows[(rows["experiment"] == experiment) & (rows["split"] == split) & ~rows["diverged"]]
    network_pair = ["value", "pair"]
    unmatched = rows[rows["matcher"] == IDENTITY].set_index(network_pair)["barrier_loss"]
    rows = rows.dropna(subset=["centred_dimension" if centred else "dimension"])
    layers = rows["centred_dimension" if centred else "dimension"]
    points = rows[["matcher", "axis", *network_pair]].copy()
    with np.errstate(divide="ignore"):  # the logarithm of dimension 0
        points["dimension"] = [float(np.exp(np.mean(np.log(values)))) for values in layers]
    points["midpoint_loss"] = rows["midpoint_loss"]
    before = unmatched.reindex(pd.MultiIndex.from_frame(points[network_pair])).to_numpy(float)
    points["barrier_share"] = rows["barrier_loss"] / np.where(before > 0, before, np.nan)
    points["shown"] = (points["dimension"] > 0) & (points["midpoint_loss"] > 0)
    return points.sort_values(["matcher", *network_pair], ignore_index=True)
