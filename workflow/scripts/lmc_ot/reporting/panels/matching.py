"""Figure 1a of the paper: the hidden units of one pair of networks, and how they are matched."""

import math

import numpy as np
import pandas as pd

from ... import tables
from ...data.table import read_dataset
from ...errors import TableError
from ...matching.table import read_permutations


def tabulate(
    sources: dict[str, list[str]], published: None, experiment: str, matcher: str
) -> pd.DataFrame:
    """Return the units of the first hidden layer of one pair.

    It is the first pair without diverged networks, at the smallest swept value that has one.

    Parameters
    ----------
    sources
        Paths of the tables ``dataset``, ``checkpoints`` and ``permutations``, the last two with
        one table per setting.
    matcher
        The label of the matcher.

    Returns
    -------
    pandas.DataFrame
        One row per unit of both networks. Columns: network (A or B), unit (its number, which is its
        position before matching), matched_place (its position after matching), height and width
        (of an image), incoming (weights averaged over channels, row by row), outgoing (weights to
        the next layer).

    Raises
    ------
    TableError
        All pairs diverged, or permutations and checkpoints are from different runs.
    """
    shape = read_dataset(sources["dataset"][0]).shape
    height, width, channels = (*shape, 1, 1)[:3] if len(shape) < 4 else (math.prod(shape), 1, 1)
    matched = []
    for checkpoints, matches in zip(sources["checkpoints"], sources["permutations"], strict=True):
        run = tables.metadata("checkpoints", checkpoints)
        rows = tables.read("permutations", matches, run=run).to_pylist()
        row = next((row for row in rows if row["matcher"] == matcher), None)
        if row:
            matched.append((row["value"], checkpoints, matches, row))
    if not matched:
        raise TableError(f"{matches}: no pair to draw: all pairs have a diverged network")
    _, checkpoints, matches, pair = min(matched, key=lambda run: run[0])
    networks = tables.read_checkpoints(checkpoints)
    permutation = next(iter(read_permutations(matches)[matcher][pair["pair"]].values()))
    rows = []
    for label, number, places in (
        ("A", pair["network_a"], np.arange(len(permutation))),
        ("B", pair["network_b"], np.argsort(permutation)),
    ):
        parameters = networks[number]
        weight, above = [w for w in parameters.values() if w.ndim == 2][:2]
        for unit, place in enumerate(places):
            rows.append(
                {
                    "network": label,
                    "unit": unit,
                    "matched_place": int(place),
                    "height": height,
                    "width": width,
                    "incoming": weight[unit].reshape(height * width, channels).mean(1),
                    "outgoing": above[:, unit],
                }
            )
    return pd.DataFrame(rows)
