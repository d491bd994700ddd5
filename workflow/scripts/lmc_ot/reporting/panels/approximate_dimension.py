"""Figure 1b: approximate dimension against the value of the axis, by matcher and layer."""

import pandas as pd

from ... import tables
from ...config.sweep import LEARNING_RATE
from .spread import spread

KEYS = ["matcher", "layer", "axis", "value"]


def tabulate(
    sources: dict[str, list[str]], published: pd.DataFrame | None, experiment: str, centred: bool
) -> pd.DataFrame:
    """Mean and spread over the networks of each setting.

    A layer whose units are all dead has dimension 0, which says nothing of a distribution, and
    which a logarithmic axis cannot show: such a network is left out of the layer's mean.

    Parameters
    ----------
    sources
        Paths of the tables ``dimensions`` and ``history``.
    published
        Published numbers of the experiment, if there are any. They are by learning rate, and are
        left out where the experiment has another axis.
    experiment
        Its name; the paths are its own.
    centred
        Whether the covariances are centred. Published numbers are not, and stay out then.

    Returns
    -------
    Columns: source (measured or published), matcher, layer, axis, value, mean, std, n (networks
    in the mean), diverged (networks that are left out as they diverged), left_out (networks that
    are left out as the layer is dead).
    """
    dimensions = tables.read_all("dimensions", sources["dimensions"])
    of_kind = dimensions[dimensions["centred"] == centred]
    history = tables.read_all("history", sources["history"])
    diverged = history[history["diverged"]].groupby("value")["network"].nunique()
    # A setting whose networks all diverged keeps its rows, without a mean; of the others, each has
    # the rows of its own layers.
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
    """Published numbers in the columns of a panel's table."""
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
