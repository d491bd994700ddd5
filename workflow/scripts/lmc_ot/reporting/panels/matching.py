"""Figure 1a: the hidden units of one real pair of networks, and how they are matched."""

import numpy as np
import pandas as pd

from ... import tables
from ...data.table import read_dataset
from ...errors import TableError
from ...matching.table import read_permutations


def tabulate(
    sources: dict[str, list[str]], published: None, experiment: str, matcher: str
) -> pd.DataFrame:
    """The first hidden layer of the first pair at the smallest value of the axis that has one.

    Parameters
    ----------
    sources
        Paths of the tables ``dataset``, ``checkpoints`` and ``permutations``, the last two by
        setting.
    matcher
        Whose permutations these are.

    Returns
    -------
    A row for every unit of both networks. Columns: network (A or B), unit (its number, its place
    before the matching), matched_place (its place after), height and width (of an image),
    incoming (weights, channels averaged, row by row), outgoing (weights to the next layer).

    Raises
    ------
    TableError
        All pairs diverged, or the permutations are of another run than the checkpoints.
    """
    height, width, channels = (*read_dataset(sources["dataset"][0]).shape, 1)[:3]
    matched = []
    for checkpoints, matches in zip(sources["checkpoints"], sources["permutations"], strict=True):
        run = tables.metadata("checkpoints", checkpoints)
        rows = tables.read("permutations", matches, run=run).to_pylist()
        if rows:
            matched.append((rows[0]["value"], checkpoints, matches, rows[0]))
    if not matched:
        raise TableError(f"{matches}: has no pair to draw: all of them diverged")
    _, checkpoints, matches, pair = min(matched, key=lambda run: run[0])
    networks = tables.read_checkpoints(checkpoints)
    permutation = read_permutations(matches)[pair["pair"]][1]
    rows = []
    for label, number, places in (
        ("A", pair["network_a"], np.arange(len(permutation))),
        ("B", pair["network_b"], np.argsort(permutation)),
    ):
        parameters = networks[number]
        weight, above = parameters[1, "weight"], parameters[2, "weight"]
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
