"""The loss on the line segment between two networks of one's own."""

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
import torch

from ..connectivity.barrier import Measures, grid, measure
from ..matching.matcher import with_progress
from ..training.losses import loss_of
from .modules import Loss, Network, evaluate, mean, module_of, recompute_batch_norms, state_of


@dataclass(frozen=True)
class Path:
    """Losses on the line segment between two networks.

    Parameters
    ----------
    t, loss, accuracy
        float64 (points,) each; accuracy is None for a loss without classes.
    measures
        Barrier, midpoint and area of the loss.
    """

    t: np.ndarray
    loss: np.ndarray
    accuracy: np.ndarray | None
    measures: Measures

    @property
    def barrier(self) -> float:
        """How much higher the loss is than between its values at the ends, at the worst point."""
        return self.measures.barrier


def barrier(
    a: Network,
    b: Network,
    data: Iterable,
    points: int = 25,
    loss: Loss = "cross_entropy",
    network: torch.nn.Module | None = None,
    device: str = "cpu",
) -> Path:
    """Evaluate (1 - t) A + t B at equidistant t.

    Running statistics of batch norms are recomputed on `data` for every t but 0 and 1.

    Parameters
    ----------
    a, b, network
        See `match`; B should be matched to A.
    data
        Batches ``(inputs, targets)``.
    points
        An odd number of points, the ends included.
    loss
        ``cross_entropy``, ``mse``, or a function of outputs and targets that returns the mean loss
        of a batch, or the loss of each example; or the name of such a function,
        ``package.module:name`` or ``file.py:name``. Accuracy belongs to cross entropy.
    """
    module, t, loss = module_of(a, b, network), grid(points), loss_of(loss)
    ends, found = [state_of(a), state_of(b)], []
    for x in with_progress(t, "point"):
        point = mean(module, ends, [1 - float(x), float(x)]).to(device)
        if 0 < x < 1:
            recompute_batch_norms(point, data)
        found.append(evaluate(point, data, loss))
    losses, accuracies = (np.array(values, float) for values in zip(*found, strict=True))
    accuracy = accuracies if loss.has_accuracy else None
    return Path(t, losses, accuracy, measure(t, losses))
