"""Convolutional networks: groups of 3 x 3 convolutions with pooling, and a dense head."""

from itertools import pairwise

import numpy as np
import torch
import torch.nn.functional as F
from torch import nn

from ..errors import ConfigError
from .initialisers import INITIALISERS, initialise


class ChannelNorm(nn.LayerNorm):
    """Layer norm over the channels at each position of (n, channels, height, width)."""

    def forward(self, values: torch.Tensor) -> torch.Tensor:
        """Return the normalised values, in the same shape."""
        # In the memory format channels_last, the moved axis is contiguous.
        return super().forward(values.movedim(1, -1)).movedim(-1, 1)


NORMS = {"layer": ChannelNorm, "batch": nn.BatchNorm2d, "none": lambda units: nn.Identity()}


def image_shape(shape: tuple[int, ...]) -> tuple[int, int, int]:
    """Return the height, width and channels of an image; ConfigError if it is not an image."""
    if len(shape) not in (2, 3):
        raise ConfigError(
            f"network: images have shape {tuple(shape)}: expected (height, width) or (height, "
            f"width, channels)"
        )
    return (*shape, 1)[:3]


class Convolutional(nn.Module):
    """phi_l = relu(norm(W_l * phi_{l-1} + b_l)), with max-pooling after each group.

    Convolutions are 3 x 3 with stride 1 and zero padding; pooling takes the maximum over 2 x 2
    positions. Biases and shifts start at 0, scales at 1.

    Parameters
    ----------
    groups
        Number of channels of each convolution, group by group.
    head
        Number of units of each hidden layer of the head. They have no norm.
    norm
        ``layer`` normalises over the channels at each position; ``batch`` over examples and
        positions, with running statistics outside of training; ``none`` does not normalise.

    Raises
    ------
    ConfigError
        The input is not an image, or its sides cannot be halved once per group.
    """

    def __init__(
        self, shape, classes, groups: list[list[int]], head: list[int], norm: str, initialiser: str
    ):
        super().__init__()
        height, width, channels = image_shape(shape)
        halves = 2 ** len(groups)
        if height % halves or width % halves:
            raise ConfigError(
                f"network: images of {height} x {width} pixels cannot be halved {len(groups)} "
                f"times, once per group: both sides must be multiples of {halves}"
            )
        self.initialiser = INITIALISERS[initialiser]
        units = [units for group in groups for units in group]
        self.pooled = set(np.cumsum([len(group) for group in groups]).tolist())
        self.convolutions = nn.ModuleList(
            nn.Conv2d(below, above, 3, padding=1) for below, above in pairwise([channels, *units])
        )
        self.norms = nn.ModuleList(NORMS[norm](number) for number in units)
        positions = (height // halves) * (width // halves)
        widths = [positions * units[-1], *head, classes]
        self.head = nn.ModuleList(nn.Linear(below, above) for below, above in pairwise(widths))

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        """Return the logits, (n, classes), of images (n, channels, height, width)."""
        values = images
        layers = zip(self.convolutions, self.norms, strict=True)
        for number, (convolution, norm) in enumerate(layers, start=1):
            values = torch.relu(norm(convolution(values)))
            if number in self.pooled:
                values = F.max_pool2d(values, 2)
        values = values.flatten(1)
        for layer in self.head[:-1]:
            values = torch.relu_(layer(values))
        return self.head[-1](values)

    def initialise(self, stream: np.random.Generator) -> None:
        """Draw the initial parameters."""
        initialise(self, self.initialiser, stream)
