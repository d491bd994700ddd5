"""The pairs of networks without diverged ones, and their permutations as tables."""

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
    """The pairs, numbered from 0, without those of which a network diverged.

    Parameters
    ----------
    networks
        As read from the file `checkpoints`.

    Raises
    ------
    TableError
        A network neither is in the file nor diverged.
    """
    diverged = tables.metadata("checkpoints", checkpoints).get("diverged", [])
    for number, pair in enumerate(pairs):
        for network in pair:
            if network not in networks and network not in diverged:
                raise TableError(
                    f"{checkpoints}: network {network} is missing: {tables.rebuild(checkpoints)}"
                )
        if any(network in diverged for network in pair):
            print(f"pair {number}: left out, a network diverged")
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
    """Write the matches of the matcher of that label: ``(pair, network_a, network_b)`` -> Match."""
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
    """Pair -> its permutations.

    Parameters
    ----------
    run
        See `tables.read`.

    Raises
    ------
    TableError
        As `tables.read`; also where a vector is not a permutation.
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
