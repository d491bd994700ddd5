"""One update of stacked networks."""

import torch
import torch.nn.functional as F

from ..data.augmentation import Augmentation
from ..networks.network import Network, Stacked
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
) -> tuple[torch.Tensor, torch.Tensor]:
    """One update of K networks on a batch each.

    Parameters
    ----------
    parameters, state
        The networks, which must require gradients, and `Optimiser.initial_state` of them;
        both are changed.
    data
        All training images, float32 (n, pixels), and labels, int64 (n,).
    batch
        int64 (K, batch size): numbers of the examples each network sees.
    rates, step
        See `Optimiser.step`.
    changes
        float32 (K, n, columns): each network's rows of `Augmentation.draw`; None to change
        nothing.
    dtype
        The type that convolutions and products are computed in.
    black
        See `Augmentation.apply`.

    Returns
    -------
    losses, hits
        float32 and int64 (K,): mean cross entropy before the update, and number of examples
        that were classified correctly.
    """
    images, labels = data
    tensors = list(parameters.values())
    # Two to three times as fast as images[batch].
    inputs = images.index_select(0, batch.flatten()).view(*batch.shape, -1)
    if changes is not None:
        rows = changes[torch.arange(len(batch), device=batch.device)[:, None], batch]
        flat = inputs.view(-1, *network.image_shape)
        inputs = Augmentation.apply(flat, rows.flatten(0, 1), black).view_as(inputs)
    with torch.autocast(inputs.device.type, torch.bfloat16, enabled=dtype == torch.bfloat16):
        _, logits = network.forward(parameters, inputs)
    logits = logits.float()
    targets = labels[batch]
    losses = F.cross_entropy(logits.flatten(0, 1), targets.flatten(), reduction="none")
    losses = losses.view(targets.shape).mean(1)
    gradients = list(torch.autograd.grad(losses.sum(), tensors))
    with torch.no_grad():
        optimiser.step(tensors, gradients, state, rates, step)
        return losses.detach(), (logits.argmax(2) == targets).sum(1)
