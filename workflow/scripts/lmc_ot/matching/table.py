"""Pairs of networks without diverged ones, and their permutations as tables."""

import itertools
from collections.abc import Iterator

import numpy as np

from .. import tables
from ..errors import TableError
from ..networks.groups.apply import Permutations
from ..networks.groups.group import Groups
from ..tables import Parameters
from .matcher import Match


def whole_pairs(
    pairs: list[tuple[int, int]], networks: dict[int, Parameters], checkpoints: str
) -> Iterator[tuple[int, tuple[int, int]]]:
    """Yield the pairs, numbered from 0, without those that contain a diverged network.

    Parameters
    ----------
    pairs
        All pairs of networks.
    networks
        The networks as read from the file `checkpoints`.
    checkpoints
        The file of the networks.

    Raises
    ------
    TableError
        A network is missing from the file although it did not diverge.
    """
    diverged = tables.metadata("checkpoints", checkpoints).get("diverged", [])
    for number, pair in enumerate(pairs):
        for network in pair:
            if network not in networks and network not in diverged:
                raise TableError(
                    f"{checkpoints}: network {network} is missing: {tables.rebuild(checkpoints)}"
                )
        if any(network in diverged for network in pair):
            print(f"pair {number}: skipped, since a network diverged")
        else:
            yield number, tuple(pair)


def rows_of(
    match: Match, groups: Groups, matcher: str, pair: int, networks: tuple[int, int]
) -> tuple[list[dict], list[dict]]:
    """Return a match as rows of the tables ``permutations`` and ``objectives``.

    Parameters
    ----------
    matcher
        The label of the matcher.
    pair, networks
        The number of the pair and those of its networks.
    """
    common = {"matcher": matcher, "pair": pair, "network_a": networks[0], "network_b": networks[1]}
    units, objectives = [], []
    for layer, group in enumerate(groups, 1):
        name = group.name
        if name not in match.permutations:
            continue
        row = {**common, "group": name, "layer": layer}
        p = match.permutations[name]
        units += [{**row, "unit": i, "permuted_unit": j} for i, j in enumerate(p.tolist())]
        norm_a, norm_b = match.norms[name] or (None, None)
        objectives.append(
            {
                **row,
                "objective": match.objectives[name],
                "identity_objective": match.identity_objectives[name],
                "norm_a": norm_a,
                "norm_b": norm_b,
                "spread": match.spread,
            }
        )
    return units, objectives


def read_permutations(path: str, run: dict | None = None) -> dict[str, dict[int, Permutations]]:
    """Read a table of permutations: label of a matcher -> pair -> its permutations.

    Parameters
    ----------
    run
        See `tables.read`.

    Raises
    ------
    TableError
        As for `tables.read`; or a vector is not a permutation.
    """
    table = tables.read("permutations", path, run=run).combine_chunks()
    keys = [table[name].to_numpy(zero_copy_only=False) for name in ("matcher", "pair", "group")]
    unit, permuted = (table[name].to_numpy() for name in ("unit", "permuted_unit"))
    changes = [np.flatnonzero(key[1:] != key[:-1]) + 1 for key in keys]
    bounds = np.unique(np.concatenate([[0], *changes, [len(table)]])).astype(int)
    found: dict[str, dict[int, Permutations]] = {}
    for start, stop in itertools.pairwise(bounds):
        matcher, pair, group = (key[start] for key in keys)
        p, units = permuted[start:stop].astype(np.int64), np.arange(stop - start)
        known = found.setdefault(str(matcher), {}).setdefault(int(pair), {})
        ordered = np.array_equal(unit[start:stop], units) and group not in known
        if not (ordered and np.array_equal(np.sort(p), units)):
            raise TableError(
                f"{path}: {matcher}, pair {pair}, group {group}: not a permutation of its units"
            )
        known[str(group)] = p
    return found


def permutations_as_json(by_pair: dict[int, Permutations]) -> list:
    """Return the permutations of all pairs as a JSON value, for a digest."""
    return [
        [pair, group, p.tolist()] for pair, found in by_pair.items() for group, p in found.items()
    ]
