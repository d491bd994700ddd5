"""What the jobs that measure pairs share: pairs, statistics from files, permutation tables."""

from collections.abc import Iterator
from functools import cache, cached_property
from pathlib import Path

import numpy as np

from . import tables
from .datasets.dataset import Dataset
from .errors import TableError
from .matching.solver import Match
from .moments import Moments, NetworkMoments, Recorded, second_moment
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


class Statistics:
    """Moments and activations of the networks of one learning rate, from their files.

    Nothing is read until a matcher asks for it.

    Parameters
    ----------
    dataset
        The data set's table.
    folder
        Folder of the recorded activations.
    """

    def __init__(self, dataset: str, folder: str):
        self._dataset = dataset
        self._folder = Path(folder)
        self.moments = cache(self.moments)

    @cached_property
    def _inputs(self) -> np.ndarray:
        data: Dataset = tables.read_dataset(self._dataset)
        return data.inputs("train")

    def activations(self, network: int) -> "Lazy":
        """The recorded activations of a network."""
        return Lazy(self, network)

    def moments(self, network: int) -> NetworkMoments:
        """The moments of a network; those of the inputs are computed once for all networks."""
        return NetworkMoments(self.activations(network), lambda: self._input_moments(network))

    def _input_moments(self, network: int) -> Moments:
        examples = self._open(network).file.examples()
        key = examples.tobytes()
        if key not in self._known_inputs:
            self._known_inputs[key] = second_moment(self._open(network).batches(0))
        return self._known_inputs[key]

    @cached_property
    def _known_inputs(self) -> dict[bytes, Moments]:
        return {}

    def _open(self, network: int) -> Recorded:
        file = tables.ActivationFile(self._folder / f"{network}.parquet")
        return Recorded(file, self._inputs)


class Lazy:
    """Recorded activations whose file is opened when its first batch is asked for."""

    def __init__(self, statistics: Statistics, network: int):
        self._statistics, self._network = statistics, network

    def batches(self, layer: int) -> Iterator[np.ndarray]:
        """See `moments.Activations`."""
        yield from self._statistics._open(self._network).batches(layer)


def write_matches(
    permutations: str,
    objectives: str,
    found: dict[tuple[int, int, int], Match],
    run_columns: dict,
    provenance: dict,
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
    tables.write_rows("objectives", objectives, layers, provenance)
    tables.write_rows("permutations", permutations, units, provenance)


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
