"""Loss and accuracy of a stack of networks."""

import numpy as np
import torch

from ..networks.network import Network, Stacked
from .losses import CROSS_ENTROPY, Loss

# Bound on the activations of one layer in a batch; they should fit into caches.
BATCH_FLOATS = 4 << 20


@torch.inference_mode()
def evaluate(
    network: Network,
    parameters: Stacked,
    images: torch.Tensor,
    labels: torch.Tensor,
    loss: Loss = CROSS_ENTROPY,
) -> tuple[np.ndarray, np.ndarray]:
    """Return the mean loss and the accuracy of K networks on the same examples.

    Parameters
    ----------
    parameters
        K networks, with their running statistics.
    images, labels
        float32 (n, values), and int64 (n,) or float32 (n, ...), on the device of the parameters.
    loss
        The loss.

    Returns
    -------
    losses, accuracies
        float64 (K,) each, accumulated over batches in float64. The loss of a network with
        non-finite outputs is not finite. Accuracies are NaN if the loss is not cross entropy.
    """
    networks = len(next(iter(parameters.values())))
    batch = max(1, BATCH_FLOATS // network.floats_per_example)
    total, correct = np.zeros(networks), np.zeros(networks)
    for start in range(0, len(images), batch):
        targets = labels[start : start + batch]
        targets = targets.expand(networks, *targets.shape)
        outputs = network.forward(parameters, images[start : start + batch])
        total += loss.of_networks(outputs, targets).sum(1).cpu().double().numpy()
        correct += loss.hits(outputs, targets).cpu().double().numpy()
    return total / len(images), correct / len(images)


def on_device(
    images: np.ndarray, labels: np.ndarray, device: torch.device
) -> tuple[torch.Tensor, torch.Tensor]:
    """Move a split's inputs, float32 (n, values), and labels or targets to a device."""
    return torch.from_numpy(images).to(device), torch.from_numpy(labels).to(device)
