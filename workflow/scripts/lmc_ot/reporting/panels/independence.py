"""Deviation of a layer's neurons from independence, by setting (paper, end of Section 6)."""

import numpy as np
import pandas as pd

from ... import tables
from ...connectivity import independence
from ...rng import generator
from .spread import spread


def tabulate(
    sources: dict[str, list[str]], published: pd.DataFrame | None, experiment: str
) -> pd.DataFrame:
    """Return mean and standard deviation over the networks of each setting.

    Parameters
    ----------
    sources
        Paths of the tables ``checkpoints`` and ``history``.

    Returns
    -------
    pandas.DataFrame
        Columns: reference, layer, axis, value, mean, std, n. The reference is ``other network``,
        ``reshuffled``, or ``independent``, which compares two reshufflings of the same layer and
        gives the value for independent neurons. Values are from `independence.distance`. Layers
        with too few neurons, and settings whose networks all diverged, have no rows.
    """
    rows = []
    settings = _settings(sources["history"])
    for path, (axis, value) in zip(sources["checkpoints"], settings, strict=True):
        networks = tables.read_checkpoints(path)
        seed = tables.metadata("checkpoints", path)["seed"]
        for number, parameters in networks.items():
            partner = networks.get(number ^ 1)
            for layer, name in enumerate(independence.hidden_weights(parameters), 1):
                weight = parameters[name]
                stream = generator(seed, "independence", experiment, value, number, layer)
                others = partner[name] if partner and layer == 1 else None
                for reference, distance in _distances(weight, others, stream):
                    rows.append(
                        {
                            "reference": reference,
                            "layer": layer,
                            "axis": axis,
                            "value": value,
                            "distance": distance,
                        }
                    )
    keys = ["reference", "layer", "axis", "value"]
    return spread(pd.DataFrame(rows, columns=[*keys, "distance"]), keys, "distance")


def _settings(histories: list[str]) -> list[tuple[str, float]]:
    """Return axis and value of each setting, in the order of the files."""
    first = [tables.read("history", path, ["axis", "value"]).slice(0, 1) for path in histories]
    return [tuple(row.values()) for table in first for row in table.to_pylist()]


def _distances(weight, others, stream):
    distances, null = [], []
    for half, components in independence.halves(weight, stream):
        first, second = (
            independence.cosines(independence.reshuffled(half, components, stream)) for _ in "ab"
        )
        distances.append(independence.distance(independence.cosines(half), first))
        null.append(independence.distance(second, first))
    yield independence.RESHUFFLED, float(np.mean(distances))
    yield independence.INDEPENDENT, float(np.mean(null))
    if others is not None:
        across = independence.cosines(weight, others)
        yield independence.OTHER, independence.distance(independence.cosines(weight), across)
