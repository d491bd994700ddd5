"""The networks on the line segment between A and the permuted B, and their losses."""

from collections.abc import Sequence

import numpy as np
import torch

from ..errors import UserError
from ..networks.network import Network, stack
from ..tables import Parameters
from ..training.device import run_in_batches
from ..training.evaluation import evaluate, on_device
from ..training.losses import CROSS_ENTROPY, Loss


def interpolate(a: Parameters, b: Parameters, t: float) -> Parameters:
    """Return (1 - t) A + t B, computed in float64 and rounded to float32; exact at t = 0 and 1."""
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
    loss: Loss = CROSS_ENTROPY,
) -> tuple[np.ndarray, np.ndarray]:
    """Return the loss and the accuracy along the line from A to B, float64 (len(t),) each.

    Parameters
    ----------
    network
        The architecture.
    a, b
        The networks at t = 0 and t = 1.
    t
        Positions on the line.
    images, labels
        Inputs, float32 (n, values), and labels, int64 (n,), or targets, float32 (n, ...).
    device
        The device to evaluate on.
    statistics_images
        Training inputs, float32 (n, pixels), on which the running statistics of every network on
        the path are recomputed. Required only for networks with batch norms.
    loss
        The loss; without an accuracy if it is not cross entropy.
    """
    points = [(a, b, x) for x in t]
    return evaluate_points(network, points, images, labels, device, statistics_images, loss)


def evaluate_points(
    network: Network,
    points: Sequence[tuple[Parameters, Parameters, float]],
    images: np.ndarray,
    labels: np.ndarray,
    device: torch.device | str = "cpu",
    statistics_images: np.ndarray | None = None,
    loss: Loss = CROSS_ENTROPY,
) -> tuple[np.ndarray, np.ndarray]:
    """Return the loss and the accuracy at points ``(A, B, t)``, float64 (len(points),) each.

    The points may lie on different lines. The other parameters are those of `evaluate_path`.
    """
    data = on_device(images, labels, torch.device(device))
    inputs = None
    if network.statistics and statistics_images is not None:
        inputs = torch.from_numpy(statistics_images).to(device)

    def measure(point):
        some = stack([interpolate(*point[0])], device)
        return evaluate(network, network.with_recomputed_statistics(some, inputs), *data, loss)

    parts = run_in_batches(points, 1, measure, "points of the path")
    losses, accuracies = zip(*parts, strict=True)
    return np.concatenate(losses), np.concatenate(accuracies)


def check_same_function(
    network: Network, a: Parameters, b: Parameters, images: np.ndarray, what: str
) -> None:
    """Check that two networks compute the same function, as they must after a permutation.

    Parameters
    ----------
    images
        Inputs on which the logits are compared, float32 (n, pixels).
    what
        The name of the pair in the message.

    Raises
    ------
    UserError
        The logits differ by more than float32 rounding can explain.
    """
    with torch.inference_mode():
        logits = network.forward(stack([a, b]), torch.from_numpy(images))
    difference = float((logits[0] - logits[1]).abs().max())
    allowed = 1e-4 * max(1.0, float(logits.abs().max()))
    if not difference <= allowed:
        raise UserError(
            f"{what}: the permuted network computes another function (logits differ by "
            f"{difference:.2g}): its permutations do not belong to its checkpoints"
        )
