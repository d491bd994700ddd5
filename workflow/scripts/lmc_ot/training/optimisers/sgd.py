"""Stochastic gradient descent with heavy-ball momentum."""

import torch

from .optimiser import Optimiser, per_network


class SGD(Optimiser):
    """v <- momentum v + g, theta <- theta - rate v, with g = gradient + weight_decay theta."""

    def __init__(self, momentum: float, weight_decay: float):
        self.momentum = momentum
        self.weight_decay = weight_decay

    def initial_state(self, parameters):
        return [torch.zeros_like(parameter) for parameter in parameters]

    def step(self, parameters, gradients, state, rates, step):
        if self.weight_decay:
            torch._foreach_add_(gradients, parameters, alpha=self.weight_decay)
        for parameter, gradient, velocity in zip(parameters, gradients, state, strict=True):
            # One pass over memory; momentum * velocity + gradient would need two.
            torch.add(gradient, velocity, alpha=self.momentum, out=velocity)
            parameter.addcmul_(velocity, per_network(rates, velocity), value=-1)
