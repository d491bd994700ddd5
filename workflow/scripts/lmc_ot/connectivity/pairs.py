"""What the jobs that evaluate paths share: examples, pairs with pi(B), rows of the table."""

import math
from collections.abc import Iterable, Iterator

import numpy as np

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


def evaluation_examples(
    data: Dataset, train_examples: int | None, seed: int
) -> dict[str, tuple[np.ndarray, np.ndarray]]:
    """Split -> inputs, float32 (n, pixels), and labels, int64 (n,): all of test, some of train."""
    some = chosen_examples(data, train_examples, seed)
    return {
        "test": (data.inputs("test"), data.test.labels),
        "train": (data.inputs("train", some), data.train.labels[some]),
    }


def permuted_pairs(
    built: Network,
    networks: dict[int, Parameters],
    pairs: Iterable[tuple[int, tuple[int, int]]],
    permutations: str,
    images: np.ndarray,
    provenance: dict,
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
    found = read_permutations(permutations, provenance)
    for number, (a, b) in pairs:
        if number not in found:
            raise TableError(
                f"{permutations}: pair {number} is missing: {tables.rebuild(permutations)}"
            )
        image = permutation.apply(networks[b], found[number])
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
    """Rows of the table ``path``, one a point; a loss that is not finite is missing.

    Parameters
    ----------
    columns
        What all of them have: experiment, learning_rate, matcher, split, calibrated.
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
