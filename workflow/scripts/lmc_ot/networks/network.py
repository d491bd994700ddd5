"""The base class of networks: shapes, initialisation, a forward pass over an ensemble."""

from abc import ABC, abstractmethod

import numpy as np
import torch

from ..rng import generator
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

    Attributes
    ----------
    convolutional
        Whether it has convolutions. If not, phi_{l-1} as it is, flat, is what layer l sees.
    at_once
        How many networks to stack where there are more: all, unless fewer are faster.
    reduces_precision
        Whether training in bfloat16 is the choice on CUDA.
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
        """Shape of every parameter, in order: ``weight`` (units, inputs), others (units,)."""

    @abstractmethod
    def initialise(self, stream: np.random.Generator) -> Parameters:
        """One network's initial parameters, float32, drawn from that stream alone."""

    def enter(self, images: torch.Tensor, networks: int) -> torch.Tensor:
        """The inputs of layer 1, (K, n, inputs) or (K, n, height, width, channels).

        Parameters
        ----------
        images
            float32 (n, pixels) for all K networks, or (K, n, pixels), one batch each.
        """
        return images.expand(networks, *images.shape[-2:])

    def linear(
        self,
        layer: int,
        values: torch.Tensor,
        weight: torch.Tensor,
        bias: torch.Tensor | None = None,
    ) -> torch.Tensor:
        """W_l phi_{l-1} (+ b_l): (K, n, units), positions before the units if there are any.

        Parameters
        ----------
        values
            The result of `enter` or `feed`.
        weight, bias
            (K, units, inputs) and (K, units), of this layer's shape but any number of units.
        """
        products = values @ weight.transpose(1, 2)
        return products if bias is None else products + bias.unsqueeze(1)

    def activate(self, layer: int, parameters: Stacked, values: torch.Tensor) -> torch.Tensor:
        """phi_l, of what `linear` gave with the bias; a norm, if any, is in here."""
        return torch.relu_(values)

    def feed(self, layer: int, values: torch.Tensor) -> torch.Tensor:
        """The inputs of layer l + 1, from phi_l: pooled or flattened, where the network does so."""
        return values

    def forward(
        self, parameters: Stacked, images: torch.Tensor
    ) -> tuple[list[torch.Tensor], torch.Tensor]:
        """Run K networks.

        Parameters
        ----------
        parameters
            K networks. Without the parameters of `running_statistics`, as in training, a batch is
            normalised by its own statistics.
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
        """Names of the parameters that are measured, not trained: those of batch normalisation."""
        return ()

    def with_recomputed_statistics(self, parameters: Stacked, images: torch.Tensor) -> Stacked:
        """The same networks with the running statistics of batch normalisation of these images.

        Interpolated running statistics are not those of the interpolated network, so they are
        recomputed for every network on a path before it is evaluated.

        Parameters
        ----------
        images
            Training inputs, float32 (n, pixels).
        """
        return parameters

    @property
    def floats_per_example(self) -> int:
        """The largest layer's activations of one example, inputs included."""
        return max(units for units, *_ in self.shapes.values())

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
