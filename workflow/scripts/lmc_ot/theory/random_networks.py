"""Experiment `random_networks`: randomly initialised networks and their midpoint (paper, Lemma 5.1
and Theorem 5.2).

The networks are those of the paper: ReLU, no biases, entries of W_l with mean 0 and variance
1 / m_{l-1}, Gaussian (Section 5.1) or from another sub-Gaussian distribution (Section 5.5). The
paper requires inputs with second moment at most d0; here they are N(0, I).
"""

import math
from collections.abc import Iterator
from itertools import pairwise
from typing import NamedTuple

import numpy as np

from ..errors import ConfigError
from ..matching import REGISTRY as MATCHERS
from ..matching.matcher import Matcher, match
from ..matching.moments import InMemory, NetworkMoments
from ..networks.groups.apply import permute
from ..networks.groups.chain import chain
from ..networks.groups.group import INPUT
from ..networks.initialisers import lecun_uniform
from ..rng import generator
from ..tables import Parameters
from .experiment import Measurement, Prediction

DISTANCE = "squared distance of midpoint activations"
ERROR = "relative LMC error of the output"
OUTPUTS = 10


def gaussian(stream: np.random.Generator, units: int, fan_in: int) -> np.ndarray:
    """Draw from N(0, 1 / fan_in), without truncation; float32 (units, fan_in)."""
    return (stream.normal(size=(units, fan_in)) / fan_in**0.5).astype(np.float32)


LAWS = {"gaussian": gaussian, "uniform": lecun_uniform}


class RandomNetworks:
    """Pairs of independent networks of equal widths, where the hidden layers of B are matched to A.

    For every depth L, the following are measured on inputs that the matcher has not seen:

    - The squared distance of the midpoint's phi_L from those of A and of the permuted B, divided by
      the squared norms of both (Property 1, normalised by the scale of ReLU networks).
    - The LMC error E |f_M - (f_A + f_B) / 2| divided by E |f| of the endpoints, with f the outputs.
      For convex 1-Lipschitz losses, this is the largest possible excess of the midpoint's loss
      over the mean of the endpoints', attained by |f - y| for suitable targets y, and it is what
      the proof of Theorem 5.2 bounds. For random targets the excess may be negative, because
      averaging different outputs improves them, and hence has no rate.

    Both normalisations depend only on the depth: with variance 1 / fan-in, ReLU halves the squares
    at every layer.

    For L = 1 and d0 > 4, the predictions are width^(-2/d0) for the squared distance (Lemma 5.1,
    and Theorem 5.3 as a lower bound) and its square root for the LMC error: since outgoing weights
    have mean 0 and are independent of the permutation, E (f_M - (f_A + f_B) / 2)^2 =
    E (||phi_M - phi_A||^2 + ||phi_M - phi_B||^2) / (4 width). For L > 1 and equal widths, Lemma 5.1
    does not give a power of the width: its error at layer l requires a width exponential in the
    effective width of layer l - 1.

    A network of the largest depth is used for all depths, since its first layers do not depend on
    later ones.

    Raises
    ------
    ConfigError
        While measuring: a width is so small that both networks of a pair are 0 on all inputs.
    """

    def __init__(
        self,
        sizes: list[int],
        depths: list[int],
        input_dimensions: list[int],
        weights: list[str],
        matcher: dict,
        examples: int,
        repetitions: int,
    ):
        self.sizes, self.depths, self.input_dimensions = sizes, depths, input_dimensions
        self.weights, self.examples, self.repetitions = weights, examples, repetitions
        self.matcher = MATCHERS.build(matcher)

    def measure(self, seed: int) -> Iterator[Measurement]:
        """See `experiment.Experiment`."""
        for law in self.weights:
            for d in self.input_dimensions:
                for width in self.sizes:
                    for repetition in range(self.repetitions):
                        identity = law, d, width, repetition
                        a, b = pair(seed, *identity, max(self.depths))
                        layers = align(a, b, self.matcher, *inputs(seed, *identity, self.examples))
                        for depth in self.depths:
                            layer = layers[depth - 1]
                            series = self._series(law, depth, d)
                            for quantity, value in (
                                (DISTANCE, distance(layer)),
                                (ERROR, lmc_error(layer, *readouts(a, b, layer))),
                            ):
                                if not math.isfinite(value):
                                    raise ConfigError(
                                        f"sizes: {width}: at depth {depth} both networks are 0 on "
                                        f"all inputs in repetition {repetition}: start with a "
                                        f"larger width"
                                    )
                                yield Measurement(quantity, series, width, repetition, value)

    def predictions(self) -> list[Prediction]:
        """See `experiment.Experiment`."""
        predictions = []
        for quantity, power in ((DISTANCE, 2), (ERROR, 1)):
            for law in self.weights:
                for d in self.input_dimensions:
                    for depth in self.depths:
                        slope = -power / d if depth == 1 and d > 4 else None
                        predictions.append(Prediction(quantity, self._series(law, depth, d), slope))
        return predictions

    @staticmethod
    def _series(law: str, depth: int, d: int) -> str:
        return f"{law}, depth {depth}, d0 = {d}"


