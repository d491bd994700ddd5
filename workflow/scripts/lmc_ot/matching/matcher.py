"""The base class of matchers, and the layers and the outcome of a matching."""

from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from ..networks.permutation import Permutations
from ..tables import Parameters
from .moments import Moments, NetworkMoments


@dataclass(frozen=True)
class Layer:
    """A layer of one network, as a matcher sees it.

    Parameters
    ----------
    weight
        W_l, (units, inputs).
    moments_through
        Returns the moments of W_x phi and W_y phi for two weights W_x, W_y (units, inputs) that
        are used instead of this layer's, phi = phi_{l-1} of this network. For a convolution, every
        example and position is a sample.
    moments_of_activations
        Returns the moments of phi_l, the activations of this layer of this network.
    """

    weight: np.ndarray
    moments_through: Callable[[np.ndarray, np.ndarray], Moments]
    moments_of_activations: Callable[[], Moments]

    @classmethod
    def of(cls, parameters: Parameters, layer: int, moments: NetworkMoments) -> "Layer":
        """That layer of a network."""
        return cls(
            weight=parameters[layer, "weight"],
            moments_through=lambda weight_x, weight_y: moments.through(layer, weight_x, weight_y),
            moments_of_activations=lambda: moments(layer),
        )


@dataclass(frozen=True)
class PairLayer:
    """The same layer of two networks.

    Parameters
    ----------
    a
        Network A's layer.
    weight_b
        Network B's W_l, its columns already reordered by the permutation of layer l - 1.
    moments_across
        Returns the moments of phi_l of A (x) and of B (y) over the same examples.
    """

    a: Layer
    weight_b: np.ndarray
    moments_across: Callable[[], Moments]

    @cached_property
    def outputs(self) -> Moments:
        """Moments of W_A phi (x) and of W_B phi (y), both with phi = phi_{l-1} of A."""
        return self.a.moments_through(self.a.weight, self.weight_b)

    @cached_property
    def activations(self) -> Moments:
        """Moments of phi_l of A (x) and of B (y)."""
        return self.moments_across()


@dataclass(frozen=True)
class Match:
    """The outcome of matching a pair.

    Parameters
    ----------
    permutations
        For every hidden layer, which unit of B is moved to which place.
    objectives, identity_objectives
        Hidden layer -> the sum of similarities reached, and that of moving nothing in this
        layer (B's columns reordered as the layers below were).
    norms
        Hidden layer -> what `Matcher.norms` gives.
    """

    permutations: Permutations
    objectives: dict[int, float]
    identity_objectives: dict[int, float]
    norms: dict[int, tuple[float, float] | None]


class Matcher(ABC):
    """How alike a unit of A and a unit of B are.

    The permutation p that the solver finds maximises the sum over i of S[i, p[i]].
    """

    @abstractmethod
    def similarity(self, layer: PairLayer) -> np.ndarray:
        """S, float64 (units of A, units of B)."""

    def norms(self, layer: PairLayer) -> tuple[float, float] | None:
        """The squared norms of A's layer and of B's, in the norm that this matcher minimises.

        With the similarity S that permutation p reaches, norm_a + norm_b - 2 sum_i S[i, p[i]] is
        the squared distance between the two. None if the matcher minimises no distance.
        """
        return None

    def gram(self, layer: Layer, centred: bool) -> np.ndarray | None:
        """The inner products of a network's units, as this matcher sees them.

        Its eigenvalues are those of the covariance that drives the matcher's Wasserstein rate
        (paper, Appendix D.2), but for zeros.

        Parameters
        ----------
        centred
            False is the paper's.

        Returns
        -------
        Symmetric, float64 (units, units), or None if the matcher has none.
        """
        return None
