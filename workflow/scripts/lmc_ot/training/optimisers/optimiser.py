"""The base class of optimisers of stacked networks."""

from abc import ABC, abstractmethod

import torch


class Optimiser(ABC):
    """Update K stacked networks in place, each with its own learning rate.

    An optimiser object contains only options. Its state is a list of tensors that the training
    loop owns and passes in, so that snapshots can save and restore it.
    """

    @abstractmethod
    def initial_state(self, parameters: list[torch.Tensor]) -> list[torch.Tensor]:
        """Return the state before the first step."""

    @abstractmethod
    def step(
        self,
        parameters: list[torch.Tensor],
        gradients: list[torch.Tensor],
        state: list[torch.Tensor],
        rates: torch.Tensor,
        step: int,
    ) -> None:
        """Update the parameters and the state in place.

        Parameters
        ----------
        parameters, gradients
            Tensors of shape (K, ...). The gradients may be overwritten.
        state
            The state in the form of `initial_state`.
        rates
            The learning rate of each network in this step, (K,).
        step
            Number of the step, from 0.
        """


def per_network(rates: torch.Tensor, tensor: torch.Tensor) -> torch.Tensor:
    """Reshape `rates`, (K,), to broadcast against `tensor`, (K, ...)."""
    return rates.view(-1, *[1] * (tensor.dim() - 1))
