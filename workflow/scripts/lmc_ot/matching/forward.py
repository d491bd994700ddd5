"""Moments of activations computed on the fly by running the networks, without storing activations.

`StreamedMoments` has the interface of `moments.NetworkMoments` and supports all types of layers.
For a convolution, every example and position is a sample. The moments are exact, and the memory
needed grows with the square of the number of units.
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

# Bounds on the floats of a batch's largest layer, and on the bytes of a layer's cached inputs.
BATCH_FLOATS = 8 << 20
KEPT_BYTES = 1 << 30


class StreamedMoments:
    """Moments of the activations of one network over given examples.

    Parameters
    ----------
    network, parameters
        The network, including running statistics if it has batch normalisation.
    images
        The inputs, float32 (n, pixels).
    device
        The device that runs the network.
    precision
        The type in which the network is run; moments are always accumulated in float64.
    inputs
        Returns the moments of the images, which networks can share.
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
        """Return the moments of phi_layer over examples and positions.

        The first call computes all layers in one pass.
        """
        if not self._outputs:
            self._outputs = self._over_layers(self)
        return self._outputs[layer]

    def cross(self, layer: int, other: "StreamedMoments") -> Moments:
        """Return the moments of phi_layer of this network (x) and of another one (y).

        The first call for a network computes all layers in one pass.
        """
        if other not in self._crosses:
            self._crosses[other] = self._over_layers(other)
        return self._crosses[other][layer]

    def through(self, layer: int, weight_x: np.ndarray, weight_y: np.ndarray) -> Moments:
        """Return the moments of W_x phi and W_y phi, where phi = phi_{layer-1}.

        Parameters
        ----------
        weight_x, weight_y
            (units, inputs) each, used instead of this layer's weight.
        """
        if not self.network.convolutional:
            # This is much cheaper than applying both weights to every example for every pair.
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
        """Yield the inputs of a layer in batches, (1, n, ...).

        The solver visits the layers in order, so the inputs of the last layer are cached if they
        are small enough, and the next layer starts from them.
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
    """Return a cached function from the number of a network to its moments.

    Parameters
    ----------
    dataset
        The data set.
    networks
        Network number -> its parameters.
    network
        The block of the config that describes the architecture.
    examples
        Number of training examples, the same for all networks; None for all.
    device
        The device that runs the networks.
    seed
        The config's seed, which determines the examples.
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
    """Return the moments of flat images, float32 (n, pixels)."""
    parts = range(0, len(images), INPUTS_AT_ONCE)
    return moments_of(images[start : start + INPUTS_AT_ONCE] for start in parts)


class _Accumulator:
    """Accumulate the sums of x y^T, x, y and their squares in float64, batch by batch."""

    def __init__(self):
        self.count, self.second = 0, 0.0
        self.sum_x, self.sum_y, self.squares_x, self.squares_y = 0.0, 0.0, 0.0, 0.0

    def add(self, x: torch.Tensor, y: torch.Tensor) -> None:
        """Add samples, (n, units) each."""
        same = x is y
        # MPS does not support float64.
        x = (x.cpu() if x.device.type == "mps" else x).double()
        y = x if same else (y.cpu() if y.device.type == "mps" else y).double()
        self.count += len(x)
        self.second = self.second + x.T @ y
        self.sum_x, self.sum_y = self.sum_x + x.sum(0), self.sum_y + y.sum(0)
        self.squares_x = self.squares_x + x.square().sum(0)
        self.squares_y = self.squares_x if same else self.squares_y + y.square().sum(0)

    def moments(self) -> Moments:
        """Return the moments of all samples added so far."""
        sums = (self.second, self.sum_x, self.sum_y, self.squares_x, self.squares_y)
        return Moments.of_sums(self.count, *(total.cpu().numpy() for total in sums))
