"""The state of a training between two steps, which snapshots save and restore."""

from dataclasses import dataclass

import numpy as np
import torch

from ..networks.network import Network, Stacked
from .optimisers.optimiser import Optimiser
from .snapshots import Snapshots


@dataclass
class Progress:
    """The state of a stack's training, on which all further steps depend.

    Parameters
    ----------
    parameters, state
        The K networks without running statistics, and the state of the optimiser.
    step
        Number of steps taken.
    loss_sum, correct
        Sums over the steps of the current epoch of the loss and of the number of correctly
        classified examples (NaN if the loss has no accuracy), float32 (K,).
    diverged
        Whether each network has diverged, bool (K,).
    history
        Rows of the finished epochs.
    seconds
        Training time so far.
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
        """Return the state before the first step.

        Parameters
        ----------
        network
            The architecture.
        parameters
            K initial networks; gradients are enabled for the trained parameters.
        optimiser
            The optimiser, which provides its initial state.
        """
        count = len(next(iter(parameters.values())))
        transposed = count > 1 or network.batched
        # Running statistics are left out: in training, a batch is normalised by its own.
        own = {
            name: laid_out(tensor, transposed).requires_grad_(name in network.trained)
            for name, tensor in parameters.items()
            if name not in network.statistics
        }
        tensors = [own[name] for name in network.trained]
        zeros = torch.zeros(2, count, device=tensors[0].device)
        diverged = np.zeros(count, bool)
        return cls(own, optimiser.initial_state(tensors), 0, *zeros, diverged, [])

    def finite(self) -> np.ndarray:
        """Tell for each network whether all its parameters are finite, bool (K,)."""
        finite = [
            torch.isfinite(tensor).flatten(1).all(1).cpu().numpy()
            for tensor in self.parameters.values()
        ]
        return np.logical_and.reduce(finite)

    def save(self, snapshots: Snapshots, name: str) -> None:
        """Save the state as a snapshot of that name."""
        arrays = {key: tensor.detach().cpu().numpy() for key, tensor in self._tensors().items()}
        progress = {
            "step": self.step,
            "diverged": self.diverged.tolist(),
            "history": self.history,
            "seconds": self.seconds,
        }
        snapshots.save(name, arrays, progress)

    def restore(self, arrays: dict[str, np.ndarray], progress: dict) -> None:
        """Restore the state from the result of `Snapshots.load`."""
        with torch.no_grad():
            for key, tensor in self._tensors().items():
                tensor.copy_(torch.from_numpy(arrays[key]))
        self.step, self.history = progress["step"], progress["history"]
        self.diverged, self.seconds = np.array(progress["diverged"]), progress["seconds"]

    def _tensors(self) -> dict[str, torch.Tensor]:
        """Return the tensors that a snapshot contains, by name."""
        named = {f"parameter {name}": tensor for name, tensor in self.parameters.items()}
        named |= {f"optimiser {i}": tensor for i, tensor in enumerate(self.state)}
        return {**named, "loss sum": self.loss_sum, "correct": self.correct}


def laid_out(parameter: torch.Tensor, transposed: bool) -> torch.Tensor:
    """Return K networks' parameter, (K, ...), in the memory layout that its gradient will have.

    An update then reads and writes the same order of memory. The gradient of a kernel has the
    format channels_last, as images have; those of the weights of batched products are `transposed`.
    """
    if parameter.dim() == 5:
        return parameter.movedim(2, -1).contiguous().movedim(-1, 2)
    if parameter.dim() == 3 and transposed:
        return parameter.mT.contiguous().mT
    return parameter
