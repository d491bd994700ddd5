"""First and second moments of activations, accumulated batch by batch."""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np
from scipy.linalg.blas import ssyrk

from ..errors import UserError
from ..networks.groups.group import INPUT, Producer, Tap
from ..tables import ActivationFile

# Samples whose products are summed in float32.
ROWS_AT_ONCE = 4096
# Samples whose values are summed in float32.
ROWS_SUMMED = 64


@dataclass(frozen=True)
class Moments:
    """Moments of a pair of random vectors x and y, which may be the same vector; float64."""

    covariance: np.ndarray  # E[(x - E x)(y - E y)^T], (dim x, dim y)
    mean_x: np.ndarray  # E[x], (dim x,)
    mean_y: np.ndarray  # E[y], (dim y,)
    variance_x: np.ndarray  # of all entries of x, (dim x,)
    variance_y: np.ndarray  # of all entries of y, (dim y,)

    @classmethod
    def of_one(cls, covariance: np.ndarray, mean: np.ndarray) -> "Moments":
        """Return the moments of a single vector with covariance (dim, dim) and mean (dim,)."""
        variance = np.diagonal(covariance)
        return cls(covariance, mean, mean, variance, variance)

    @cached_property
    def second(self) -> np.ndarray:
        """The uncentred second moment E[x y^T]."""
        return self.covariance + np.outer(self.mean_x, self.mean_y)

    def through(self, weight_x: np.ndarray, weight_y: np.ndarray, axis: int = 0) -> "Moments":
        """Return the moments of W_x x and W_y x for two weights, whose units lie along an axis.

        This requires that these are moments of a single vector x.
        """
        same = weight_x is weight_y
        x = np.moveaxis(weight_x.astype(np.float64), axis, 0)
        y = x if same else np.moveaxis(weight_y.astype(np.float64), axis, 0)
        of_x = x @ self.covariance
        of_y = of_x if same else y @ self.covariance
        variances = (np.einsum("ij,ij->i", of_x, x), np.einsum("ij,ij->i", of_y, y))
        return Moments(of_x @ y.T, x @ self.mean_x, y @ self.mean_y, *variances)

    def scaled(self, x: np.ndarray | None, y: np.ndarray | None) -> "Moments":
        """Return the moments of the entries of x and y times these factors; None for 1."""
        if x is None and y is None:
            return self
        x = np.ones(len(self.mean_x)) if x is None else x.astype(np.float64)
        y = np.ones(len(self.mean_y)) if y is None else y.astype(np.float64)
        variances = x**2 * self.variance_x, y**2 * self.variance_y
        covariance = x[:, None] * self.covariance * y
        return Moments(covariance, x * self.mean_x, y * self.mean_y, *variances)

    def inverse_deviations(self) -> tuple[np.ndarray, np.ndarray]:
        """Return 1 / standard deviation of the entries of x and of y; 0 where they are constant."""
        return tuple(
            np.divide(1, np.sqrt(v), out=np.zeros_like(v), where=v > 0)
            for v in (self.variance_x, self.variance_y)
        )

    def at(self, places: np.ndarray) -> "Moments":
        """Return the moments of units that lie at places of x and y, int (units, places of a unit).

        Each place of a unit counts as a sample.
        """
        count = places.shape[1]
        covariance = sum(self.covariance[np.ix_(p, p)] for p in places.T) / count
        x, y = self.mean_x[places], self.mean_y[places]
        mean_x, mean_y = x.mean(1), y.mean(1)
        apart_x, apart_y = x - mean_x[:, None], y - mean_y[:, None]
        return Moments(
            covariance + apart_x @ apart_y.T / count,
            mean_x,
            mean_y,
            (self.variance_x[places] + apart_x**2).mean(1),
            (self.variance_y[places] + apart_y**2).mean(1),
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
        self._shift = self._totals = None

    def add(self, x, y) -> None:
        """Add samples, float32 (n, units) each; y may be the same object as x."""
        for start in range(0, len(x), ROWS_AT_ONCE):
            rows = slice(start, start + ROWS_AT_ONCE)
            self._add(x[rows], x[rows] if y is x else y[rows], y is x)

    def _add(self, x, y, same: bool) -> None:
        if self._shift is None:
            self._shift = [_single(_double(v).mean(0)) for v in (x, y)]
        x = x - self._shift[0]
        y = x if same else y - self._shift[1]
        products = _double(_gram(x) if same else x.T @ y)
        of_x = _sums(x)
        of_y = of_x if same else _sums(y)
        totals = (len(x), products, *of_x, *of_y)
        before = self._totals or [0.0] * len(totals)
        self._totals = [a + b for a, b in zip(before, totals, strict=True)]

    def moments(self) -> Moments:
        """Return the moments of all samples added so far. Raises ValueError without any."""
        if self._totals is None:
            raise ValueError("no examples to take moments over")
        count, *totals = self._totals
        products, x, xx, y, yy = (_numpy(total) / count for total in totals)
        shift_x, shift_y = (_numpy(_double(shift)) for shift in self._shift)
        variances = np.maximum(xx - x**2, 0), np.maximum(yy - y**2, 0)
        return Moments(products - np.outer(x, y), shift_x + x, shift_y + y, *variances)


def _sums(values) -> tuple:
    """The sums of the columns and of their squares: in float32 over a few rows, then in float64."""
    if not isinstance(values, np.ndarray):
        values = values.double()
        return values.sum(0), (values * values).sum(0)
    parts = [values[start : start + ROWS_SUMMED] for start in range(0, len(values), ROWS_SUMMED)]
    return tuple(
        np.sum([np.einsum(what, *[part] * count) for part in parts], 0, dtype=np.float64)
        for what, count in (("ij->j", 1), ("ij,ij->j", 2))
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
    """Return the moments of two vectors over pairs of float32 batches, (n, d_x) and (n, d_y).

    Raises UserError if the batches of a pair differ in length, ValueError without examples.
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


class InMemory:
    """Activations given as arrays, name of the value -> float32 (n, places)."""

    def __init__(self, values: dict[str, np.ndarray]):
        self.values = values

    def batches(self, value: str) -> Iterator[np.ndarray]:
        """Yield a value of the network's graph in batches; `INPUT` is the network's input.

        Order and batches of the examples are the same for all values and networks.
        """
        yield self.values[value]


class Recorded:
    """Activations recorded in a file, which is opened on demand, and the inputs they belong to.

    `inputs` returns all training inputs, float32 (n, pixels); for `run` see `tables.read`.
    """

    def __init__(self, path: str | Path, inputs: Callable[[], np.ndarray], run: dict | None = None):
        self.path, self.inputs, self.run = path, inputs, run

    def examples(self) -> np.ndarray:
        """Return the indices of the training examples, int (n,)."""
        return ActivationFile(self.path, self.run).examples()

    def batches(self, value: str) -> Iterator[np.ndarray]:
        """Yield one row group of the file at a time; see `InMemory`."""
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
        The activations of the network, `InMemory` or `Recorded`.
    inputs
        Returns the moments of the input, which networks on the same examples can share.
    """

    def __init__(
        self, activations: InMemory | Recorded, inputs: Callable[[], Moments] | None = None
    ):
        self.activations = activations
        self._known: dict[str, Moments] = {}
        self._inputs = inputs

    def __call__(self, tap: Tap) -> Moments:
        """Return the moments of the value that a tap reads, place by place."""
        return self._of(tap.value)

    def _of(self, value: str) -> Moments:
        if value not in self._known:
            shared = value == INPUT and self._inputs is not None
            batches = self.activations.batches
            self._known[value] = self._inputs() if shared else moments_of(batches(value))
        return self._known[value]

    def cross(self, tap: Tap, other: "NetworkMoments") -> Moments:
        """Return the moments of the value at a tap of this network (x) and of another one (y)."""
        batches = (network.activations.batches(tap.value) for network in (self, other))
        return cross_moments_of(zip(*batches, strict=True))

    def through(self, producer: Producer, weight_x: np.ndarray, weight_y: np.ndarray) -> Moments:
        """Return the moments of W_x phi and W_y phi, where a layer reads phi in this network.

        The weights, of the shape of the layer's, are used instead of it. Raises UserError if the
        layer does not read recorded activations as they are: a convolution, or pooled values.
        """
        if producer.reads is None:
            raise UserError(
                f"{producer.parameter}: what its layer reads is not recorded: set "
                f"activations.streamed to true for networks that are not chains of dense layers"
            )
        return self._of(producer.reads).through(weight_x, weight_y, producer.axis)


class NoMoments:
    """Missing moments: any use raises UserError, with the name of the network."""

    def __init__(self, network: str):
        self.network = network

    def __call__(self, *_):
        """Raise UserError."""
        raise UserError(
            f"{self.network}: this matcher needs statistics of the activations: pass the moments "
            f"of both networks (lmc_ot.matching.moments.NetworkMoments)"
        )

    cross = through = __call__

    def __getattr__(self, name: str):
        return self()
