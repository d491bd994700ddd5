"""Adam (Kingma and Ba, 2015)."""

import torch

from .optimiser import Optimiser, per_network


class Adam(Optimiser):
    """theta <- theta - rate m / (sqrt(v) + epsilon), with bias-corrected moments m and v."""

    def __init__(self, beta1: float, beta2: float, epsilon: float, weight_decay: float):
        self.beta1, self.beta2 = beta1, beta2
        self.epsilon = epsilon
        self.weight_decay = weight_decay

    def initial_state(self, parameters):
        return [torch.zeros_like(parameter) for parameter in [*parameters, *parameters]]

    def step(self, parameters, gradients, state, rates, step):
        means, squares = state[: len(parameters)], state[len(parameters) :]
        if self.weight_decay:
            torch._foreach_add_(gradients, parameters, alpha=self.weight_decay)
        torch._foreach_mul_(means, self.beta1)
        torch._foreach_add_(means, gradients, alpha=1 - self.beta1)
        torch._foreach_mul_(squares, self.beta2)
        torch._foreach_addcmul_(squares, gradients, gradients, value=1 - self.beta2)
        mean_correction = 1 - self.beta1 ** (step + 1)
        root_correction = (1 - self.beta2 ** (step + 1)) ** 0.5
        for parameter, mean, square in zip(parameters, means, squares, strict=True):
            update = mean / (square.sqrt().div_(root_correction).add_(self.epsilon))
            parameter.addcmul_(update, per_network(rates, update), value=-1 / mean_correction)
