"""The random draws of a training: orders of the examples, changes of the images.

Every network and epoch has a stream of its own, so that no draw depends on another one.
"""

import numpy as np
import torch

from ..data.augmentation import Augmentation
from ..rng import generator
from .settings import NetworkId

# Running statistics of a finished network are computed on all training examples; those behind the
# history's losses on this many: on all of them, they would take a quarter of the training time.
STATISTICS_EXAMPLES = 10_000


def epoch_orders(
    seed: int, networks: list[NetworkId], epoch: int, examples: int, device: torch.device
) -> torch.Tensor:
    """Each network's order of the examples in this epoch: numbers, int64 (K, examples)."""
    orders = [
        generator(seed, "order", float(n.learning_rate), n.number, epoch).permutation(examples)
        for n in networks
    ]
    return torch.from_numpy(np.stack(orders)).to(device)


def epoch_changes(
    seed: int,
    networks: list[NetworkId],
    epoch: int,
    examples: int,
    device: torch.device,
    augmentation: Augmentation,
) -> torch.Tensor | None:
    """How each network's images are changed in this epoch.

    Returns
    -------
    float32 (K, examples, columns), of each network what `Augmentation.draw` gives; None where
    nothing is changed.
    """
    if augmentation.changes_nothing:
        return None
    rows = [
        augmentation.draw(
            generator(seed, "augmentation", float(n.learning_rate), n.number, epoch), examples
        )
        for n in networks
    ]
    return torch.from_numpy(np.stack(rows)).to(device)


def images_for_statistics(images: torch.Tensor, seed: int) -> torch.Tensor:
    """Images on which running statistics are computed for the history: all, or a random part.

    Parameters
    ----------
    images
        All training images, float32 (n, pixels).

    Returns
    -------
    float32 (m, pixels), m at most `STATISTICS_EXAMPLES`.
    """
    if len(images) <= STATISTICS_EXAMPLES:
        return images
    # The label of the stream is an old name of these statistics: another one changes the numbers.
    order = generator(seed, "calibration").permutation(len(images))[:STATISTICS_EXAMPLES]
    return images[torch.from_numpy(np.sort(order)).to(images.device)]
