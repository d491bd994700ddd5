"""Figure 1b of the paper: approximate dimension against the swept value, by matcher and layer."""

import pandas as pd

from ... import tables
from ...config.sweep import LEARNING_RATE
from .spread import spread

KEYS = ["matcher", "layer", "axis", "value"]


def tabulate(
    sources: dict[str, list[str]], published: pd.DataFrame | None, experiment: str, centred: bool
) -> pd.DataFrame:
    """Return mean and standard deviation over the networks of each setting.

    A layer whose units are all dead has dimension 0, which is not meaningful and cannot be shown
    on a logarithmic axis. Such networks are left out of the mean of that layer.

    Parameters
    ----------
    sources
        Paths of the tables ``dimensions`` and ``history`` of the experiment.
    published
        Published numbers of the experiment, if there are any. They refer to learning rates and are
        left out if the experiment sweeps over another key.
    experiment
        The name of the experiment.
    centred
        Whether to use centred covariances. Published numbers are uncentred and are then left out.

    Returns
    -------
    pandas.DataFrame
        Columns: source (measured or published), matcher, layer, axis, value, mean, std, n (number
        of networks in the mean), diverged (number of diverged networks), left_out (number of
        networks in which the layer is dead).
    """
    dimensions = tables.read_all("dimensions", sources["dimensions"])
    of_kind = dimensions[dimensions["centred"] == centred]
    history = tables.read_all("history", sources["history"])
    diverged = history[history["diverged"]].groupby("value")["network"].nunique()
    # A setting whose networks all diverged keeps the rows of all layers, without means. Other
    # settings only have the rows of their own layers, whose number may be the swept value.
    settings = history[["axis", "value"]].drop_duplicates().sort_values("value")
    every = of_kind[["matcher", "layer"]].drop_duplicates().merge(settings, how="cross")
    every = every.merge(of_kind[KEYS].drop_duplicates(), how="left", indicator="measured")
    kept = (every.pop("measured") == "both") | ~every["value"].isin(of_kind["value"])
    every = every[kept]
    dead = of_kind[of_kind["dimension"] == 0].groupby(KEYS).size().rename("left_out")
    alive = spread(of_kind[of_kind["dimension"] > 0], KEYS, "dimension")
    measured = every.sort_values(KEYS).merge(alive, on=KEYS, how="left")
    measured["n"] = measured["n"].fillna(0).astype(int)
    measured["diverged"] = measured["value"].map(diverged).fillna(0).astype(int)
    measured = measured.merge(dead.reset_index(), on=KEYS, how="left")
    measured["left_out"] = measured["left_out"].fillna(0).astype(int)
    measured.insert(0, "source", "measured")
    if published is None or centred or (history["axis"] != LEARNING_RATE).any():
        return measured
    rows = published[published["quantity"] == "approximate_dimension"]
    beside = published_rows(rows).assign(layer=rows["layer"].astype(int), left_out=0)
    return pd.concat([measured, beside])


def published_rows(rows: pd.DataFrame) -> pd.DataFrame:
    """Return published numbers in the columns of a panel's table."""
    return pd.DataFrame(
        {
            "source": "published",
            "matcher": rows["method"],
            "axis": LEARNING_RATE,
            "value": rows["learning_rate"],
            "mean": rows["value"],
            "std": rows["std"],
            "n": rows["n"],
            "diverged": 0,
        }
    )
