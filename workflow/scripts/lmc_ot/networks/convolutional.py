"""Convolutional networks: groups of 3 x 3 convolutions with pooling, and a dense head."""

from collections.abc import Sequence

import numpy as np
import torch
import torch.nn.functional as F

from ..errors import ConfigError
from .initialisers import INITIALISERS
from .network import Network, Stacked

KERNEL = 3
EPSILON = 1e-5  # added to a variance before the square root
# Examples per batch when running statistics are recomputed. Batches are large because each one is
# normalised by its own statistics.
STATISTICS_BATCH = 1000
RUNNING = ("running_mean", "running_variance")


class Convolutional(Network):
    """phi_l = relu(norm(W_l * phi_{l-1} + b_l)), with max-pooling after each group.

    Convolutions are 3 x 3 with stride 1 and zero padding; pooling takes the maximum over 2 x 2
    positions. The hidden layers of the head have no norm. The weight of a convolution has shape
    (units, 9 x channels below), with one flattened kernel after another.

    Parameters
    ----------
    shape, classes
        See `Network`; an image is (height, width) or (height, width, channels).
    groups
        Number of channels of each convolution, group by group.
    head
        Number of units of each hidden layer of the head.
    norm
        ``layer`` normalises over the channels at each position; ``batch`` over examples and
        positions, with running statistics outside of training; ``none`` does not normalise.
    initialiser
        Distribution of the initial weights; biases and shifts start at 0, scales at 1.

    Raises
    ------
    ConfigError
        The input is not an image, or its sides cannot be halved once per group.
    """

    convolutional = True
    at_once = 1  # a grouped convolution of several networks is slower than one after the other
    reduces_precision = True

    def __init__(
        self,
        shape,
        classes,
        groups: list[list[int]],
        head: list[int],
        norm: str,
        initialiser: str,
    ):
        super().__init__(shape, classes)
        if len(self.shape) not in (2, 3):
            raise ConfigError(
                f"network: images have shape {self.shape}: expected (height, width) or (height, "
                f"width, channels)"
            )
        height, width, channels = self.image_shape
        halves = 2 ** len(groups)
        if height % halves or width % halves:
            raise ConfigError(
                f"network: images of {height} x {width} pixels cannot be halved {len(groups)} "
                f"times, once per group: both sides must be multiples of {halves}"
            )
        self.norm = norm
        self.initialiser = INITIALISERS[initialiser]
        self.convolutions = [width for group in groups for width in group]
        self.pooled = set(np.cumsum([len(group) for group in groups]).tolist())
        self.widths = [*self.convolutions, *head, classes]
        positions = height * width
        self._floats = [positions * channels]
        for layer, units in enumerate(self.convolutions, start=1):
            self._floats.append(positions * units)
            positions //= 4 if layer in self.pooled else 1
        self._inputs = [
            9 * channels,
            *(9 * units for units in self.convolutions[:-1]),
            positions * self.convolutions[-1],
            *head,
        ]

    @property
    def shapes(self):
        shapes = {}
        for layer, (units, inputs) in enumerate(zip(self.widths, self._inputs, strict=True), 1):
            shapes[layer, "weight"] = (units, inputs)
            shapes[layer, "bias"] = (units,)
            if self._normed(layer):
                shapes |= {(layer, "scale"): (units,), (layer, "shift"): (units,)}
                if self.norm == "batch":
                    shapes |= {(layer, name): (units,) for name in RUNNING}
        return shapes

    @property
    def floats_per_example(self):
        return max(*self._floats, *self.widths)

    @property
    def running_statistics(self):
        return RUNNING if self.norm == "batch" else ()

    def _normed(self, layer: int) -> bool:
        return self.norm != "none" and layer <= len(self.convolutions)

    def initialise(self, stream):
        ones = ("scale", "running_variance")
        return {
            (layer, name): self.initialiser(stream, *shape)
            if name == "weight"
            else np.full(shape, float(name in ones), np.float32)
            for (layer, name), shape in self.shapes.items()
        }

    def enter(self, images, networks):
        images = images.expand(networks, *images.shape[-2:])
        return images.reshape(networks, -1, *self.image_shape)

    def linear(self, layer, values, weight, bias=None):
        if layer > len(self.convolutions):
            return super().linear(layer, values, weight, bias)
        kernels = weight.unflatten(2, (-1, KERNEL, KERNEL))
        biases = [None] * len(values) if bias is None else _apart(bias)
        outputs = [
            F.conv2d(
                own.movedim(-1, 1),
                kernel.contiguous(memory_format=torch.channels_last),
                own_bias,
                padding=KERNEL // 2,
            ).movedim(1, -1)
            for own, kernel, own_bias in zip(_apart(values), _apart(kernels), biases, strict=True)
        ]
        return _together(outputs)

    def activate(self, layer, parameters: Stacked, values):
        if not self._normed(layer):
            return torch.relu_(values)
        scale, shift = (parameters[layer, name] for name in ("scale", "shift"))
        if self.norm == "layer":
            # One fused operation per network needs less memory traffic than separate steps.
            normed = [
                F.layer_norm(own, own.shape[-1:], own_scale, own_shift, EPSILON)
                for own, own_scale, own_shift in zip(
                    _apart(values), _apart(scale), _apart(shift), strict=True
                )
            ]
            return torch.relu_(_together(normed))
        measured = (layer, RUNNING[0]) in parameters
        running = (
            zip(*(parameters[layer, name] for name in RUNNING), strict=True)
            if measured
            else [(None, None)] * len(values)
        )
        normed = [
            F.batch_norm(
                own.movedim(-1, 1), *statistics, own_scale, own_shift, not measured, eps=EPSILON
            ).movedim(1, -1)
            for own, statistics, own_scale, own_shift in zip(
                _apart(values), running, _apart(scale), _apart(shift), strict=True
            )
        ]
        return torch.relu_(_together(normed))

    def feed(self, layer, values):
        if layer in self.pooled:
            flat = values.flatten(0, 1).movedim(-1, 1)
            pooled = F.max_pool2d(flat, 2).movedim(1, -1)
            values = pooled.unflatten(0, values.shape[:2])
        if layer == len(self.convolutions):
            # Flatten with the positions of a unit next to each other, which is the order of the
            # columns of the next layer's weight.
            values = values.movedim(-1, 2).flatten(2)
        return values

    @torch.no_grad()
    def with_recomputed_statistics(self, parameters, images):
        if self.norm != "batch":
            return parameters
        free = {key: value for key, value in parameters.items() if key[1] not in RUNNING}
        sums: Stacked = {}
        count = 0
        for start in range(0, len(images), STATISTICS_BATCH):
            batch = images[start : start + STATISTICS_BATCH]
            for key, value in self._statistics_of(free, batch).items():
                sums[key] = sums.get(key, 0.0) + value * len(batch)
            count += len(batch)
        return {key: free[key] if key in free else sums[key] / count for key in self.shapes}

    def _statistics_of(self, parameters: Stacked, images: torch.Tensor) -> Stacked:
        """Return the batch statistics of every normalised layer on one batch."""
        statistics = {}
        values = self.enter(images, len(parameters[1, "weight"]))
        for layer in range(1, len(self.convolutions) + 1):
            values = self.linear(
                layer, values, parameters[layer, "weight"], parameters[layer, "bias"]
            )
            for name, value in zip(RUNNING, batch_statistics(values), strict=True):
                statistics[layer, name] = value.flatten(1)
            values = self.feed(layer, self.activate(layer, parameters, values))
        return statistics


def batch_statistics(values: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """Return each unit's mean and variance over examples and positions, (K, 1, 1, 1, units)."""
    variance, mean = torch.var_mean(values, dim=(1, 2, 3), correction=0, keepdim=True)
    return mean, variance


def _apart(values: torch.Tensor) -> Sequence[torch.Tensor]:
    """Split a tensor of shape (K, ...) into its K parts.

    For K = 1 the part is a view by ``squeeze``; the backward pass of indexing would write its
    gradient into a new tensor of zeros.
    """
    return [values.squeeze(0)] if len(values) == 1 else values.unbind()


def _together(outputs: Sequence[torch.Tensor]) -> torch.Tensor:
    """Invert `_apart`, without a copy for K = 1."""
    return outputs[0].unsqueeze(0) if len(outputs) == 1 else torch.stack(outputs)
