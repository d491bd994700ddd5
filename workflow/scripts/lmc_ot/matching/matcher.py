"""The base class of matchers, and the input and the result of a matching."""

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
    """A layer of one network, as passed to a matcher.

    Parameters
    ----------
    weight
        W_l, (units, inputs).
    moments_through
        Returns the moments of W_x phi and W_y phi for two weights W_x, W_y, (units, inputs) each,
        where phi = phi_{l-1} of this network. For a convolution, every example and position is a
        sample.
    moments_of_activations
        Returns the moments of phi_l, the activations of this layer.
    """

    weight: np.ndarray
    moments_through: Callable[[np.ndarray, np.ndarray], Moments]
    moments_of_activations: Callable[[], Moments]

    @classmethod
    def of(cls, parameters: Parameters, layer: int, moments: NetworkMoments) -> "Layer":
        """Return a layer of a network."""
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
        W_l of network B, with columns already reordered by the permutation of layer l - 1.
    moments_across
        Returns the moments of phi_l of A (x) and of B (y) over the same examples.
    """

    a: Layer
    weight_b: np.ndarray
    moments_across: Callable[[], Moments]

    @cached_property
    def outputs(self) -> Moments:
        """Moments of W_A phi (x) and of W_B phi (y), where phi = phi_{l-1} of A in both."""
        return self.a.moments_through(self.a.weight, self.weight_b)

    @cached_property
    def activations(self) -> Moments:
        """Moments of phi_l of A (x) and of B (y)."""
        return self.moments_across()


@dataclass(frozen=True)
class Match:
    """The result of matching a pair of networks.

    Parameters
    ----------
    permutations
        Hidden layer -> permutation of the units of B.
    objectives, identity_objectives
        Hidden layer -> sum of the similarities of matched units, with the permutation of this
        layer and with the identity instead. In both, the layers below are permuted.
    norms
        Hidden layer -> result of `Matcher.norms`.
    """

    permutations: Permutations
    objectives: dict[int, float]
    identity_objectives: dict[int, float]
    norms: dict[int, tuple[float, float] | None]


class Matcher(ABC):
    """Defines the similarity S of the units of two networks A and B.

    The solver finds the permutation p that maximises sum_i S[i, p[i]].
    """

    @abstractmethod
    def similarity(self, layer: PairLayer) -> np.ndarray:
        """Return S, float64 (units of A, units of B)."""

    def norms(self, layer: PairLayer) -> tuple[float, float] | None:
        """Return the squared norms of the layers of A and B in the norm that is minimised.

        The squared distance between A and the permuted B is norm_a + norm_b - 2 sum_i S[i, p[i]].
        The result is None if the matcher does not minimise a distance.
        """
        return None

    def gram(self, layer: Layer, centred: bool) -> np.ndarray | None:
        """Return the Gram matrix of a network's units in the geometry of this matcher.

        Up to zeros, its eigenvalues are those of the covariance that determines the Wasserstein
        convergence rate for this matcher (paper, Appendix D.2).

        Parameters
        ----------
        layer
            A layer of one network.
        centred
            Whether the means are subtracted. The paper's definition does not subtract them.

        Returns
        -------
        numpy.ndarray or None
            Symmetric, float64 (units, units); None if the matcher defines no geometry.
        """
        return None
