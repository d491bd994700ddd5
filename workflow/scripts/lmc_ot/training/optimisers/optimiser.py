"""The base class of optimisers of an ensemble."""

from abc import ABC, abstractmethod

import torch


class Optimiser(ABC):
    """Updates K stacked networks in place, each with its own learning rate.

    An optimiser holds only its options. Its state is a list of tensors that the training loop
    keeps, so that it can be saved and restored.
    """

    @abstractmethod
    def initial_state(self, parameters: list[torch.Tensor]) -> list[torch.Tensor]:
        """State before the first step."""

    @abstractmethod
    def step(
        self,
        parameters: list[torch.Tensor],
        gradients: list[torch.Tensor],
        state: list[torch.Tensor],
        rates: torch.Tensor,
        step: int,
    ) -> None:
        """One update.

        Parameters
        ----------
        parameters, gradients
            Tensors of shape (K, ...); the parameters are changed, the gradients may be.
        state
            As `initial_state` made it; changed.
        rates
            (K,): this step's learning rate of each network.
        step
            Number of the step, from 0.
        """


def per_network(rates: torch.Tensor, tensor: torch.Tensor) -> torch.Tensor:
    """`rates` (K,) in a shape that broadcasts against `tensor` (K, ...)."""
    return rates.view(-1, *[1] * (tensor.dim() - 1))
