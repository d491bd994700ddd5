"""The random draws of a training: orders of the examples and augmentations of the images.

Every network and epoch has its own random stream, so all draws are independent.
"""

from contextlib import AbstractContextManager, contextmanager, nullcontext

import numpy as np
import torch

from ..data.augmentation import Augmentation
from ..networks.network import Network
from ..rng import generator
from .settings import NetworkId

# Number of examples for the running statistics that the losses in the history are based on. Using
# all examples would take a quarter of the training time; finished networks do use all of them.
STATISTICS_EXAMPLES = 10_000


def epoch_orders(
    seed: int, networks: list[NetworkId], epoch: int, examples: int, device: torch.device
) -> torch.Tensor:
    """Draw each network's order of the examples in an epoch: indices, int64 (K, examples)."""
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
    """Draw the augmentation of each network's images in an epoch.

    Returns
    -------
    torch.Tensor or None
        float32 (K, examples, columns), the result of `Augmentation.draw` for each network; None if
        the augmentation changes nothing.
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


def step_draws(
    network: Network, seed: int, one: NetworkId, step: int, device: torch.device
) -> AbstractContextManager:
    """Return a context in which modules such as dropout draw the numbers of one step.

    Networks that draw numbers are trained one after the other, so one network is enough.
    """
    if not network.draws:
        return nullcontext()
    stream = generator(seed, "dropout", float(one.learning_rate), one.number, step)
    return _seeded(int(stream.integers(2**63)), device)


@contextmanager
def _seeded(seed: int, device: torch.device):
    with torch.random.fork_rng(devices=[device] if device.type == "cuda" else []):
        torch.manual_seed(seed)
        yield


def images_for_statistics(images: torch.Tensor, seed: int) -> torch.Tensor:
    """Choose the images on which running statistics are computed for the history.

    Parameters
    ----------
    images
        All training images, float32 (n, pixels).

    Returns
    -------
    torch.Tensor
        float32 (m, pixels): all images, or a random subset of `STATISTICS_EXAMPLES`.
    """
    if len(images) <= STATISTICS_EXAMPLES:
        return images
    # The stream keeps its original label, since another label would change the results.
    order = generator(seed, "calibration").permutation(len(images))[:STATISTICS_EXAMPLES]
    return images[torch.from_numpy(np.sort(order)).to(images.device)]
