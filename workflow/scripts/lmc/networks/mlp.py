"""The multilayer perceptron of the paper (Section 2, Equation 1)."""

import math

import torch

from .initialisers import INITIALISERS
from .network import Network


class MLP(Network):
    """phi_l = relu(W_l phi_{l-1} + b_l), logits = W_{L+1} phi_L + b_{L+1}.

    Parameters
    ----------
    shape, classes
        See `Network`; an image is flattened.
    hidden_widths
        m_1 .. m_L.
    initialiser
        A key of `initialisers.INITIALISERS`; biases start at 0.
    """

    def __init__(self, shape, classes, hidden_widths, initialiser="lecun_normal"):
        super().__init__(shape, classes)
        self.widths = [math.prod(self.shape), *hidden_widths, classes]
        self.initialiser = INITIALISERS[initialiser]

    @property
    def shapes(self):
        pairs = zip(self.widths[1:], self.widths[:-1], strict=True)
        return {
            key: shape
            for layer, (units, inputs) in enumerate(pairs, start=1)
            for key, shape in (((layer, "weight"), (units, inputs)), ((layer, "bias"), (units,)))
        }

    def initialise(self, stream):
        return {
            key: self.initialiser(stream, *shape)
            if key[1] == "weight"
            else torch.zeros(shape).numpy()
            for key, shape in self.shapes.items()
        }

    def forward(self, parameters, images):
        last = len(self.widths) - 1
        networks = len(parameters[1, "weight"])
        values = images.expand(networks, *images.shape[-2:])
        activations = []
        for layer in range(1, last + 1):
            values = torch.baddbmm(
                parameters[layer, "bias"].unsqueeze(1),
                values,
                parameters[layer, "weight"].transpose(1, 2),
            )
            if layer < last:
                values = torch.relu_(values)
                activations.append(values)
        return activations, values
