"""The tidy result table: a row for every pair and matcher, on each split."""

import numpy as np
import pandas as pd

from ..connectivity import barrier
from ..errors import TableError

METRICS = {"loss": "higher", "accuracy": "lower"}


def collect(
    path: pd.DataFrame,
    objectives: pd.DataFrame,
    dimensions: pd.DataFrame,
    history: pd.DataFrame,
    pairs: dict[str, list[tuple[int, int]]],
    matchers: dict[str, list[str]],
) -> list[dict]:
    """Rows of the table ``results``.

    Parameters
    ----------
    path, objectives, dimensions, history
        The tables of those names, of all experiments, rates and matchers.
    pairs, matchers
        Experiment -> its pairs of networks, and the labels of its matchers.

    Returns
    -------
    A row for every pair, matcher and split, also where a network diverged: then its measures are
    missing and ``diverged`` is true. Dimensions are those of network A, layer by layer.

    Raises
    ------
    TableError
        A pair that did not diverge has no path, or fewer points on it than others.
    """
    last = history[history["epoch"] == history.groupby("experiment")["epoch"].transform("max")]
    bad = set(
        last.loc[last["diverged"], ["experiment", "learning_rate", "network"]].itertuples(
            index=False, name=None
        )
    )
    run = ["experiment", "learning_rate"]
    paths = _groups(path, [*run, "matcher", "pair", "split"])
    reached = _groups(objectives, [*run, "matcher", "pair"])
    sizes = _groups(dimensions, [*run, "matcher", "network", "centred"])
    points_of_path = {}
    for (experiment, *_), points in paths.items():
        points_of_path[experiment] = max(len(points), points_of_path.get(experiment, 1))
    rates = last[run].drop_duplicates().itertuples(index=False, name=None)
    rows = []
    for experiment, rate in rates:
        for matcher in matchers[experiment]:
            for pair, (a, b) in enumerate(pairs[experiment]):
                row = {
                    "experiment": experiment,
                    "learning_rate": rate,
                    "matcher": matcher,
                    "pair": pair,
                    "network_a": a,
                    "network_b": b,
                    "diverged": any((experiment, rate, n) in bad for n in (a, b)),
                    "objective": None,
                    "identity_objective": None,
                }
                if (layers := reached.get((experiment, rate, matcher, pair))) is not None:
                    layers = layers.sort_values("layer")
                    row["objective"] = layers["objective"].tolist()
                    row["identity_objective"] = layers["identity_objective"].tolist()
                for name, centred in (("dimension", False), ("centred_dimension", True)):
                    layers = sizes.get((experiment, rate, matcher, a, centred))
                    known = layers is not None
                    row[name] = layers.sort_values("layer")["dimension"].tolist() if known else None
                for split in ("test", "train"):
                    points = paths.get((experiment, rate, matcher, pair, split))
                    count = 0 if points is None else len(points)
                    if not row["diverged"] and count != points_of_path.get(experiment, 1):
                        raise TableError(
                            f"{experiment} at learning rate {rate:g}, matched by {matcher}: pair "
                            f"{pair} has {count} {split} points on its path, not "
                            f"{points_of_path.get(experiment, 1)}: delete its path.parquet and run "
                            f"snakemake again"
                        )
                    calibrated = points is not None and bool(points["calibrated"].any())
                    row |= {"split": split, "calibrated": calibrated}
                    rows.append({**row, **_measures(points)})
    return rows


def _groups(frame: pd.DataFrame, keys: list[str]) -> dict[tuple, pd.DataFrame]:
    return dict(iter(frame.groupby(keys, sort=False)))


def _measures(points: pd.DataFrame | None) -> dict[str, float]:
    measures = {}
    for metric, worse in METRICS.items():
        if points is None:
            values = dict.fromkeys(barrier.Measures.__dataclass_fields__, np.nan)
        else:
            points = points.sort_values("t")
            values = vars(barrier.measure(points["t"], points[metric], worse))
        measures |= {f"{measure}_{metric}": value for measure, value in values.items()}
    return measures
