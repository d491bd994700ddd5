"""Recording the activations of trained networks."""

from collections.abc import Iterator

import numpy as np
import torch

from .datasets.dataset import Dataset
from .networks.network import Network, stack
from .streams import generator
from .tables import Parameters

BATCH_EXAMPLES = 4096


def chosen_examples(dataset: Dataset, examples: int | None, seed: int) -> np.ndarray:
    """The training examples to record, in their order, int (n,): all, or a random `examples`.

    The choice depends on the seed only, so that it is the same for every network.
    """
    total = len(dataset.train.labels)
    if examples is None or examples >= total:
        return np.arange(total)
    choice = generator(seed, "activations").choice(total, examples, replace=False)
    return np.sort(choice)


def record(
    network: Network,
    parameters: Parameters,
    dataset: Dataset,
    examples: np.ndarray,
    device: torch.device | str = "cpu",
) -> Iterator[tuple[np.ndarray, list[np.ndarray]]]:
    """phi_1 .. phi_L of one network on training examples, a batch after another.

    Parameters
    ----------
    examples
        Numbers of training examples, int (n,).

    Yields
    ------
    examples, activations
        int (b,) and a float32 array (b, units) for every hidden layer; b is at most
        `BATCH_EXAMPLES`, which bounds the memory.
    """
    stacked = stack([parameters], device)
    inputs = dataset.inputs("train")
    for start in range(0, len(examples), BATCH_EXAMPLES):
        batch = examples[start : start + BATCH_EXAMPLES]
        with torch.inference_mode():
            images = torch.from_numpy(inputs[batch]).to(device)
            layers, _ = network.forward(stacked, images)
        yield batch, [layer[0].cpu().numpy() for layer in layers]
