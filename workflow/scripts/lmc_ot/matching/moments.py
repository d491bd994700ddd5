"""First and second moments of activations, accumulated batch by batch."""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Protocol

import numpy as np
from scipy.linalg.blas import ssyrk

from ..errors import UserError
from ..networks.groups.group import INPUT, Producer, Tap
from ..tables import ActivationFile

# Samples whose products are summed in float32.
ROWS_AT_ONCE = 4096


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

    def scaled(self, x: np.ndarray | None, y: np.ndarray | None) -> "Moments":
        """Return the moments of the entries of x and y times these factors; None for 1."""
        if x is None and y is None:
            return self
        x = np.ones(len(self.mean_x)) if x is None else x.astype(np.float64)
        y = np.ones(len(self.mean_y)) if y is None else y.astype(np.float64)
        return Moments(
            x[:, None] * self.covariance * y,
            x * self.mean_x,
            y * self.mean_y,
            x**2 * self.variance_x,
            y**2 * self.variance_y,
        )

    def inverse_deviations(self) -> tuple[np.ndarray, np.ndarray]:
        """Return 1 / standard deviation of the entries of x and of y; 0 where they are constant."""
        return tuple(
            np.divide(1, np.sqrt(v), out=np.zeros_like(v), where=v > 0)
            for v in (self.variance_x, self.variance_y)
        )

    def at(self, places: np.ndarray) -> "Moments":
        """Return the moments of the units whose entries lie at these places of x and y.

        Parameters
        ----------
        places
            int (units, places of a unit). Each place of a unit counts as a sample.
        """
        parts = [
            Moments(
                self.covariance[np.ix_(p, p)],
                self.mean_x[p],
                self.mean_y[p],
                self.variance_x[p],
                self.variance_y[p],
            )
            for p in places.T
        ]
        return parts[0] if len(parts) == 1 else Moments.mixture(parts)

    @classmethod
    def mixture(cls, parts: list["Moments"]) -> "Moments":
        """Return the moments over the samples of several parts of the same size."""
        count = len(parts)
        mean_x, mean_y = (sum(getattr(p, n) for p in parts) / count for n in ("mean_x", "mean_y"))
        apart = [(p.mean_x - mean_x, p.mean_y - mean_y) for p in parts]
        return cls(
            sum(p.covariance + np.outer(*d) for p, d in zip(parts, apart, strict=True)) / count,
            mean_x,
            mean_y,
            sum(p.variance_x + x**2 for p, (x, _) in zip(parts, apart, strict=True)) / count,
            sum(p.variance_y + y**2 for p, (_, y) in zip(parts, apart, strict=True)) / count,
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


class Accumulator:
    """Sums of x y^T, x, y and their squares over batches, of which `moments` makes moments.

    Products are computed in float32, block by block, and summed in float64. The mean of the first
    block is subtracted first: products are then as large as covariances, and those of a constant
    unit are exactly 0. Relative to sqrt(var_x var_y), errors of a covariance are below 5e-6, and
    mostly below 1e-7.

    Batches are float32 numpy arrays, or torch tensors on a GPU, which then computes.
    """

    def __init__(self):
        self._shift = None
        self._count, self._products = 0, 0.0
        self._sums, self._squares = [0.0, 0.0], [0.0, 0.0]

    def add(self, x, y) -> None:
        """Add samples, float32 (n, units) each; y may be the same object as x."""
        for start in range(0, len(x), ROWS_AT_ONCE):
            rows = slice(start, start + ROWS_AT_ONCE)
            self._add(x[rows], x[rows] if y is x else y[rows], y is x)

    def _add(self, x, y, same: bool) -> None:
        if self._shift is None:
            self._shift = [_double(v).mean(0) for v in (x, y)]
        x = x - _single(self._shift[0])
        y = x if same else y - _single(self._shift[1])
        self._count += len(x)
        self._products = self._products + _double(_gram(x) if same else x.T @ y)
        for i, v in enumerate((x,) if same else (x, y)):
            v = _double(v)
            self._sums[i] = self._sums[i] + v.sum(0)
            self._squares[i] = self._squares[i] + (v * v).sum(0)
        if same:
            self._sums[1], self._squares[1] = self._sums[0], self._squares[0]

    def moments(self) -> Moments:
        """Return the moments of all samples added so far. Raises ValueError without any."""
        if not self._count:
            raise ValueError("no examples to take moments over")
        products, *sums = (
            _numpy(v) / self._count for v in (self._products, *self._sums, *self._squares)
        )
        # In float64 the shift is that of the float32 numbers that were subtracted.
        shifts = [_numpy(_double(_single(shift))) for shift in self._shift]
        return Moments(
            products - np.outer(sums[0], sums[1]),
            shifts[0] + sums[0],
            shifts[1] + sums[1],
            np.maximum(sums[2] - sums[0] ** 2, 0),
            np.maximum(sums[3] - sums[1] ** 2, 0),
        )


def _gram(x):
    """x^T x, (units, units); on the CPU only one triangle is computed."""
    if not isinstance(x, np.ndarray):
        return x.T @ x
    upper = ssyrk(1.0, x.T)
    return np.triu(upper) + np.triu(upper, 1).T


def _double(values):
    return values.astype(np.float64) if isinstance(values, np.ndarray) else values.double()


def _single(values):
    return values.astype(np.float32) if isinstance(values, np.ndarray) else values.float()


def _numpy(values) -> np.ndarray:
    return values if isinstance(values, np.ndarray) else values.cpu().numpy()


def moments_of(batches: Iterable[np.ndarray]) -> Moments:
    """Return the moments of one vector over batches, (n, d). Raises ValueError without examples."""
    return cross_moments_of((batch, batch) for batch in batches)


def cross_moments_of(batches: Iterable[tuple[np.ndarray, np.ndarray]]) -> Moments:
    """Return the moments of two vectors over pairs of batches of the same examples.

    Parameters
    ----------
    batches
        Pairs of float32 arrays, (n, d_x) and (n, d_y).

    Raises
    ------
    UserError
        The two batches of a pair differ in length.
    ValueError
        There are no examples.
    """
    total = Accumulator()
    for x, y in batches:
        if len(x) != len(y):
            raise UserError(
                f"moments: the activations of two networks have {len(x)} and {len(y)} examples: "
                f"expected the same examples"
            )
        total.add(x, y)
    return total.moments()


class Activations(Protocol):
    """Protocol of a network's activations on given examples."""

    def batches(self, value: str) -> Iterator[np.ndarray]:
        """Yield a value of the network's graph in batches, float32 (n, places).

        `INPUT` is the network's input. Order and batches of the examples are the same for all
        values and networks.
        """


class InMemory:
    """Activations given as arrays, name of the value -> float32 (n, places)."""

    def __init__(self, values: dict[str, np.ndarray]):
        self.values = values

    def batches(self, value: str) -> Iterator[np.ndarray]:
        """Yield the whole value as one batch."""
        yield self.values[value]


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

    def batches(self, value: str) -> Iterator[np.ndarray]:
        """Yield one row group of the file at a time."""
        if value != INPUT:
            yield from ActivationFile(self.path, self.run).batches(value)
            return
        examples = self.examples()
        for start in range(0, len(examples), ROWS_AT_ONCE):
            yield self.inputs()[examples[start : start + ROWS_AT_ONCE]]


class NetworkMoments:
    """The moments of the values of one network, computed on demand and cached.

    Parameters
    ----------
    activations
        The activations of the network.
    inputs
        Returns the moments of the input, which networks on the same examples can share.
    """

    def __init__(self, activations: Activations, inputs: Callable[[], Moments] | None = None):
        self.activations = activations
        self._known: dict[str, Moments] = {}
        self._inputs = inputs

    def __call__(self, tap: Tap) -> Moments:
        """Return the moments of the value that a tap reads, place by place."""
        return self._of(tap.value)

    def _of(self, value: str) -> Moments:
        if value not in self._known:
            if value == INPUT and self._inputs is not None:
                self._known[value] = self._inputs()
            else:
                self._known[value] = moments_of(self.activations.batches(value))
        return self._known[value]

    def cross(self, tap: Tap, other: "NetworkMoments") -> Moments:
        """Return the moments of the value at a tap of this network (x) and of another one (y)."""
        batches = (network.activations.batches(tap.value) for network in (self, other))
        return cross_moments_of(zip(*batches, strict=True))

    def through(self, producer: Producer, weight_x: np.ndarray, weight_y: np.ndarray) -> Moments:
        """Return the moments of W_x phi and W_y phi, where a layer reads phi in this network.

        Their covariance is W_x Cov(phi) W_y^T.

        Parameters
        ----------
        weight_x, weight_y
            Arrays of the shape of the layer's weight, used instead of it.

        Raises
        ------
        UserError
            The layer does not read recorded activations as they are: it is or follows a
            convolution, or pools them.
        """
        if producer.reads is None:
            raise UserError(
                f"{producer.parameter}: what its layer reads is not recorded: set "
                f"activations.streamed to true for networks that are not chains of dense layers"
            )
        x = np.moveaxis(weight_x, producer.axis, 0)
        y = x if weight_y is weight_x else np.moveaxis(weight_y, producer.axis, 0)
        return self._of(producer.reads).through(x, y)


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
    activations = _of = _opened = property(_refuse)
