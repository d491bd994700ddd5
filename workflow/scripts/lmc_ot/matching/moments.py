"""First and second moments of activations, accumulated batch by batch in float64."""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Protocol

import numpy as np

from ..errors import UserError
from ..tables import ActivationFile

INPUTS_AT_ONCE = 4096
# A covariance below this fraction of the product of the means is set to 0. Activations are float32,
# so a unit whose relative variation is below the square root is constant up to rounding errors.
CONSTANT = 1e-12


@dataclass(frozen=True)
class Moments:
    """Moments of a pair of random vectors x and y, which may be the same vector.

    Parameters
    ----------
    covariance
        E[(x - E x)(y - E y)^T], float64 (dim x, dim y).
    mean_x, mean_y
        E[x], (dim x,), and E[y], (dim y,).
    variance_x, variance_y
        The variances of all entries of x, (dim x,), and of y, (dim y,).
    """

    covariance: np.ndarray
    mean_x: np.ndarray
    mean_y: np.ndarray
    variance_x: np.ndarray
    variance_y: np.ndarray

    @classmethod
    def of_sums(cls, count: int, products, sum_x, sum_y, squares_x, squares_y) -> "Moments":
        """Compute the moments from sums over `count` samples of x y^T, x, y and their squares.

        Covariances of constant units are exactly 0, without rounding errors.
        """
        mean_x, mean_y = sum_x / count, sum_y / count
        return cls(
            _central(products / count, np.outer(mean_x, mean_y)),
            mean_x,
            mean_y,
            _central(squares_x / count, mean_x**2),
            _central(squares_y / count, mean_y**2),
        )

    @classmethod
    def of_one(cls, covariance: np.ndarray, mean: np.ndarray) -> "Moments":
        """Return the moments of a single vector with covariance (dim, dim) and mean (dim,)."""
        variance = np.diagonal(covariance)
        return cls(covariance, mean, mean, variance, variance)

    @cached_property
    def second(self) -> np.ndarray:
        """The uncentred second moment E[x y^T]."""
        return self.covariance + np.outer(self.mean_x, self.mean_y)

    def through(self, weight_x: np.ndarray, weight_y: np.ndarray) -> "Moments":
        """Return the moments of W_x x and W_y x for two weights, (units, dim) each.

        This requires that these are moments of a single vector x.
        """
        same = weight_x is weight_y
        x = weight_x.astype(np.float64)
        y = x if same else weight_y.astype(np.float64)
        of_x = x @ self.covariance
        of_y = of_x if same else y @ self.covariance
        return Moments(
            of_x @ y.T,
            x @ self.mean_x,
            y @ self.mean_y,
            np.einsum("ij,ij->i", of_x, x),
            np.einsum("ij,ij->i", of_y, y),
        )

    def second_moment(self, centred: bool) -> np.ndarray:
        """Return the covariance if centred, otherwise the uncentred second moment."""
        return self.covariance if centred else self.second

    def squared_norms(self, centred: bool) -> tuple[float, float]:
        """Return E|x - E x|^2 and E|y - E y|^2 if centred, otherwise E|x|^2 and E|y|^2."""
        x, y = self.variance_x.sum(), self.variance_y.sum()
        if not centred:
            x, y = x + (self.mean_x**2).sum(), y + (self.mean_y**2).sum()
        return float(x), float(y)


def _central(second: np.ndarray, of_means: np.ndarray) -> np.ndarray:
    """Subtract the products of means from second moments; set rounding errors to 0."""
    central = second - of_means
    central[np.abs(central) <= CONSTANT * np.abs(of_means)] = 0.0
    return central


def moments_of(batches: Iterable[np.ndarray]) -> Moments:
    """Return the moments of one vector over batches, (n, d). Raises ValueError without examples."""
    return cross_moments_of((batch, batch) for batch in batches)


def cross_moments_of(batches: Iterable[tuple[np.ndarray, np.ndarray]]) -> Moments:
    """Return the moments of two vectors over pairs of batches of the same examples.

    Parameters
    ----------
    batches
        Pairs of arrays, (n, d_x) and (n, d_y).

    Raises
    ------
    UserError
        The two batches of a pair differ in length.
    ValueError
        There are no examples.
    """
    count, second, sum_x, sum_y, squares_x, squares_y = 0, 0.0, 0.0, 0.0, 0.0, 0.0
    for x, y in batches:
        same = x is y
        x = x.astype(np.float64)
        y = x if same else y.astype(np.float64)
        if len(x) != len(y):
            raise UserError(
                f"moments: the activations of two networks have {len(x)} and {len(y)} examples: "
                f"expected the same examples"
            )
        count += len(x)
        second = second + x.T @ y
        sum_x, sum_y = sum_x + x.sum(0), sum_y + y.sum(0)
        squares_x = squares_x + np.einsum("ni,ni->i", x, x)
        squares_y = squares_x if same else squares_y + np.einsum("ni,ni->i", y, y)
    if count == 0:
        raise ValueError("no examples to take moments over")
    return Moments.of_sums(count, second, sum_x, sum_y, squares_x, squares_y)


