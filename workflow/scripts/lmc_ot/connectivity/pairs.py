"""The paths of all pairs of one learning rate: examples, pairs with pi(B), rows of the table."""

import math
from collections.abc import Iterable, Iterator, Sequence
from functools import cached_property

import numpy as np
import torch

from .. import tables
from ..data.dataset import Dataset
from ..errors import TableError
from ..matching.recording import chosen_examples
from ..matching.table import read_permutations
from ..networks import permutation
from ..networks.network import Network
from ..tables import Parameters
from . import interpolation

# Enough to see that a permuted network is another function.
_COMPARED = 256

Splits = dict[str, tuple[np.ndarray, np.ndarray]]
"""Split -> inputs, float32 (n, pixels), and labels, int64 (n,)."""


def evaluation_examples(data: Dataset, train_examples: int | None, seed: int) -> Splits:
    """The examples to evaluate paths on: all of the test split, some of the training split."""
    some = chosen_examples(data, train_examples, seed)
    return {
        "test": (data.inputs("test"), data.test.labels),
        "train": (data.inputs("train", some), data.train.labels[some]),
    }


class PathEvaluation:
    """Losses and accuracies on the paths of pairs, for one matcher after another.

    pi(B) computes what B does, so every network is evaluated once, whatever it is paired with and
    whatever matches it.

    Parameters
    ----------
    built, networks
        The architecture, and networks by their numbers.
    pairs
        From `whole_pairs`.
    t
        Increasing, from 0 to 1.
    splits
        From `evaluation_examples`. Running statistics, if the network has some, are measured on
        the training examples, for every network on a path.
    """

    def __init__(
        self,
        built: Network,
        networks: dict[int, Parameters],
        pairs: Iterable[tuple[int, tuple[int, int]]],
        t: Sequence[float],
        splits: Splits,
        device: torch.device | str = "cpu",
    ):
        self.built = built
        self.networks = networks
        self.pairs = list(pairs)
        self.t = t
        self.splits = splits
        self.device = device

    def rows(self, matcher: str, permutations: str, run: dict) -> list[dict]:
        """Rows of the table ``path`` of the matcher of that label.

        Raises
        ------
        TableError, UserError
            As `permuted_pairs`.
        """
        images = self.splits["test"][0]
        permuted = list(
            permuted_pairs(self.built, self.networks, self.pairs, permutations, images, run)
        )
        columns = {"matcher": matcher, "calibrated": bool(self.built.running_statistics)}
        inner = self.t[1:-1]
        rows = []
        for split in self.splits:
            points = [(self.networks[a], b, x) for _, (a, _), b in permuted for x in inner]
            values = iter(self._evaluate(split, points))
            for number, (a, b), _ in permuted:
                between = [next(values) for _ in inner]
                on_path = [self._ends[split][a], *between, self._ends[split][b]]
                of_pair = {**columns, "split": split}
                rows += path_rows(of_pair, number, (a, b), self.t, *zip(*on_path, strict=True))
            print(f"{matcher}, {split}: {len(points)} networks on {len(permuted)} paths")
        return rows

    @cached_property
    def _ends(self) -> dict[str, dict[int, tuple[float, float]]]:
        numbers = sorted({number for _, pair in self.pairs for number in pair})
        ends = [(self.networks[number], self.networks[number], 0.0) for number in numbers]
        return {
            split: dict(zip(numbers, self._evaluate(split, ends), strict=True))
            for split in self.splits
        }

    def _evaluate(
        self, split: str, points: list[tuple[Parameters, Parameters, float]]
    ) -> list[tuple[float, float]]:
        """Loss and accuracy of each."""
        if not points:
            return []
        images, labels = self.splits[split]
        measured = interpolation.evaluate_points(
            self.built, points, images, labels, self.device, self.splits["train"][0]
        )
        return list(zip(*measured, strict=True))


def permuted_pairs(
    built: Network,
    networks: dict[int, Parameters],
    pairs: Iterable[tuple[int, tuple[int, int]]],
    permutations: str,
    images: np.ndarray,
    run: dict,
) -> Iterator[tuple[int, tuple[int, int], Parameters]]:
    """The pairs, numbered, each with pi(B) after a check that it computes what B does.

    Parameters
    ----------
    pairs
        From `whole_pairs`.
    permutations
        Path of the table of pi, which is refused as `read_permutations` says.
    images
        Inputs, float32 (n, pixels), of which the check takes the first few hundred.

    Raises
    ------
    TableError, UserError
        The table is of another run, lacks a pair, or its permutations are not of these networks.
    """
    by_pair = read_permutations(permutations, run)
    for number, (a, b) in pairs:
        if number not in by_pair:
            raise TableError(
                f"{permutations}: pair {number} is missing: {tables.rebuild(permutations)}"
            )
        image = permutation.apply(networks[b], by_pair[number])
        what = f"{permutations}: pair {number}"
        interpolation.check_same_function(built, networks[b], image, images[:_COMPARED], what)
        yield number, (a, b), image


def path_rows(
    columns: dict,
    pair: int,
    networks: tuple[int, int],
    t: Iterable[float],
    losses: Iterable[float],
    accuracies: Iterable[float],
) -> list[dict]:
    """Rows of the table ``path``, one per point; a loss that is not finite is missing.

    Parameters
    ----------
    columns
        The columns that are the same in every row: matcher, split, calibrated.
    """
    a, b = networks
    return [
        {
            **columns,
            "pair": pair,
            "network_a": a,
            "network_b": b,
            "t": x,
            "loss": loss if math.isfinite(loss) else None,
            "accuracy": accuracy,
        }
        for x, loss, accuracy in zip(t, losses, accuracies, strict=True)
    ]
