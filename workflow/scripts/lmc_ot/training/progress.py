"""The state of a training between two steps, which a snapshot saves and restores."""

from dataclasses import dataclass

import numpy as np
import torch

from ..networks.network import Network, Stacked
from .optimisers.optimiser import Optimiser
from .snapshots import Snapshots


@dataclass
class Progress:
    """A stack's training after some steps: all that the steps to come depend on.

    Parameters
    ----------
    parameters, state
        The K networks without their running statistics, and the optimiser's memory.
    step
        Steps taken.
    loss_sum, correct
        float32 (K,): over the steps of the epoch that has begun.
    diverged
        bool (K,).
    history
        Rows of the epochs that are over.
    seconds
        Time spent.
    """

    parameters: Stacked
    state: list[torch.Tensor]
    step: int
    loss_sum: torch.Tensor
    correct: torch.Tensor
    diverged: np.ndarray
    history: list[dict]
    seconds: float = 0.0

    @classmethod
    def begin(cls, network: Network, parameters: Stacked, optimiser: Optimiser) -> "Progress":
        """Before the first step.

        Parameters
        ----------
        parameters
            K initial networks; those that are trained require gradients from now on.
        """
        # Running statistics are measured, not trained: without them a batch has its own.
        trained = {
            key: tensor.requires_grad_()
            for key, tensor in parameters.items()
            if key[1] not in network.running_statistics
        }
        tensors = list(trained.values())
        zeros = torch.zeros(2, len(tensors[0]), device=tensors[0].device)
        diverged = np.zeros(len(tensors[0]), bool)
        return cls(trained, optimiser.initial_state(tensors), 0, *zeros, diverged, [])

    def finite(self) -> np.ndarray:
        """bool (K,): whether all parameters of a network are finite."""
        finite = [
            torch.isfinite(tensor).flatten(1).all(1).cpu().numpy()
            for tensor in self.parameters.values()
        ]
        return np.logical_and.reduce(finite)

    def save(self, snapshots: Snapshots, name: str) -> None:
        """Write it as a snapshot of that name."""
        arrays = {key: tensor.detach().cpu().numpy() for key, tensor in self._tensors().items()}
        progress = {
            "step": self.step,
            "diverged": self.diverged.tolist(),
            "history": self.history,
            "seconds": self.seconds,
        }
        snapshots.save(name, arrays, progress)

    def restore(self, arrays: dict[str, np.ndarray], progress: dict) -> None:
        """Take the values of a snapshot, as `Snapshots.load` gives them."""
        with torch.no_grad():
            for key, tensor in self._tensors().items():
                tensor.copy_(torch.from_numpy(arrays[key]))
        self.step, self.history = progress["step"], progress["history"]
        self.diverged, self.seconds = np.array(progress["diverged"]), progress["seconds"]

    def _tensors(self) -> dict[str, torch.Tensor]:
        """The tensors of a snapshot, by their names there."""
        named = {f"layer {layer} {name}": p for (layer, name), p in self.parameters.items()}
        named |= {f"optimiser {i}": tensor for i, tensor in enumerate(self.state)}
        return {**named, "loss sum": self.loss_sum, "correct": self.correct}
