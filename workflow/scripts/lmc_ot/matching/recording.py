"""Recording the activations of trained networks."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import torch

from ..data.dataset import Dataset
from ..networks.network import Network, stack
from ..rng import generator
from ..tables import Parameters

# Bound on the floats of the largest layer in a batch, which bounds the memory.
BATCH_FLOATS = 8 << 20


@dataclass(frozen=True)
class Samples:
    """The samples to record: examples, and a position in the image for convolutional layers.

    Parameters
    ----------
    example
        Indices of training examples, int (n,), ascending.
    y, x
        Relative position in the image, in [0, 1), float64 (n,). A layer of h x w positions records
        position (floor(y h), floor(x w)).
    """

    example: np.ndarray
    y: np.ndarray
    x: np.ndarray


def chosen_examples(dataset: Dataset, examples: int | None, seed: int) -> np.ndarray:
    """Return the indices of all or of `examples` random training examples, int (n,), ascending.

    The choice depends only on the seed, so it is the same for every network.
    """
    total = len(dataset.train.labels)
    if examples is None or examples >= total:
        return np.arange(total)
    choice = generator(seed, "activations").choice(total, examples, replace=False)
    return np.sort(choice)


def chosen_samples(dataset: Dataset, examples: int | None, positions: int, seed: int) -> Samples:
    """Return `chosen_examples` at random positions each, which are the same for every network."""
    example = np.repeat(chosen_examples(dataset, examples, seed), positions)
    y, x = generator(seed, "positions").random((2, len(example)))
    return Samples(example, y, x)


def record(
    network: Network,
    parameters: Parameters,
    dataset: Dataset,
    samples: Samples,
    device: torch.device | str = "cpu",
) -> Iterator[tuple[Samples, list[np.ndarray]]]:
    """Compute phi_1 .. phi_L of one network on training examples, batch by batch.

    Yields
    ------
    samples, activations
        A batch of b samples, and one float32 array (b, units) per hidden layer.
    """
    stacked = stack([parameters], device)
    inputs = dataset.inputs("train")
    batch = max(1, BATCH_FLOATS // network.floats_per_example)
    for start in range(0, len(samples.example), batch):
        part = slice(start, start + batch)
        some = Samples(samples.example[part], samples.y[part], samples.x[part])
        with torch.inference_mode():
            images = torch.from_numpy(inputs[some.example]).to(device)
            layers, _ = network.forward(stacked, images)
            picked = [_at(layer[0], some).cpu().numpy() for layer in layers]
        yield some, picked


def _at(values: torch.Tensor, samples: Samples) -> torch.Tensor:
    """Select the samples' positions from (b, height, width, units); (b, units) is unchanged."""
    if values.dim() == 2:
        return values
    rows, columns = (
        torch.from_numpy((place * size).astype(np.int64)).to(values.device)
        for place, size in zip((samples.y, samples.x), values.shape[1:3], strict=True)
    )
    return values[torch.arange(len(values), device=values.device), rows, columns]
