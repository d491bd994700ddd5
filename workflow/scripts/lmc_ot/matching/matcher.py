"""The base class of matchers, and the input and the result of a matching."""

import sys
from abc import ABC, abstractmethod
from collections.abc import Iterable
from dataclasses import dataclass, field

import numpy as np
from tqdm import tqdm

from ..errors import UserError
from ..networks.groups.apply import Permutations
from ..networks.groups.group import Group, Groups, Producer
from ..rng import generator
from ..tables import Parameters
from .moments import Moments, NetworkMoments, NoMoments


@dataclass(frozen=True)
class Side:
    """One network: its parameters, the moments of its activations, and its groups."""

    parameters: Parameters
    moments: NetworkMoments
    groups: Groups

    def outputs(self, producer: Producer, x: Parameters, y: Parameters) -> Moments:
        """Return the moments of a layer's outputs for the weights of x and of y, unit by unit.

        Both are fed with what the layer reads in this network, without its bias. A batch norm that
        follows scales the outputs, that of x and that of y.
        """
        moments = self.moments.through(producer, x[producer.parameter], y[producer.parameter])
        return moments.scaled(_scale(x, producer), _scale(y, producer)).at(producer.output.places)


def _scale(parameters: Parameters, producer: Producer) -> np.ndarray | None:
    """The factor by which a batch norm multiplies every output, float64; None without one."""
    norm = producer.norm
    if norm is None:
        return None
    deviation = np.sqrt(parameters[norm.variance].astype(np.float64) + norm.epsilon)
    return (parameters[norm.scale] if norm.scale else 1.0) / deviation


@dataclass(frozen=True)
class Pair:
    """Two networks of the same architecture, and a random stream for matchers that draw."""

    a: Side
    b: Side
    stream: np.random.Generator

    @property
    def groups(self) -> Groups:
        """The groups that may be permuted."""
        return self.a.groups


@dataclass
class Match:
    """The result of matching a pair of networks; names of groups -> what was found."""

    # the permutations of the units of B
    permutations: Permutations = field(default_factory=dict)
    # Sums of the similarities of matched units, with the permutation of this group and with the
    # identity instead. What else is permuted is permuted in both.
    objectives: dict[str, float] = field(default_factory=dict)
    identity_objectives: dict[str, float] = field(default_factory=dict)
    # The squared norms of A and B in the norm that is minimised; None if the matcher minimises no
    # distance. The squared distance is norm_a + norm_b - 2 objective.
    norms: dict[str, tuple[float, float] | None] = field(default_factory=dict)
    # Of several starts, how far the objective of the worst is below that of the best, over all
    # groups; None for a matcher without starts.
    spread: float | None = None

    def add(self, group: str, p: np.ndarray, similarity: np.ndarray, norms) -> None:
        """Add a group; the similarities, (units, units), are those before it is permuted."""
        self.permutations[group] = p
        self.objectives[group] = float(similarity[np.arange(len(p)), p].sum())
        self.identity_objectives[group] = float(np.trace(similarity))
        self.norms[group] = norms


class Matcher(ABC):
    """Finds the permutations of the units of B. See `layerwise` and `iterative`."""

    @abstractmethod
    def match(self, pair: Pair) -> Match:
        """Return a permutation of every group, with the objectives reached."""

    def gram(self, network: Side, group: Group, centred: bool) -> np.ndarray | None:
        """Return the Gram matrix of a network's units in the geometry of this matcher.

        Symmetric, float64 (units, units); None if the matcher defines no geometry. Up to zeros, its
        eigenvalues are those of the covariance that determines the Wasserstein convergence rate for
        this matcher (paper, Appendix D.2). The paper does not subtract the means (`centred`).
        """
        return None


def match(
    matcher: Matcher,
    a: Parameters,
    b: Parameters,
    groups: Groups,
    moments_a: NetworkMoments | None = None,
    moments_b: NetworkMoments | None = None,
    stream: np.random.Generator | None = None,
    what: str = "a pair of networks",
) -> Match:
    """Match the units of B to those of A, two networks by the names of their state dicts.

    Their parameters are arrays or torch tensors of any floating-point type.

    Parameters
    ----------
    moments_a, moments_b
        Moments of both networks on the same examples, for matchers that need them; instances of
        `moments.NetworkMoments` or `forward.StreamedMoments`.
    stream
        The random stream, for matchers that draw; None for the same one at every call.
    what
        The name of the pair in error messages.

    Raises
    ------
    UserError
        The networks differ in shape or hold values that are not finite, or the matcher needs
        moments that are not given.
    """
    a, b = ({name: _array(values) for name, values in side.items()} for side in (a, b))
    check_same_shape(a, b, groups, what)
    sides = [
        Side(parameters, moments or NoMoments(f"{what}, {name}"), groups)
        for name, parameters, moments in (("A", a, moments_a), ("B", b, moments_b))
    ]
    return matcher.match(Pair(*sides, stream or generator(0, "matching")))


def _array(values) -> np.ndarray:
    """An array, or a tensor as an array, which numpy makes of neither bfloat16 nor CUDA."""
    return values.detach().cpu().float().numpy() if hasattr(values, "detach") else values


def check_same_shape(a: Parameters, b: Parameters, groups: Groups, what: str) -> None:
    """Raise UserError, naming the parameter, if two networks do not fit each other and the groups.

    The name of the pair in the message is `what`.
    """
    for name in [*a, *(k for k in b if k not in a)]:
        shapes = [n[name].shape if name in n else "absent" for n in (a, b)]
        if shapes[0] != shapes[1]:
            raise UserError(
                f"{what}: {name} is {shapes[0]} in one and {shapes[1]} in the other: both "
                f"networks of a pair must have the same architecture"
            )
    for label, network in (("A", a), ("B", b)):
        for name, array in network.items():
            if not np.isfinite(array).all():
                raise UserError(f"{what}, {label}: {name} holds values that are not finite")
    for group in groups:
        for m in group.members:
            shape = np.shape(a[m.parameter]) if m.parameter in a else None
            lengths = () if shape is None else (a[m.parameter].size,) if m.axis is None else shape
            axis = m.axis or 0
            if axis >= len(lengths) or int(m.places.max()) >= lengths[axis]:
                raise UserError(
                    f"{what}: {m.parameter} is {'absent' if shape is None else shape}, which group "
                    f"{group.name} does not fit: the groups are of another architecture"
                )


def with_progress(items: Iterable, unit: str) -> Iterable:
    """Iterate with a progress bar if there is a terminal to show it."""
    return tqdm(items, unit=unit, leave=False, disable=not sys.stderr.isatty())
