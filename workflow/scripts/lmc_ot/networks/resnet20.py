"""ResNet20 for small images (He et al., 2016, Section 4.2)."""

import numpy as np
import torch
import torch.nn.functional as F
from torch import nn

from .convolutional import NORMS, image_shape
from .initialisers import INITIALISERS, initialise

STAGES = (16, 32, 64)  # channels at width 1
BLOCKS = 3  # per stage


class ResNet20(nn.Module):
    """A convolution, nine residual blocks in three stages, global average pooling, a dense layer.

    A block is relu(shortcut(x) + norm(W_2 * relu(norm(W_1 * x)))). The first block of the second
    and third stage halves the sides of the image and changes the number of channels. Convolutions
    have biases only without a norm.

    Parameters
    ----------
    width
        Multiplies the 16, 32 and 64 channels of the stages; may be a fraction.
    norm, initialiser
        See `Convolutional`.
    shortcuts
        Where the shape changes, ``padded`` shortcuts take every other position and add channels
        of zeros (option A of the article); ``projected`` ones are 1 x 1 convolutions with a norm.
    """

    def __init__(self, shape, classes, width: float, norm: str, shortcuts: str, initialiser: str):
        super().__init__()
        self.initialiser = INITIALISERS[initialiser]
        first, *_, last = channels = [max(1, round(width * units)) for units in STAGES]
        self.convolution = _convolution(image_shape(shape)[2], first, norm)
        self.norm = NORMS[norm](first)
        blocks, below = [], first
        for stage, units in enumerate(channels):
            for block in range(BLOCKS):
                stride = 2 if stage and not block else 1
                blocks.append(Block(below, units, stride, norm, shortcuts))
                below = units
        self.blocks = nn.ModuleList(blocks)
        self.head = nn.Linear(last, classes)

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        """Return the logits, (n, classes), of images (n, channels, height, width)."""
        values = torch.relu(self.norm(self.convolution(images)))
        for block in self.blocks:
            values = block(values)
        return self.head(values.mean((2, 3)))

    def initialise(self, stream: np.random.Generator) -> None:
        """Draw the initial parameters."""
        initialise(self, self.initialiser, stream)


class Block(nn.Module):
    """A residual block of two convolutions, see `ResNet20`."""

    def __init__(self, below: int, units: int, stride: int, norm: str, shortcuts: str):
        super().__init__()
        self.first = _convolution(below, units, norm, stride)
        self.first_norm = NORMS[norm](units)
        self.second = _convolution(units, units, norm)
        self.second_norm = NORMS[norm](units)
        self.stride, self.added = stride, units - below
        self.projection = self.projection_norm = None
        if shortcuts == "projected" and stride != 1:
            self.projection = nn.Conv2d(below, units, 1, stride, bias=norm == "none")
            self.projection_norm = NORMS[norm](units)

    def forward(self, values: torch.Tensor) -> torch.Tensor:
        """Return (n, units, height, width) with sides divided by the stride."""
        inside = torch.relu(self.first_norm(self.first(values)))
        inside = self.second_norm(self.second(inside))
        return torch.relu(inside + self._shortcut(values))

    def _shortcut(self, values: torch.Tensor) -> torch.Tensor:
        if self.projection is not None:
            return self.projection_norm(self.projection(values))
        if self.stride == 1:
            return values
        kept = values[:, :, :: self.stride, :: self.stride]
        return F.pad(kept, (0, 0, 0, 0, 0, self.added))


def _convolution(below: int, units: int, norm: str, stride: int = 1) -> nn.Conv2d:
    return nn.Conv2d(below, units, 3, stride, padding=1, bias=norm == "none")
