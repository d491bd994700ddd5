"""What the jobs that measure pairs share: pairs, statistics from files, permutation tables."""

from collections.abc import Iterator

import numpy as np

from . import tables
from .errors import TableError
from .matching.solver import Match
from .permutation import Permutations
from .tables import Parameters


def whole_pairs(
    pairs: list[tuple[int, int]], networks: dict[int, Parameters]
) -> Iterator[tuple[int, tuple[int, int]]]:
    """The pairs, numbered from 0, without those of which a network diverged."""
    for number, (a, b) in enumerate(pairs):
        if a in networks and b in networks:
            yield number, (a, b)
        else:
            print(f"pair {number}: left out, a network diverged")


def write_matches(
    permutations: str,
    objectives: str,
    found: dict[tuple[int, int, int], Match],
    run_columns: dict,
    provenance: dict,
    device: str = "cpu",
) -> None:
    """Write what a matcher found: ``(pair, network_a, network_b)`` -> Match."""
    units, layers = [], []
    for (pair, a, b), match in found.items():
        row = {**run_columns, "pair": pair, "network_a": a, "network_b": b}
        for layer, p in match.permutations.items():
            units += [
                {**row, "layer": layer, "unit": i, "permuted_unit": int(j)} for i, j in enumerate(p)
            ]
            layers.append(
                {
                    **row,
                    "layer": layer,
                    "objective": match.objectives[layer],
                    "identity_objective": match.identity_objectives[layer],
                }
            )
    tables.write_rows("objectives", objectives, layers, provenance, device)
    tables.write_rows("permutations", permutations, units, provenance, device)


def read_permutations(path: str) -> dict[int, Permutations]:
    """Pair -> its permutations. Raises TableError; also where a vector is no permutation."""
    table = tables.read("permutations", path)
    pair, layer, unit, permuted = (
        table[name].to_numpy() for name in ("pair", "layer", "unit", "permuted_unit")
    )
    found: dict[int, Permutations] = {}
    for number, l in sorted(set(zip(pair.tolist(), layer.tolist(), strict=True))):
        chosen = (pair == number) & (layer == l)
        p = permuted[chosen].astype(np.int64)
        wanted = np.arange(len(p))
        if not (np.array_equal(unit[chosen], wanted) and np.array_equal(np.sort(p), wanted)):
            raise TableError(f"{path}: pair {number}, layer {l}: not a permutation of its units")
        found.setdefault(number, {})[l] = p
    return found
