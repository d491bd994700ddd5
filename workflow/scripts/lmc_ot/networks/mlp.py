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
        See `Network`; images are flattened.
    hidden_widths
        Number of units of each hidden layer, m_1 .. m_L.
    initialiser
        Distribution of the initial weights; biases start at 0.
    """

    def __init__(self, shape, classes, hidden_widths: list[int], initialiser: str):
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
            values = StackedLinear.apply(
                values, parameters[layer, "weight"], parameters[layer, "bias"]
            )
            if layer < last:
                values = torch.relu_(values)
                activations.append(values)
        return activations, values


class StackedLinear(torch.autograd.Function):
    """x W^T + b for K networks: x (K, n, inputs), W (K, units, inputs), b (K, units).

    This function exists for its backward pass. Autograd returns the gradient of W in the memory
    layout of W^T, which slows down every update: adding it to the velocity took 5 % of a training
    step.
    """

    @staticmethod
    def forward(context, values, weight, bias):
        context.save_for_backward(values, weight)
        return torch.baddbmm(bias.unsqueeze(1), values, weight.transpose(1, 2))

    @staticmethod
    def backward(context, gradient):
        # Under autocast the gradient has the reduced precision of the product.
        values, weight = (tensor.to(gradient.dtype) for tensor in context.saved_tensors)
        below = torch.bmm(gradient, weight) if context.needs_input_grad[0] else None
        return below, torch.bmm(gradient.transpose(1, 2), values), gradient.sum(1)
