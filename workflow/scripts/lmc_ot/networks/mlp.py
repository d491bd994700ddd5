"""The multilayer perceptron of the paper (Section 2, Equation 1)."""

import math
from itertools import pairwise

import numpy as np
import torch
from torch import nn

from .initialisers import INITIALISERS, initialise


class MLP(nn.Module):
    """phi_l = relu(W_l phi_{l-1} + b_l), logits = W_{L+1} phi_L + b_{L+1}.

    Images are flattened in the order (height, width, channels). Hidden layers have m_1 .. m_L
    units (`hidden_widths`). Biases start at 0.
    """

    def __init__(self, shape, classes, hidden_widths: list[int], initialiser: str):
        super().__init__()
        self.initialiser = INITIALISERS[initialiser]
        widths = [math.prod(shape), *hidden_widths, classes]
        self.layers = nn.ModuleList(nn.Linear(below, units) for below, units in pairwise(widths))

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        """Return the logits, (n, classes), of images (n, channels, height, width)."""
        values = images.movedim(1, -1).flatten(1)
        for layer in self.layers[:-1]:
            values = torch.relu_(layer(values))
        return self.layers[-1](values)

    def forward_of_stack(
        self, parameters: dict[str, torch.Tensor], images: torch.Tensor
    ) -> torch.Tensor:
        """Return the logits of K networks, (K, n, classes): `forward` without the cost of vmap.

        The parameters have the network as their first axis; images are (K, n, channels, height,
        width).
        """
        values = images.movedim(2, -1).flatten(2)
        for layer in range(len(self.layers)):
            values = torch.relu_(values) if layer else values
            weight, bias = (parameters[f"layers.{layer}.{name}"] for name in ("weight", "bias"))
            values = torch.baddbmm(bias.unsqueeze(1), values, weight.mT)
        return values

    def initialise(self, stream: np.random.Generator) -> None:
        """Draw the initial parameters."""
        initialise(self, self.initialiser, stream)
