"""The paths of all pairs of one setting: examples, permuted networks, rows of the table."""

import math
from collections.abc import Iterable, Iterator, Sequence
from functools import cached_property

import numpy as np
import torch

from .. import tables
from ..data.dataset import Dataset
from ..errors import TableError
from ..matching.recording import chosen_examples
from ..networks.groups.apply import Permutations, permute
from ..networks.groups.group import Groups
from ..networks.network import Network
from ..tables import Parameters
from ..training.losses import CROSS_ENTROPY, Loss
from . import interpolation

# Number of examples on which a network and its permuted version are compared.
_COMPARED = 256

Splits = dict[str, tuple[np.ndarray, np.ndarray]]
"""Split -> inputs, float32 (n, values), and labels, int64 (n,), or targets, float32 (n, ...)."""


def evaluation_examples(data: Dataset, train_examples: int | None, seed: int) -> Splits:
    """Return the examples for evaluating paths: the test split, and some training examples.

    Parameters
    ----------
    data
        The data set.
    train_examples
        Number of training examples; None for all.
    seed
        The config's seed, which determines the training examples.
    """
    some = chosen_examples(data, train_examples, seed)
    return {
        "test": (data.inputs("test"), data.test.labels),
        "train": (data.inputs("train", some), data.train.labels[some]),
    }


class PathEvaluation:
    """Losses and accuracies on the paths of all pairs, for several matchers.

    The permuted network pi(B) computes the same function as B, so the endpoints are evaluated only
    once per network, for all pairs and matchers.

    Parameters
    ----------
    built, groups, networks
        The architecture with its groups, and the networks by number.
    pairs
        The pairs, from `whole_pairs`.
    t
        Points of the paths, increasing from 0 to 1.
    splits
        The examples, from `evaluation_examples`. Running statistics, if there are any, are
        measured on the training examples for every network on a path.
    device
        The device to evaluate on.
    loss
        The loss.
    """

    def __init__(
        self,
        built: Network,
        groups: Groups,
        networks: dict[int, Parameters],
        pairs: Iterable[tuple[int, tuple[int, int]]],
        t: Sequence[float],
        splits: Splits,
        device: torch.device | str = "cpu",
        loss: Loss = CROSS_ENTROPY,
    ):
        self.built = built
        self.groups = groups
        self.networks = networks
        self.pairs = list(pairs)
        self.t = t
        self.splits = splits
        self.device = device
        self.loss = loss

    def rows(self, matcher: str, permutations: dict[int, Permutations], path: str) -> list[dict]:
        """Return the rows of a matcher, given its label, for the table ``path``.

        Parameters
        ----------
        permutations, path
            Pair -> its permutations, and the file that they are from.

        Raises
        ------
        TableError, UserError
            A pair is missing, or its permutations do not belong to these networks.
        """
        permuted = list(self._permuted(permutations, path))
        columns = {"matcher": matcher, "calibrated": bool(self.built.statistics)}
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
            print(f"{matcher}, {split}: {len(points)} networks on {len(permuted)} paths evaluated")
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
        """Return loss and accuracy at each point."""
        if not points:
            return []
        images, labels = self.splits[split]
        measured = interpolation.evaluate_points(
            self.built, points, images, labels, self.device, self.splits["train"][0], self.loss
        )
        return list(zip(*measured, strict=True))

    def _permuted(
        self, permutations: dict[int, Permutations], path: str
    ) -> Iterator[tuple[int, tuple[int, int], Parameters]]:
        """Yield the numbered pairs with pi(B), after checking that it computes the same as B."""
        images = self.splits["test"][0][:_COMPARED]
        for number, (a, b) in self.pairs:
            what = f"{path}: pair {number}"
            if number not in permutations:
                raise TableError(f"{what} is missing: {tables.rebuild(path)}")
            try:
                image = permute(self.networks[b], self.groups, permutations[number])
            except (KeyError, ValueError) as error:
                raise TableError(
                    f"{what}: permutations of other groups ({error}): {tables.rebuild(path)}"
                ) from error
            interpolation.check_same_function(self.built, self.networks[b], image, images, what)
            yield number, (a, b), image


def path_rows(
    columns: dict,
    pair: int,
    networks: tuple[int, int],
    t: Iterable[float],
    losses: Iterable[float],
    accuracies: Iterable[float],
) -> list[dict]:
    """Return one row per point for the table ``path``; a loss that is not finite is missing,
    and so is the accuracy of a loss that has none.

    Parameters
    ----------
    columns
        The columns that are equal in all rows: matcher, split, calibrated.
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
            "accuracy": accuracy if math.isfinite(accuracy) else None,
        }
        for x, loss, accuracy in zip(t, losses, accuracies, strict=True)
    ]
