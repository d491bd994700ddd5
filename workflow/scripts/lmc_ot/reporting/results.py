"""The tidy table of results, with one row per pair, matcher and split."""

from collections.abc import Iterator
from dataclasses import dataclass

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
    settings: list[dict],
) -> list[dict]:
    """Return the rows of the table ``results``.

    Parameters
    ----------
    path, objectives, dimensions, history
        The tables of these names, for all experiments, settings and matchers.
    settings
        One dictionary per setting: ``experiment``, ``axis`` and ``value``, its ``pairs`` of
        networks, and the labels of its ``matchers``.

    Returns
    -------
    list of dict
        One row per pair, matcher and split. If a network of a pair diverged, its measures are
        missing and ``diverged`` is true. Dimensions are those of network A, one per layer.

    Raises
    ------
    TableError
        A pair without diverged networks has no path, or fewer points on its path than others.
    """
    run = ["experiment", "value"]
    last = history[history["epoch"] == history.groupby(run)["epoch"].transform("max")]
    bad = set(last.loc[last["diverged"], [*run, "network"]].itertuples(index=False, name=None))
    tables = _Tables(
        paths=_groups(path, [*run, "matcher", "pair", "split"]),
        objectives=_groups(objectives, [*run, "matcher", "pair"]),
        dimensions=_groups(dimensions, [*run, "matcher", "network", "centred"]),
    )
    rows = []
    for setting in settings:
        key = setting["experiment"], setting["value"]
        columns = {name: setting[name] for name in ("experiment", "axis", "value")}
        for matcher in setting["matchers"]:
            for pair, (a, b) in enumerate(setting["pairs"]):
                row = {
                    **columns,
                    "matcher": matcher,
                    "pair": pair,
                    "network_a": a,
                    "network_b": b,
                    "diverged": any((*key, n) in bad for n in (a, b)),
                    **tables.of_layers(*key, matcher, pair, a),
                }
                rows += tables.of_splits(row)
    return rows


@dataclass(frozen=True)
class _Tables:
    """The tables, grouped by the columns that identify a row of the results."""

    paths: dict[tuple, pd.DataFrame]
    objectives: dict[tuple, pd.DataFrame]
    dimensions: dict[tuple, pd.DataFrame]

    def of_layers(self, experiment: str, value: float, matcher: str, pair: int, a: int) -> dict:
        """Return the columns of a pair that have one value per layer, as lists or None."""
        key = (experiment, value, matcher)
        of_pair = self.objectives.get((*key, pair))
        row = {
            name: None if of_pair is None else of_pair.sort_values("layer")[name].tolist()
            for name in ("objective", "identity_objective")
        }
        for name, centred in (("dimension", False), ("centred_dimension", True)):
            of_a = self.dimensions.get((*key, a, centred))
            row[name] = None if of_a is None else of_a.sort_values("layer")["dimension"].tolist()
        return row

    def of_splits(self, row: dict) -> Iterator[dict]:
        """Yield the row of a pair for each split. Raises TableError if points are missing."""
        experiment, value, matcher, pair = (
            row[name] for name in ("experiment", "value", "matcher", "pair")
        )
        expected = max(
            (len(p) for key, p in self.paths.items() if key[:2] == (experiment, value)), default=1
        )
        for split in ("test", "train"):
            points = self.paths.get((experiment, value, matcher, pair, split))
            count = 0 if points is None else len(points)
            if not row["diverged"] and count != expected:
                raise TableError(
                    f"{experiment} at {row['axis']} {value:g}, matched by {matcher}: pair {pair} "
                    f"has {count} {split} points on its path, expected {expected}: delete its "
                    f"path.parquet and run snakemake again"
                )
            calibrated = points is not None and bool(points["calibrated"].any())
            yield {**row, "split": split, "calibrated": calibrated, **_measures(points)}


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
