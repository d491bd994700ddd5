"""Matchers that visit the groups once, in the order of the network, with an exact assignment each.

On a chain of layers this is the published scheme: the permutation of layer l maximises
sum_i S_l[i, p_l[i]] exactly, given that of layer l - 1 (paper, Section 6).
"""

from abc import abstractmethod
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from ..networks.groups.apply import permute
from ..networks.groups.group import Group, Producer
from ..tables import Parameters
from .assignment import assign
from .matcher import Match, Matcher, Pair, with_progress
from .moments import Moments


@dataclass(frozen=True)
class Visit:
    """A group of two networks at the time when it is matched.

    In the parameters `b`, the groups that were visited before are permuted. `producers` are those
    of the group whose inputs are all matched: with residual connections, its units are also made by
    layers whose inputs are matched later, which are left out unless there are no others.
    """

    pair: Pair
    group: Group
    b: Parameters
    producers: tuple[Producer, ...]

    @cached_property
    def outputs(self) -> list[Moments]:
        """For each producer, the moments of W_A phi (x) and W_B phi (y), with phi of A in both."""
        a = self.pair.a
        return [a.outputs(producer, a.parameters, self.b) for producer in self.producers]

    @cached_property
    def activations(self) -> list[Moments]:
        """For each tap, the moments of the activations of A (x) and of B (y), B not permuted."""
        a, b = self.pair.a.moments, self.pair.b.moments
        return [a.cross(tap, b).at(tap.places) for tap in self.group.taps]


class LayerwiseMatcher(Matcher):
    """Defines the similarity S of the units of two networks A and B, group by group."""

    @abstractmethod
    def similarity(self, visit: Visit) -> np.ndarray:
        """Return S, float64 (units of A, units of B)."""

    def norms(self, visit: Visit) -> tuple[float, float] | None:
        """Return the squared norms of the group in A and B in the norm that is minimised.

        The squared distance between A and the permuted B is norm_a + norm_b - 2 sum_i S[i, p[i]].
        The result is None if the matcher does not minimise a distance.
        """
        return None

    @staticmethod
    def sum_of_norms(parts: Iterable[Moments], centred: bool) -> tuple[float, float] | None:
        """Return the squared norms of x and y, summed over moments; None without any."""
        found = [moments.squared_norms(centred) for moments in parts]
        return (sum(x for x, _ in found), sum(y for _, y in found)) if found else None

    def match(self, pair: Pair) -> Match:
        """Visit all groups once. The heads of a family are matched with the units in them."""
        outcome, b = Match(), pair.b.parameters
        waiting = {group.name for group in pair.groups}
        for together in with_progress(pair.groups.together, "group"):
            visits = [Visit(pair, group, b, _ready(group, waiting)) for group in together]
            similarities = [self.similarity(visit) for visit in visits]
            permutations = assign(similarities, together[0].heads)
            for visit, similarity, p in zip(visits, similarities, permutations, strict=True):
                outcome.add(visit.group.name, p, similarity, self.norms(visit))
            names = [group.name for group in together]
            b = permute(b, pair.groups, {name: outcome.permutations[name] for name in names})
            waiting -= set(names)
        return outcome


def _ready(group: Group, waiting: set[str]) -> tuple[Producer, ...]:
    ready = tuple(p for p in group.producers if not waiting.intersection(p.consumes))
    return ready or group.producers