class HiddenLayer(NamedTuple):
    """A hidden layer of two matched networks and of their midpoint.

    Parameters
    ----------
    a, b, midpoint
        phi_l of A, of the permuted B and of their midpoint, float32 (examples, width).
    permutation
        The permutation of the units of B, int (width,).
    """

    a: np.ndarray
    b: np.ndarray
    midpoint: np.ndarray
    permutation: np.ndarray


def pair(
    seed: int, law: str, d: int, width: int, repetition: int, depth: int
) -> tuple[Parameters, Parameters]:
    """Draw networks A and B with d inputs, `depth` equal hidden layers, and OUTPUTS outputs.

    Each layer has its own random stream, so networks of different depths share their first hidden
    layers and their outgoing weights.
    """
    widths = [d, *[width] * depth]
    networks = []
    for name in "AB":
        identity = seed, "random networks", law, d, width, repetition, name
        network = {
            f"{layer}.weight": LAWS[law](generator(*identity, layer), units, fan_in)
            for layer, (fan_in, units) in enumerate(pairwise(widths), 1)
        }
        network[f"{depth + 1}.weight"] = LAWS[law](generator(*identity, "out"), OUTPUTS, width)
        networks.append(network)
    return networks[0], networks[1]


def inputs(
    seed: int, law: str, d: int, width: int, repetition: int, examples: int
) -> tuple[np.ndarray, np.ndarray]:
    """Draw inputs for matching and others for measuring, N(0, I_d), float32 (examples, d) each."""
    stream = generator(seed, "random networks", law, d, width, repetition, "inputs")
    seen, fresh = stream.normal(size=(2, examples, d)).astype(np.float32)
    return seen, fresh


def activations(network: Parameters, x: np.ndarray) -> list[np.ndarray]:
    """Return phi_0 = x, .., phi_L of a ReLU network without biases, float32 (examples, units)."""
    phi = [x]
    for weight in list(network.values())[:-1]:
        phi.append(np.maximum(phi[-1] @ weight.T, 0))
    return phi


def align(
    a: Parameters, b: Parameters, matcher: Matcher, seen: np.ndarray, fresh: np.ndarray
) -> list[HiddenLayer]:
    """Match B to A and return all hidden layers of both networks and of their midpoint.

    Parameters
    ----------
    a, b
        The two networks.
    matcher
        The matcher.
    seen
        Inputs for the matcher, float32 (n, d).
    fresh
        Inputs on which the returned layers are evaluated, float32 (n, d).
    """
    groups = chain({name: len(weight) for name, weight in a.items()})
    moments = (NetworkMoments(InMemory(_values(network, seen))) for network in (a, b))
    permutations = match(matcher, a, b, groups, *moments).permutations
    moved = permute(b, groups, permutations)
    midpoint = {key: (a[key] + moved[key]) / 2 for key in a}
    phi = (activations(network, fresh)[1:] for network in (a, moved, midpoint))
    return [
        HiddenLayer(*layers, permutations[group.name])
        for group, *layers in zip(groups, *phi, strict=True)
    ]


def _values(network: Parameters, x: np.ndarray) -> dict[str, np.ndarray]:
    """The activations by the names that `chain` gives them."""
    phi = activations(network, x)
    return {INPUT: x} | {f"phi_{layer}": values for layer, values in enumerate(phi[1:], 1)}


def readouts(a: Parameters, b: Parameters, layer: HiddenLayer) -> tuple[np.ndarray, np.ndarray]:
    """Return the outgoing weights of A and of the permuted B, (OUTPUTS, width) each."""
    last = list(a)[-1]
    return a[last], b[last][:, layer.permutation]


def distance(layer: HiddenLayer) -> float:
    """Return E (||phi_M - phi_A||^2 + ||phi_M - phi_B||^2) / E (||phi_A||^2 + ||phi_B||^2).

    The result is NaN if both networks are 0 on all inputs.
    """
    a, b, midpoint = (phi.astype(np.float64) for phi in layer[:3])
    size = float((a**2).sum() + (b**2).sum())
    if size == 0:
        return math.nan
    return float(((midpoint - a) ** 2).sum() + ((midpoint - b) ** 2).sum()) / size


def lmc_error(layer: HiddenLayer, readout_a: np.ndarray, readout_b: np.ndarray) -> float:
    """Return E |f_M - (f_A + f_B) / 2| divided by E (|f_A| + |f_B|) / 2.

    Expectations are means over examples and outputs. The result is NaN if both networks are 0 on
    all inputs.

    Parameters
    ----------
    layer
        The last hidden layer.
    readout_a, readout_b
        The outgoing weights, (outputs, width) each; those of the midpoint are their mean.
    """
    a, b, midpoint = (phi.astype(np.float64) for phi in layer[:3])
    f_a, f_b = a @ readout_a.T, b @ readout_b.T
    f_midpoint = midpoint @ ((readout_a + readout_b) / 2).T
    size = float((np.abs(f_a).mean() + np.abs(f_b).mean()) / 2)
    if size == 0:
        return math.nan
    return float(np.abs(f_midpoint - (f_a + f_b) / 2).mean()) / size
