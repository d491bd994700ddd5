"""What a network is: shapes, an initialisation, a forward pass over an ensemble."""

from abc import ABC, abstractmethod

import numpy as np
import torch

from ..streams import generator
from ..tables import Parameters

Stacked = dict[tuple[int, str], torch.Tensor]
"""K networks: ``(layer, name)`` -> float32 tensor, the network as its first axis."""


class Network(ABC):
    """A feed-forward chain of layers 1 .. L + 1; the last one gives the logits.

    Layer l's units are the rows of its weight; its columns are the units of layer l - 1, in
    blocks of equal length (a block of one for a fully connected layer). `permutation` derives
    from the shapes alone which axes move together.

    Parameters
    ----------
    shape
        Shape of one image.
    classes
        Number of logits.
    """

    def __init__(self, shape: tuple[int, ...], classes: int):
        self.shape = tuple(shape)
        self.classes = classes

    @property
    @abstractmethod
    def shapes(self) -> dict[tuple[int, str], tuple[int, ...]]:
        """Shape of every parameter, in order: ``weight`` (units, inputs), others (units,)."""

    @abstractmethod
    def initialise(self, stream: np.random.Generator) -> Parameters:
        """One network's initial parameters, float32, drawn from that stream alone."""

    @abstractmethod
    def forward(
        self, parameters: Stacked, images: torch.Tensor
    ) -> tuple[list[torch.Tensor], torch.Tensor]:
        """Run K networks.

        Parameters
        ----------
        parameters
            K networks.
        images
            float32 (n, pixels) for all of them, or (K, n, pixels), one batch each.

        Returns
        -------
        activations, logits
            phi_1 .. phi_L, each (K, n, units), and logits (K, n, classes).
        """

    @property
    def hidden_widths(self) -> list[int]:
        """Units of the hidden layers 1 .. L."""
        return [shape[0] for (_, name), shape in self.shapes.items() if name == "weight"][:-1]


def initial_parameters(
    network: Network, seed: int, learning_rate: float, number: int
) -> Parameters:
    """The initialisation of network `number` of a learning rate: its own stream."""
    return network.initialise(generator(seed, "initialisation", float(learning_rate), number))


def stack(networks: list[Parameters], device: str | torch.device = "cpu") -> Stacked:
    """Stack networks of one shape on a new first axis.

    Raises
    ------
    ValueError
        The networks differ in their parameters or shapes.
    """
    keys = list(networks[0])
    for other in networks[1:]:
        if list(other) != keys or any(other[k].shape != networks[0][k].shape for k in keys):
            raise ValueError("networks of different shape cannot be stacked")
    return {key: torch.from_numpy(np.stack([n[key] for n in networks])).to(device) for key in keys}


def unstack(parameters: Stacked) -> list[Parameters]:
    """The opposite of `stack`, on the CPU."""
    arrays = {key: tensor.detach().cpu().numpy() for key, tensor in parameters.items()}
    count = len(next(iter(arrays.values())))
    return [{key: array[k].copy() for key, array in arrays.items()} for k in range(count)]
