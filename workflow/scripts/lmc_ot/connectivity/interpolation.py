"""The networks on the line between A and permuted B, and their losses."""

from collections.abc import Sequence

import numpy as np
import torch

from ..errors import UserError
from ..networks.network import Network, stack
from ..tables import Parameters
from ..training.device import run_in_batches
from ..training.evaluation import evaluate, on_device

# Networks evaluated at once; more of them only move more memory.
NETWORKS_AT_ONCE = 16


def interpolate(a: Parameters, b: Parameters, t: float) -> Parameters:
    """(1 - t) A + t B, computed in float64, returned in float32; A at 0 and B at 1 exactly."""
    return {
        key: ((1 - t) * a[key].astype(np.float64) + t * b[key].astype(np.float64)).astype(
            np.float32
        )
        for key in a
    }


def evaluate_path(
    network: Network,
    a: Parameters,
    b: Parameters,
    t: np.ndarray,
    images: np.ndarray,
    labels: np.ndarray,
    device: torch.device | str = "cpu",
    statistics_images: np.ndarray | None = None,
) -> tuple[np.ndarray, np.ndarray]:
    """Loss and accuracy, float64 (len(t),), along the line from A to B.

    Parameters
    ----------
    images, labels
        float32 (n, pixels) and int64 (n,).
    statistics_images
        Training inputs, float32 (n, pixels), on which the running statistics of every network on
        the path are recomputed; needed by networks with batch normalisation only.
    """
    points = [(a, b, x) for x in t]
    return evaluate_points(network, points, images, labels, device, statistics_images)


def evaluate_points(
    network: Network,
    points: Sequence[tuple[Parameters, Parameters, float]],
    images: np.ndarray,
    labels: np.ndarray,
    device: torch.device | str = "cpu",
    statistics_images: np.ndarray | None = None,
) -> tuple[np.ndarray, np.ndarray]:
    """Loss and accuracy, float64 (len(points),), of networks on any lines: ``(A, B, t)`` each.

    The other parameters are those of `evaluate_path`.
    """
    data = on_device(images, labels, torch.device(device))
    if network.running_statistics:
        statistics_inputs = torch.from_numpy(statistics_images).to(device)

    def measure(some_points):
        some = stack([interpolate(*point) for point in some_points], device)
        if network.running_statistics:
            some = network.with_recomputed_statistics(some, statistics_inputs)
        return evaluate(network, some, *data)

    at_once = network.at_once or NETWORKS_AT_ONCE
    parts = run_in_batches(points, at_once, measure, "points of the path")
    losses, accuracies = zip(*parts, strict=True)
    return np.concatenate(losses), np.concatenate(accuracies)


def check_same_function(
    network: Network, a: Parameters, b: Parameters, images: np.ndarray, what: str
) -> None:
    """Check that two networks compute the same function, as a permutation must leave it.

    Parameters
    ----------
    images
        float32 (n, pixels): where to compare their logits.
    what
        How to call the pair in the message.

    Raises
    ------
    UserError
        Logits differ by more than float32 rounding explains.
    """
    with torch.inference_mode():
        _, logits = network.forward(stack([a, b]), torch.from_numpy(images))
    difference = float((logits[0] - logits[1]).abs().max())
    allowed = 1e-4 * max(1.0, float(logits.abs().max()))
    if not difference <= allowed:
        raise UserError(
            f"{what}: the permuted network computes another function (logits differ by "
            f"{difference:.2g}): its permutations do not belong to its checkpoints"
        )
