"""The base class of networks: shapes, initialisation, and a forward pass over a stack."""

from abc import ABC, abstractmethod

import numpy as np
import torch

from ..rng import generator
from ..tables import Parameters

Stacked = dict[tuple[int, str], torch.Tensor]
"""K networks: ``(layer, name)`` -> float32 tensor, whose first axis is the network."""


class Network(ABC):
    """A feed-forward chain of layers 1 .. L + 1, of which the last returns the logits.

    The rows of a layer's weight are its units; the columns are the units of the layer below, in
    blocks of equal length (length 1 for a fully connected layer). The module `permutation` derives
    from the shapes alone which axes are permuted together.

    Parameters
    ----------
    shape
        Shape of one image.
    classes
        Number of logits.

    Attributes
    ----------
    convolutional
        Whether the network has convolutions. If not, layer l sees phi_{l-1} unchanged and flat.
    at_once
        Largest number of networks to stack; None for no limit. Smaller stacks may be faster.
    reduces_precision
        Whether precision ``auto`` means bfloat16 on CUDA.
    """

    convolutional = False
    at_once: int | None = None
    reduces_precision = False

    def __init__(self, shape: tuple[int, ...], classes: int):
        self.shape = tuple(shape)
        self.classes = classes

    @property
    @abstractmethod
    def shapes(self) -> dict[tuple[int, str], tuple[int, ...]]:
        """Shape of every parameter, in order: ``weight`` (units, inputs), all others (units,)."""

    @abstractmethod
    def initialise(self, stream: np.random.Generator) -> Parameters:
        """Draw the initial parameters of one network, float32, from a random stream."""

    def enter(self, images: torch.Tensor, networks: int) -> torch.Tensor:
        """Return the inputs of layer 1, (K, n, inputs) or (K, n, height, width, channels).

        Parameters
        ----------
        images
            float32 (n, pixels), shared by all K networks, or (K, n, pixels), one batch per
            network.
        networks
            The number of networks, K.
        """
        return images.expand(networks, *images.shape[-2:])

    def linear(
        self,
        layer: int,
        values: torch.Tensor,
        weight: torch.Tensor,
        bias: torch.Tensor | None = None,
    ) -> torch.Tensor:
        """Return W_l phi_{l-1} (+ b_l), (K, n, units) or (K, n, height, width, units).

        Parameters
        ----------
        values
            The result of `enter` or `feed`.
        weight, bias
            (K, units, inputs) and (K, units), in the shape of this layer except that the number of
            units is arbitrary.
        """
        products = values @ weight.transpose(1, 2)
        return products if bias is None else products + bias.unsqueeze(1)

    def activate(self, layer: int, parameters: Stacked, values: torch.Tensor) -> torch.Tensor:
        """Return phi_l from the result of `linear` with bias, applying the norm if there is one."""
        return torch.relu_(values)

    def feed(self, layer: int, values: torch.Tensor) -> torch.Tensor:
        """Return the inputs of layer l + 1 from phi_l, pooled or flattened if necessary."""
        return values

    def forward(
        self, parameters: Stacked, images: torch.Tensor
    ) -> tuple[list[torch.Tensor], torch.Tensor]:
        """Run K networks.

        Parameters
        ----------
        parameters
            K networks. If the parameters in `running_statistics` are absent, as in training,
            batch normalisation uses the statistics of the batch.
        images
            See `enter`.

        Returns
        -------
        activations, logits
            phi_1 .. phi_L, each (K, n, units) or (K, n, height, width, units), and logits
            (K, n, classes).
        """
        last = len(self.hidden_widths) + 1
        values = self.enter(images, len(parameters[1, "weight"]))
        activations = []
        for layer in range(1, last + 1):
            values = self.linear(
                layer, values, parameters[layer, "weight"], parameters[layer, "bias"]
            )
            if layer < last:
                activations.append(self.activate(layer, parameters, values))
                values = self.feed(layer, activations[-1])
        return activations, values

    @property
    def image_shape(self) -> tuple[int, int, int]:
        """Height, width and channels of an image."""
        return (*self.shape, 1)[:3]

    @property
    def running_statistics(self) -> tuple[str, ...]:
        """Names of the parameters that are measured instead of trained, in batch normalisation."""
        return ()

    def with_recomputed_statistics(self, parameters: Stacked, images: torch.Tensor) -> Stacked:
        """Recompute the running statistics of batch normalisation on the given images.

        Interpolating running statistics does not yield those of the interpolated network, so they
        are recomputed for every network on a path before it is evaluated.

        Parameters
        ----------
        images
            Training inputs, float32 (n, pixels).
        """
        return parameters

    @property
    def floats_per_example(self) -> int:
        """Number of values of the largest layer for one example, including the input."""
        return max(units for units, *_ in self.shapes.values())

    @property
    def hidden_widths(self) -> list[int]:
        """Number of units of the hidden layers 1 .. L."""
        return [shape[0] for (_, name), shape in self.shapes.items() if name == "weight"][:-1]


def initial_parameters(
    network: Network, seed: int, learning_rate: float, number: int
) -> Parameters:
    """Draw the initial parameters of network `number` of a learning rate from its own stream."""
    return network.initialise(generator(seed, "initialisation", float(learning_rate), number))


def stack(networks: list[Parameters], device: str | torch.device = "cpu") -> Stacked:
    """Stack networks of equal shapes along a new first axis.

    Raises
    ------
    ValueError
        The networks differ in their parameters or shapes.
    """
    keys = list(networks[0])
    for other in networks[1:]:
        if list(other) != keys or any(other[k].shape != networks[0][k].shape for k in keys):
            raise ValueError("networks of different shapes cannot be stacked")
    return {key: torch.from_numpy(np.stack([n[key] for n in networks])).to(device) for key in keys}


def unstack(parameters: Stacked) -> list[Parameters]:
    """Invert `stack`: return the networks as arrays on the CPU."""
    arrays = {key: tensor.detach().cpu().numpy() for key, tensor in parameters.items()}
    count = len(next(iter(arrays.values())))
    return [{key: array[k].copy() for key, array in arrays.items()} for k in range(count)]
