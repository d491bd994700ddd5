"""One training step of a stack of networks."""

import torch

from ..data.augmentation import Augmentation
from ..networks.network import Network, Stacked
from .losses import CROSS_ENTROPY, Loss
from .optimisers.optimiser import Optimiser


def training_step(
    network: Network,
    parameters: Stacked,
    optimiser: Optimiser,
    state: list[torch.Tensor],
    data: tuple[torch.Tensor, torch.Tensor],
    batch: torch.Tensor,
    rates: torch.Tensor,
    step: int,
    changes: torch.Tensor | None = None,
    dtype: torch.dtype = torch.float32,
    black: torch.Tensor | float = 0.0,
    loss: Loss = CROSS_ENTROPY,
) -> tuple[torch.Tensor, torch.Tensor]:
    """Update K networks, each on its own batch.

    Parameters
    ----------
    network
        The architecture.
    parameters, state
        The networks, whose trained parameters must require gradients, and the state of the
        optimiser; both are modified in place.
    optimiser
        The optimiser.
    data
        All training inputs, float32 (n, values), and labels, int64 (n,), or targets, float32
        (n, ...).
    batch
        Indices of the examples of each network's batch, int64 (K, batch size).
    rates, step
        See `Optimiser.step`.
    changes
        Each network's rows from `Augmentation.draw`, float32 (K, n, columns); None for no
        augmentation.
    dtype
        The type in which convolutions and matrix products are computed.
    black
        See `Augmentation.apply`.
    loss
        The loss.

    Returns
    -------
    losses, hits
        Mean loss before the update, float32 (K,), and the number of correctly classified examples,
        see `Loss.hits`, (K,).
    """
    images, labels = data
    tensors = [parameters[name] for name in network.trained]
    # This is two to three times as fast as images[batch].
    inputs = images.index_select(0, batch.flatten()).view(*batch.shape, -1)
    if changes is not None:
        rows = changes[torch.arange(len(batch), device=batch.device)[:, None], batch]
        flat = inputs.view(-1, *network.image_shape)
        inputs = Augmentation.apply(flat, rows.flatten(0, 1), black).view_as(inputs)
    with torch.autocast(inputs.device.type, torch.bfloat16, enabled=dtype == torch.bfloat16):
        outputs = network.forward(parameters, inputs, training=True)
    outputs, targets = outputs.float(), labels[batch]
    losses = loss.of_networks(outputs, targets).mean(1)
    # A parameter that the module does not use has a gradient of zeros.
    gradients = list(torch.autograd.grad(losses.sum(), tensors, materialize_grads=True))
    with torch.no_grad():
        optimiser.step(tensors, gradients, state, rates, step)
        return losses.detach(), loss.hits(outputs, targets)
