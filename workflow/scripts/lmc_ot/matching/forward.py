"""Statistics of networks that are run as they are asked for: no activations are stored.

It answers as `moments.NetworkMoments` does, for every kind of layer. Of a convolution every example
and position is a sample, so the moments are exact, in memory that grows with the units squared.
"""

from collections.abc import Callable, Iterator
from functools import cache
from weakref import WeakKeyDictionary

import numpy as np
import torch

from ..data.dataset import Dataset
from ..networks.build import build
from ..networks.network import Network, stack
from ..tables import Parameters
from ..training.device import resolve
from .moments import INPUTS_AT_ONCE, Moments, moments_of
from .recording import chosen_examples

# Floats of a batch's largest layer, and bytes of a layer's inputs that may stay in memory.
BATCH_FLOATS = 8 << 20
KEPT_BYTES = 1 << 30


class StreamedMoments:
    """Moments of one network over some examples.

    Parameters
    ----------
    network, parameters
        The network, with its running statistics if it has batch normalisation.
    images
        Inputs, float32 (n, pixels).
    device
        Where the network runs.
    precision
        The networks' arithmetic; moments are accumulated in float64 in any case.
    inputs
        Returns the moments of the images; networks on the same examples can share them.
    """

    def __init__(
        self,
        network: Network,
        parameters: Parameters,
        images: np.ndarray,
        device: torch.device | str = "cpu",
        precision: torch.dtype = torch.float32,
        inputs: Callable[[], Moments] | None = None,
    ):
        self.network = network
        self.images = images
        self.device = torch.device(device)
        self.precision = precision
        self._moments_of_inputs = inputs or (lambda: moments_of_images(images))
        self.parameters = {k: v.to(precision) for k, v in stack([parameters], device).items()}
        self._batch = max(1, BATCH_FLOATS // network.floats_per_example)
        self._outputs: dict[int, Moments] = {}
        self._crosses: WeakKeyDictionary[StreamedMoments, dict[int, Moments]] = WeakKeyDictionary()
        self._kept: tuple[int, list[torch.Tensor]] | None = None

    def __call__(self, layer: int) -> Moments:
        """Moments of phi_layer, over examples and positions. All layers are taken in one pass."""
        if not self._outputs:
            self._outputs = self._over_layers(self)
        return self._outputs[layer]

    def cross(self, layer: int, other: "StreamedMoments") -> Moments:
        """Moments of phi_layer of this network (x) and of another (y). One pass for all layers."""
        if other not in self._crosses:
            self._crosses[other] = self._over_layers(other)
        return self._crosses[other][layer]

    def through(self, layer: int, weight_x: np.ndarray, weight_y: np.ndarray) -> Moments:
        """Moments of the outputs W_x phi and W_y phi of two weights, phi = phi_{layer-1}.

        Parameters
        ----------
        weight_x, weight_y
            (units, inputs) each, used instead of this layer's weight.
        """
        if not self.network.convolutional:
            # Much less work than running both weights on every example, for every pair.
            below = self(layer - 1) if layer > 1 else self._moments_of_inputs()
            return below.through(weight_x, weight_y)
        both = np.concatenate([weight_x, weight_y]) if weight_x is not weight_y else weight_x
        weight = torch.from_numpy(np.ascontiguousarray(both)).to(self.device, self.precision)[None]
        total = _Accumulator()
        for values in self._inputs(layer):
            outputs = self.network.linear(layer, values, weight)[0].flatten(0, -2)
            x = outputs[:, : len(weight_x)]
            total.add(x, outputs[:, len(weight_x) :] if len(both) > len(weight_x) else x)
        return total.moments()

    @torch.inference_mode()
    def _over_layers(self, other: "StreamedMoments") -> dict[int, Moments]:
        totals = {}
        for batch in self._batches():
            mine = self._activations(batch)
            theirs = mine if other is self else other._activations(batch)
            for layer, (x, y) in enumerate(zip(mine, theirs, strict=True), start=1):
                x, y = x[0].flatten(0, -2), y[0].flatten(0, -2)
                totals.setdefault(layer, _Accumulator()).add(x, x if other is self else y)
        return {layer: total.moments() for layer, total in totals.items()}

    def _batches(self) -> Iterator[torch.Tensor]:
        for start in range(0, len(self.images), self._batch):
            batch = torch.from_numpy(self.images[start : start + self._batch])
            yield batch.to(self.device, self.precision)

    def _activations(self, batch: torch.Tensor) -> list[torch.Tensor]:
        return self.network.forward(self.parameters, batch)[0]

    @torch.inference_mode()
    def _inputs(self, layer: int) -> Iterator[torch.Tensor]:
        """The inputs of a layer, (1, n, ...), one batch after another.

        The solver asks for one layer after another, so a layer's inputs are kept for the next
        one to start from, if they are small enough.
        """
        below, kept = self._kept or (1, None)
        if kept is None or below > layer:
            below = 1
            kept = (self.network.enter(batch, 1) for batch in self._batches())
        keeping, size = [], 0
        for values in kept:
            for passed in range(below, layer):
                values = self._pass_on(passed, values)
            size += values.nbytes
            if size <= KEPT_BYTES:
                keeping.append(values)
            else:
                keeping.clear()
            yield values
        if size <= KEPT_BYTES:
            self._kept = (layer, keeping)

    def _pass_on(self, layer: int, values: torch.Tensor) -> torch.Tensor:
        weight, bias = (self.parameters[layer, name] for name in ("weight", "bias"))
        values = self.network.linear(layer, values, weight, bias)
        return self.network.feed(layer, self.network.activate(layer, self.parameters, values))


def open_networks(
    dataset: Dataset,
    networks: dict[int, Parameters],
    network: dict,
    examples: int | None,
    device: str,
    seed: int,
) -> Callable[[int], StreamedMoments]:
    """A function that gives the moments of a network, by its number; each is made once.

    Parameters
    ----------
    network
        The config's block.
    examples
        How many training examples, the same for all networks; None for all.
    """
    built = build(network, dataset)
    images = dataset.inputs("train", chosen_examples(dataset, examples, seed))
    resolved = resolve(device)
    inputs = cache(lambda: moments_of_images(images))

    @cache
    def moments(number: int) -> StreamedMoments:
        return StreamedMoments(built, networks[number], images, resolved, inputs=inputs)

    return moments


def moments_of_images(images: np.ndarray) -> Moments:
    """Moments of flat images, float32 (n, pixels)."""
    parts = range(0, len(images), INPUTS_AT_ONCE)
    return moments_of(images[start : start + INPUTS_AT_ONCE] for start in parts)


class _Accumulator:
    """Sums of x y^T, of x, y and their squares in float64, batch by batch."""

    def __init__(self):
        self.count, self.second = 0, 0.0
        self.sum_x, self.sum_y, self.squares_x, self.squares_y = 0.0, 0.0, 0.0, 0.0

    def add(self, x: torch.Tensor, y: torch.Tensor) -> None:
        """Add samples, (n, units) each."""
        same = x is y
        # MPS has no float64.
        x = (x.cpu() if x.device.type == "mps" else x).double()
        y = x if same else (y.cpu() if y.device.type == "mps" else y).double()
        self.count += len(x)
        self.second = self.second + x.T @ y
        self.sum_x, self.sum_y = self.sum_x + x.sum(0), self.sum_y + y.sum(0)
        self.squares_x = self.squares_x + x.square().sum(0)
        self.squares_y = self.squares_x if same else self.squares_y + y.square().sum(0)

    def moments(self) -> Moments:
        """The moments of all that was added."""
        sums = (self.second, self.sum_x, self.sum_y, self.squares_x, self.squares_y)
        return Moments.of_sums(self.count, *(total.cpu().numpy() for total in sums))
