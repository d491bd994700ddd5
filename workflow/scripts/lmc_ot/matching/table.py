"""Pairs of networks without diverged ones, and their permutations as tables."""

from collections.abc import Iterator

import numpy as np

from .. import tables
from ..errors import TableError
from ..networks.permutation import Permutations
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


def write_matches(
    permutations: str,
    objectives: str,
    matches: dict[tuple[int, int, int], Match],
    matcher: str,
    run: dict,
    device: str = "cpu",
) -> None:
    """Write the results of a matcher, given its label, as two tables.

    Parameters
    ----------
    permutations, objectives
        The files to write.
    matches
        ``(pair, network_a, network_b)`` -> result.
    matcher
        The label of the matcher.
    """
    units, layers = [], []
    for (pair, a, b), match in matches.items():
        row = {"matcher": matcher, "pair": pair, "network_a": a, "network_b": b}
        for layer, p in match.permutations.items():
            norms = match.norms[layer] or (None, None)
            units += [
                {**row, "layer": layer, "unit": i, "permuted_unit": int(j)} for i, j in enumerate(p)
            ]
            layers.append(
                {
                    **row,
                    "layer": layer,
                    "objective": match.objectives[layer],
                    "identity_objective": match.identity_objectives[layer],
                    "norm_a": norms[0],
                    "norm_b": norms[1],
                }
            )
    tables.write_rows("objectives", objectives, layers, run, device)
    tables.write_rows("permutations", permutations, units, run, device)


def read_permutations(path: str, run: dict | None = None) -> dict[int, Permutations]:
    """Read a table of permutations: pair -> its permutations.

    Parameters
    ----------
    run
        See `tables.read`.

    Raises
    ------
    TableError
        As for `tables.read`; or a vector is not a permutation.
    """
    table = tables.read("permutations", path, run=run)
    pair, layer, unit, permuted = (
        table[name].to_numpy() for name in ("pair", "layer", "unit", "permuted_unit")
    )
    by_pair: dict[int, Permutations] = {}
    for number, l in sorted(set(zip(pair.tolist(), layer.tolist(), strict=True))):
        of_layer = (pair == number) & (layer == l)
        p = permuted[of_layer].astype(np.int64)
        units = np.arange(len(p))
        if not (np.array_equal(unit[of_layer], units) and np.array_equal(np.sort(p), units)):
            raise TableError(f"{path}: pair {number}, layer {l}: not a permutation of its units")
        by_pair.setdefault(number, {})[l] = p
    return by_pair
