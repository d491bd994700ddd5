"""Loss and accuracy of a stack of networks."""

import numpy as np
import torch
import torch.nn.functional as F

from ..networks.network import Network, Stacked

# Bound on the activations of one layer in a batch; they should fit into caches.
BATCH_FLOATS = 4 << 20


@torch.inference_mode()
def evaluate(
    network: Network, parameters: Stacked, images: torch.Tensor, labels: torch.Tensor
) -> tuple[np.ndarray, np.ndarray]:
    """Return the mean cross-entropy (in nats) and the accuracy of K networks on the same examples.

    Parameters
    ----------
    parameters
        K networks, with their running statistics.
    images, labels
        float32 (n, pixels) and int64 (n,), on the device of the parameters.

    Returns
    -------
    loss, accuracy
        float64 (K,) each, accumulated over batches in float64. The loss of a network with
        non-finite logits is not finite.
    """
    networks = len(next(iter(parameters.values())))
    batch = max(1, BATCH_FLOATS // network.floats_per_example)
    loss, correct = np.zeros(networks), np.zeros(networks)
    for start in range(0, len(images), batch):
        targets = labels[start : start + batch]
        logits = network.forward(parameters, images[start : start + batch])
        losses = F.cross_entropy(
            logits.flatten(0, 1), targets.repeat(networks), reduction="none"
        ).view(networks, -1)
        loss += losses.sum(1).cpu().double().numpy()
        correct += (logits.argmax(2) == targets).sum(1).cpu().double().numpy()
    return loss / len(images), correct / len(images)


def on_device(
    images: np.ndarray, labels: np.ndarray, device: torch.device
) -> tuple[torch.Tensor, torch.Tensor]:
    """Move a split's inputs, float32 (n, pixels), and labels, int64 (n,), to a device."""
    return torch.from_numpy(images).to(device), torch.from_numpy(labels).to(device)
