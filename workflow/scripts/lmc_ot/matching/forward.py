"""Moments of activations computed on the fly by running the networks, without storing activations.

`StreamedMoments` has the interface of `moments.NetworkMoments` and supports all operations. For a
convolution every example and position is a sample, for a transformer every example and token.
"""

from collections.abc import Callable, Iterator
from functools import cache
from weakref import WeakKeyDictionary

import numpy as np
import torch

from ..data.dataset import Dataset
from ..networks.build import build
from ..networks.graph import Graph
from ..networks.groups.group import INPUT, Groups, Producer, Tap
from ..networks.network import Network
from ..tables import Parameters
from ..training.device import resolve
from .moments import Accumulator, Moments, moments_of
from .recording import chosen_examples

# Bounds on the floats of a batch's largest value, and on the bytes of the values that are kept.
BATCH_FLOATS = 8 << 20
KEPT_BYTES = 1 << 30


class StreamedMoments:
    """Moments of the activations of one network over given examples.

    Parameters
    ----------
    network, graph, groups
        The architecture; the taps of its groups are read.
    parameters
        The network.
    images
        The inputs, float32 (n, values).
    device
        The device that runs the network, also `graph`.
    inputs
        Returns the moments of the images, which networks can share.
    """

    def __init__(
        self,
        network: Network,
        graph: Graph,
        groups: Groups,
        parameters: Parameters,
        images: np.ndarray,
        device: torch.device | str = "cpu",
        inputs: Callable[[], Moments] | None = None,
    ):
        self.network, self.graph, self.images = network, graph, images
        self.device = torch.device(device)
        self.taps = {tap.value: tap for group in groups for tap in group.taps}
        self.parameters = {name: self._tensor(array) for name, array in parameters.items()}
        self._moments_of_inputs = inputs or (lambda: moments_of([images]))
        self._batch = max(2, BATCH_FLOATS // network.floats_per_example)
        self._known: dict[str, Moments] = {}
        self._crosses: WeakKeyDictionary[StreamedMoments, dict] = WeakKeyDictionary()
        # Name of a value -> the value of every batch. What is used last is last.
        self._kept: dict[str, list[torch.Tensor]] = {}

    def __call__(self, tap: Tap) -> Moments:
        """See `moments.NetworkMoments`. The first call computes all taps in one pass."""
        if tap.value not in self._known:
            self._known |= self._over_taps(self)
        return self._known[tap.value]

    def cross(self, tap: Tap, other: "StreamedMoments") -> Moments:
        """See `moments.NetworkMoments`. The first call for a network computes all taps."""
        if other not in self._crosses:
            self._crosses[other] = self._over_taps(other)
        return self._crosses[other][tap.value]

    def through(self, producer: Producer, weight_x: np.ndarray, weight_y: np.ndarray) -> Moments:
        """See `moments.NetworkMoments`; any layer is run with both weights.

        The next layer starts from what the last ones read, as far as that is kept.
        """
        if producer.reads is not None:
            # This is much cheaper than applying both weights to every example for every pair.
            pixels = producer.reads == INPUT
            below = self._moments_of_inputs() if pixels else self(Tap(producer.reads, 1, None))
            return below.through(weight_x, weight_y, producer.axis)
        total, axis = Accumulator(), producer.output.axis
        weights = [weight_x] if weight_y is weight_x else [weight_x, weight_y]
        for known in self._values(producer.input):
            outputs = [
                self._samples(self._again(producer, weight, known), axis) for weight in weights
            ]
            total.add(outputs[0], outputs[-1])
        return total.moments()

    def _again(self, producer: Producer, weight: np.ndarray, known: dict) -> torch.Tensor:
        """What a layer returns for another weight and no bias, given what it reads."""
        changed = {producer.parameter: self._tensor(weight)}
        if producer.bias is not None:
            changed[producer.bias] = torch.zeros_like(self.parameters[producer.bias])
        name = producer.output.value
        return self.graph.run(self.parameters | changed, [name], known)[name]

    def _over_taps(self, other: "StreamedMoments") -> dict[str, Moments]:
        totals = {name: Accumulator() for name in self.taps}
        for batch in self._batches():
            mine = self.graph.run(self.parameters, self.taps, {INPUT: batch})
            theirs = mine
            if other is not self:
                theirs = self.graph.run(other.parameters, self.taps, {INPUT: batch})
            for name, tap in self.taps.items():
                x = self._samples(mine[name], tap.axis)
                y = x if other is self else self._samples(theirs[name], tap.axis)
                totals[name].add(x, y)
        return {name: total.moments() for name, total in totals.items()}

    def _values(self, name: str) -> Iterator[dict[str, torch.Tensor]]:
        """Yield a value, and the input, batch by batch, starting from values that are kept.

        The value is kept if all its batches are small enough together, otherwise none of them is.
        """
        before, keeping, size = self._kept.pop(name, None), [], 0
        for i, batch in enumerate(self._batches()):
            known = {INPUT: batch}
            if name != INPUT:
                known |= {kept: parts[i] for kept, parts in self._kept.items()}
                value = (
                    before[i] if before else self.graph.run(self.parameters, [name], known)[name]
                )
                known = {INPUT: batch, name: value}
                size += value.nbytes
                keeping = [*keeping, value] if size <= KEPT_BYTES else []
            yield known
        if keeping:
            self._kept[name] = keeping
        while self._bytes() > KEPT_BYTES:
            del self._kept[next(iter(self._kept))]

    def _bytes(self) -> int:
        return sum(part.nbytes for parts in self._kept.values() for part in parts)

    def _batches(self) -> Iterator[torch.Tensor]:
        for start in range(0, len(self.images), self._batch):
            flat = torch.from_numpy(self.images[start : start + self._batch])
            yield self.network.images(flat.to(self.device))

    def _samples(self, values: torch.Tensor, axis: int):
        """A value as samples, (n, places), for an `Accumulator`."""
        samples = values.movedim(axis, -1).flatten(0, -2)
        return samples if self.device.type == "cuda" else samples.cpu().numpy()

    def _tensor(self, array: np.ndarray) -> torch.Tensor:
        return torch.from_numpy(np.ascontiguousarray(array)).to(self.device)


def open_networks(
    dataset: Dataset,
    networks: dict[int, Parameters],
    groups: Groups,
    network: dict,
    examples: int | None,
    device: str,
    seed: int,
) -> Callable[[int], StreamedMoments]:
    """Return a cached function from the number of a network to its moments.

    `network` is the block of the config that describes the architecture with these groups. So many
    `examples` for training, None for all, are used for all networks; the seed of the config
    determines which.
    """
    built = build(network, dataset, logits=False)
    images = dataset.inputs("train", chosen_examples(dataset, examples, seed))
    resolved = resolve(device)
    graph = Graph(built.module, built.images(torch.from_numpy(images[:2])), resolved)
    inputs = cache(lambda: moments_of([images]))

    @cache
    def moments(number: int) -> StreamedMoments:
        return StreamedMoments(built, graph, groups, networks[number], images, resolved, inputs)

    return moments
