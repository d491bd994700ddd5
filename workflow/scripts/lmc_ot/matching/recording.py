"""Recording the activations of trained networks."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import torch

from ..data.dataset import Dataset
from ..errors import UserError
from ..networks.graph import Graph
from ..networks.groups.group import INPUT, Tap
from ..networks.network import Network
from ..rng import generator
from ..tables import Parameters

# Bound on the floats of the largest layer in a batch, which bounds the memory.
BATCH_FLOATS = 8 << 20


@dataclass(frozen=True)
class Samples:
    """The samples to record: examples, and a position in the image where a value has positions.

    `example` holds indices of training examples, int (n,), ascending; `y` and `x` relative
    positions in the image, in [0, 1), float64 (n,). A value of h x w positions is recorded at
    (floor(y h), floor(x w)).
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
    graph: Graph,
    taps: list[Tap],
    parameters: Parameters,
    dataset: Dataset,
    samples: Samples,
    device: torch.device | str = "cpu",
) -> Iterator[tuple[Samples, list[np.ndarray]]]:
    """Compute the values at all taps of one network on training examples, batch by batch.

    Yields batches of b samples, each with one float32 array (b, places) per tap.
    """
    tensors = {name: torch.from_numpy(array).to(device) for name, array in parameters.items()}
    inputs = dataset.inputs("train")
    batch = max(2, BATCH_FLOATS // network.floats_per_example)
    for start in range(0, len(samples.example), batch):
        part = slice(start, start + batch)
        some = Samples(samples.example[part], samples.y[part], samples.x[part])
        images = network.images(torch.from_numpy(inputs[some.example]).to(device))
        values = graph.run(tensors, [tap.value for tap in taps], {INPUT: images})
        yield some, [_at(values[tap.value], tap.axis, some).cpu().numpy() for tap in taps]


def _at(values: torch.Tensor, axis: int, samples: Samples) -> torch.Tensor:
    """Select the samples' positions from a value, (b, places): on two axes y and x, on one y."""
    values = values.movedim(axis, -1)
    positions = [
        torch.from_numpy((place * size).astype(np.int64)).to(values.device)
        for place, size in zip((samples.y, samples.x), values.shape[1:-1], strict=False)
    ]
    if len(positions) < values.dim() - 2:
        raise UserError("activations.streamed: false: a layer has more than two axes of positions")
    return values[(torch.arange(len(values), device=values.device), *positions)]