class Activations(Protocol):
    """Protocol of a network's activations on given examples. Layer 0 is the network's input."""

    def batches(self, layer: int) -> Iterator[np.ndarray]:
        """Yield phi_layer in batches, float32 (n, units).

        Order and batches of the examples are the same for all layers and networks.
        """


class InMemory:
    """Activations given as arrays (n, units): ``layers[0]`` is the input, ``layers[l]`` phi_l."""

    def __init__(self, layers: list[np.ndarray]):
        self.layers = layers

    def batches(self, layer: int) -> Iterator[np.ndarray]:
        """Yield the whole layer as one batch."""
        yield self.layers[layer]


class Recorded:
    """Activations recorded in a file, which is opened on demand, and the inputs they belong to.

    Parameters
    ----------
    path
        The recorded activations.
    inputs
        Returns all training inputs, float32 (n, pixels).
    run
        The run that the file must come from; see `tables.read`.
    """

    def __init__(
        self,
        path: str | Path,
        inputs: Callable[[], np.ndarray],
        run: dict | None = None,
    ):
        self.path = path
        self.inputs = inputs
        self.run = run

    def examples(self) -> np.ndarray:
        """Return the indices of the training examples, int (n,)."""
        return ActivationFile(self.path, self.run).examples()

    def batches(self, layer: int) -> Iterator[np.ndarray]:
        """Yield one row group of the file at a time."""
        if layer > 0:
            yield from ActivationFile(self.path, self.run).batches(layer)
            return
        examples = self.examples()
        for start in range(0, len(examples), INPUTS_AT_ONCE):
            yield self.inputs()[examples[start : start + INPUTS_AT_ONCE]]


class NetworkMoments:
    """The moments of every layer of one network, computed on demand and cached.

    Parameters
    ----------
    activations
        The activations of the network.
    inputs
        Returns the moments of the input, which networks on the same examples can share.
    """

    def __init__(self, activations: Activations, inputs: Callable[[], Moments] | None = None):
        self.activations = activations
        self._known: dict[int, Moments] = {}
        self._inputs = inputs

    def __call__(self, layer: int) -> Moments:
        """Return the moments of phi_layer, where layer 0 is the input."""
        if layer not in self._known:
            if layer == 0 and self._inputs is not None:
                self._known[layer] = self._inputs()
            else:
                self._known[layer] = moments_of(self.activations.batches(layer))
        return self._known[layer]

    def cross(self, layer: int, other: "NetworkMoments") -> Moments:
        """Return the moments of phi_layer of this network (x) and another one (y)."""
        batches = (network.activations.batches(layer) for network in (self, other))
        return cross_moments_of(zip(*batches, strict=True))

    def through(self, layer: int, weight_x: np.ndarray, weight_y: np.ndarray) -> Moments:
        """Return the moments of W_x phi and W_y phi, where phi = phi_{layer-1}.

        Their covariance is W_x Cov(phi) W_y^T.

        Parameters
        ----------
        weight_x, weight_y
            (units, inputs) each, used instead of this layer's weight.

        Raises
        ------
        UserError
            The layer's inputs are not the units below: the layer is or follows a convolution.
        """
        inputs = self(layer - 1)
        if weight_x.shape[1] != len(inputs.mean_x):
            raise UserError(
                f"layer {layer} has {weight_x.shape[1]} inputs, but the layer below has "
                f"{len(inputs.mean_x)} recorded units: set activations.streamed to true for "
                f"convolutions"
            )
        return inputs.through(weight_x, weight_y)


class NoMoments:
    """Placeholder for missing moments; any use raises UserError.

    Parameters
    ----------
    network
        The name of the network in the message.
    """

    def __init__(self, network: str):
        self.network = network

    def _refuse(self, *_):
        raise UserError(
            f"{self.network}: this matcher needs statistics of the activations: pass the moments "
            f"of both networks (lmc_ot.matching.moments.NetworkMoments)"
        )

    __call__ = cross = through = _refuse
    activations = _activations = _opened = property(_refuse)
