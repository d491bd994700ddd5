"""First and second moments of activations, streamed and accumulated in float64."""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Protocol

import numpy as np

from ..errors import UserError
from ..tables import ActivationFile

INPUTS_AT_ONCE = 4096
# Of an entry of a covariance, relative to the product of its means. Activations are float32: units
# that vary by less than the root of it are constant, and what is left of them is rounding error.
CONSTANT = 1e-12


@dataclass(frozen=True)
class Moments:
    """Moments of a pair of random vectors x, y (of one vector if y is x).

    Parameters
    ----------
    covariance
        E[(x - E x)(y - E y)^T], float64 (dim x, dim y).
    mean_x, mean_y
        E[x] and E[y].
    variance_x, variance_y
        E[(x - E x)^2] of every unit, and the same of y.
    """

    covariance: np.ndarray
    mean_x: np.ndarray
    mean_y: np.ndarray
    variance_x: np.ndarray
    variance_y: np.ndarray

    @classmethod
    def of_sums(cls, count: int, products, sum_x, sum_y, squares_x, squares_y) -> "Moments":
        """From sums over `count` examples, of x y^T (dim x, dim y), of x, y and their squares.

        A constant unit has no covariance, not a rounding error of one.
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
        """Moments of one vector, (dim, dim) and (dim,)."""
        variance = np.diagonal(covariance)
        return cls(covariance, mean, mean, variance, variance)

    @cached_property
    def second(self) -> np.ndarray:
        """E[x y^T]."""
        return self.covariance + np.outer(self.mean_x, self.mean_y)

    def through(self, weight_x: np.ndarray, weight_y: np.ndarray) -> "Moments":
        """Moments of the outputs W_x x and W_y x of two weights, (units, dim) each.

        These are moments of one vector, x.
        """
        x, y = weight_x.astype(np.float64), weight_y.astype(np.float64)
        of_x, of_y = x @ self.covariance, y @ self.covariance
        return Moments(
            of_x @ y.T,
            x @ self.mean_x,
            y @ self.mean_y,
            np.einsum("ij,ij->i", of_x, x),
            np.einsum("ij,ij->i", of_y, y),
        )

    def second_moment(self, centred: bool) -> np.ndarray:
        """The central second moment (the covariance) if centred, else the raw one."""
        return self.covariance if centred else self.second

    def squared_norms(self, centred: bool) -> tuple[float, float]:
        """E|x - E x|^2 and E|y - E y|^2 if centred, else E|x|^2 and E|y|^2."""
        x, y = self.variance_x.sum(), self.variance_y.sum()
        if not centred:
            x, y = x + (self.mean_x**2).sum(), y + (self.mean_y**2).sum()
        return float(x), float(y)


def _central(second: np.ndarray, of_means: np.ndarray) -> np.ndarray:
    """Second moments without the means' part; 0 where only a rounding error is left."""
    central = second - of_means
    central[np.abs(central) <= CONSTANT * np.abs(of_means)] = 0.0
    return central


def moments_of(batches: Iterable[np.ndarray]) -> Moments:
    """Moments of one vector over batches (n, d) of examples. Raises ValueError without any."""
    return cross_moments_of((batch, batch) for batch in batches)


def cross_moments_of(batches: Iterable[tuple[np.ndarray, np.ndarray]]) -> Moments:
    """Moments of two vectors over pairs of batches (n, d_x), (n, d_y) of the same examples."""
    count, second, sum_x, sum_y, squares_x, squares_y = 0, 0.0, 0.0, 0.0, 0.0, 0.0
    for x, y in batches:
        same = x is y
        x = x.astype(np.float64)
        y = x if same else y.astype(np.float64)
        if len(x) != len(y):
            raise UserError(
                f"moments: the activations of two networks are of {len(x)} and {len(y)} examples: "
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
    """A network's activations on some examples. Layer 0 is the network's input."""

    def batches(self, layer: int) -> Iterator[np.ndarray]:
        """phi_layer, float32 (n, units) at a time, the examples in the same order and batches
        for every layer and network."""


class InMemory:
    """Activations that are arrays: ``layers[0]`` the inputs, ``layers[l]`` phi_l, (n, units)."""

    def __init__(self, layers: list[np.ndarray]):
        self.layers = layers

    def batches(self, layer: int) -> Iterator[np.ndarray]:
        """The whole layer as one batch."""
        yield self.layers[layer]


class Recorded:
    """Activations in a file, opened when asked for, and the inputs they were recorded on.

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
        """Numbers of the training examples, int (n,)."""
        return ActivationFile(self.path, self.run).examples()

    def batches(self, layer: int) -> Iterator[np.ndarray]:
        """One row group of the file at a time."""
        if layer > 0:
            yield from ActivationFile(self.path, self.run).batches(layer)
            return
        examples = self.examples()
        for start in range(0, len(examples), INPUTS_AT_ONCE):
            yield self.inputs()[examples[start : start + INPUTS_AT_ONCE]]


class NetworkMoments:
    """The moments of every layer of one network, each computed once, when asked for.

    Parameters
    ----------
    activations
        The network's.
    inputs
        Returns the moments of the input. Networks on the same examples share it: `shared`.
    """

    def __init__(self, activations: Activations, inputs: Callable[[], Moments] | None = None):
        self.activations = activations
        self._known: dict[int, Moments] = {}
        self._inputs = inputs

    def __call__(self, layer: int) -> Moments:
        """Moments of phi_layer; of the input for layer 0."""
        if layer not in self._known:
            if layer == 0 and self._inputs is not None:
                self._known[layer] = self._inputs()
            else:
                self._known[layer] = moments_of(self.activations.batches(layer))
        return self._known[layer]

    def cross(self, layer: int, other: "NetworkMoments") -> Moments:
        """Moments of phi_layer of this network (x) and of another (y), on the same examples."""
        batches = (network.activations.batches(layer) for network in (self, other))
        return cross_moments_of(zip(*batches, strict=True))

    def through(self, layer: int, weight_x: np.ndarray, weight_y: np.ndarray) -> Moments:
        """Moments of the outputs W_x phi and W_y phi of two weights, phi = phi_{layer-1}.

        Their covariance is W_x Cov(phi) W_y^T.

        Parameters
        ----------
        weight_x, weight_y
            (units, inputs) each, used instead of this layer's weight.

        Raises
        ------
        UserError
            The layer's inputs are not the units below: it is a convolution, or follows one.
        """
        inputs = self(layer - 1)
        if weight_x.shape[1] != len(inputs.mean_x):
            raise UserError(
                f"layer {layer} has {weight_x.shape[1]} inputs, but {len(inputs.mean_x)} units of "
                f"the layer below are recorded: set activations.streamed to true for convolutions"
            )
        return inputs.through(weight_x, weight_y)


class NoMoments:
    """Moments that nobody gave, of which a matcher asks for some.

    Parameters
    ----------
    network
        How to call the network in the message.
    """

    def __init__(self, network: str):
        self.network = network

    def _refuse(self, *_):
        raise UserError(
            f"{self.network}: this matcher needs statistics of the activations: give the moments "
            f"of both networks (lmc_ot.matching.moments.NetworkMoments)"
        )

    __call__ = cross = through = _refuse
    activations = _activations = _opened = property(_refuse)
