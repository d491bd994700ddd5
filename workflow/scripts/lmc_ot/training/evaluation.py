"""Loss and accuracy of an ensemble."""

import numpy as np
import torch
import torch.nn.functional as F

from ..networks.network import Network, Stacked

# Activations of one batch, all networks and one layer: small enough to stay in a cache or two.
BATCH_FLOATS = 4 << 20


@torch.inference_mode()
def evaluate(
    network: Network, parameters: Stacked, images: torch.Tensor, labels: torch.Tensor
) -> tuple[np.ndarray, np.ndarray]:
    """Mean cross entropy (nats) and accuracy of K networks on the same examples.

    Parameters
    ----------
    parameters
        K networks.
    images, labels
        float32 (n, pixels) and int64 (n,), on the parameters' device.

    Returns
    -------
    loss, accuracy
        float64 (K,) each; sums over batches are taken in float64. A network whose logits are
        not finite has a loss that is not finite.
    """
    networks = len(next(iter(parameters.values())))
    batch = max(1, BATCH_FLOATS // (networks * network.floats_per_example))
    loss, correct = np.zeros(networks), np.zeros(networks)
    for start in range(0, len(images), batch):
        targets = labels[start : start + batch]
        _, logits = network.forward(parameters, images[start : start + batch])
        losses = F.cross_entropy(
            logits.flatten(0, 1), targets.repeat(networks), reduction="none"
        ).view(networks, -1)
        loss += losses.sum(1).cpu().double().numpy()
        correct += (logits.argmax(2) == targets).sum(1).cpu().double().numpy()
    return loss / len(images), correct / len(images)


def on_device(
    images: np.ndarray, labels: np.ndarray, device: torch.device
) -> tuple[torch.Tensor, torch.Tensor]:
    """A split's inputs, float32 (n, pixels), and labels, int64 (n,), as tensors."""
    return torch.from_numpy(images).to(device), torch.from_numpy(labels).to(device)
