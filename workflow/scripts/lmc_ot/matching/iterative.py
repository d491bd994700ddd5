"""Matchers that improve the permutations of all groups until none can be improved alone."""

from abc import abstractmethod
from collections import defaultdict
from itertools import permutations as ordered_pairs

import numpy as np

from ..networks.groups.apply import Permutations, compose, identity, permute, random
from ..networks.groups.group import Group
from ..tables import Parameters
from .assignment import assign
from .matcher import Match, Matcher, Pair, with_progress

# A step must raise the objective by more than this fraction, which rounding errors do not reach.
RISE = 1e-9


class IterativeMatcher(Matcher):
    """Coordinate ascent over the groups, in random order, from several starts.

    Of so many `starts` the best result is kept; each visits all groups `sweeps` times at most.
    """

    def __init__(self, starts: int, sweeps: int):
        self.starts, self.sweeps = starts, sweeps

    @abstractmethod
    def similarity(self, pair: Pair, group: Group, b: Parameters) -> np.ndarray:
        """Return S, float64 (units, units), between A and B as it is permuted at present.

        S is a sum of products of the group's members in A and B. It may depend only on parameters
        that hold members of the group: a group is not visited again before one of them changes.
        """

    @abstractmethod
    def objective(self, pair: Pair, groups: tuple[Group, ...], b: Parameters) -> float:
        """Return the part of the objective that permuting these groups can change."""

    def start(self, pair: Pair, number: int) -> Permutations:
        """Return where a start, 0, 1, ..., begins: the identity, then random permutations."""
        return random(pair.groups, pair.stream) if number else identity(pair.groups)

    @abstractmethod
    def norms(self, pair: Pair, group: Group) -> tuple[float, float] | None:
        """Return the squared norms of a group in A and B, see `Match`."""

    def match(self, pair: Pair) -> Match:
        """Return the best of all starts."""
        found = []
        for number in with_progress(range(self.starts), "start"):
            reached = self._climb(pair, self.start(pair, number))
            permutations = {group.name: reached[group.name] for group in pair.groups}
            b = permute(pair.b.parameters, pair.groups, permutations)
            found.append((self.objective(pair, pair.groups.groups, b), permutations, b))
        best, permutations, b = max(found, key=lambda one: one[0])
        outcome = Match(spread=float(best - min(one[0] for one in found)))
        for group in pair.groups:
            p = permutations[group.name]
            before = self.similarity(pair, group, b)[:, np.argsort(p)]  # as if it were not permuted
            outcome.add(group.name, p, before, self.norms(pair, group))
        return outcome

    def _climb(self, pair: Pair, permutations: Permutations) -> Permutations:
        """Visit the groups in random order until no visit raises the objective.

        Until a group moves that changes its similarity, another visit to a group finds nothing.
        """
        b = permute(pair.b.parameters, pair.groups, permutations)
        together = pair.groups.together
        meets, waiting = _meeting(together), set(range(len(together)))
        for _ in range(self.sweeps):
            rose = False
            for number in pair.stream.permutation(len(together)):
                if number not in waiting:
                    continue
                waiting.remove(number)
                groups = together[number]
                similarities = [self.similarity(pair, group, b) for group in groups]
                found = assign(similarities, groups[0].heads)
                if all(np.array_equal(p, np.arange(len(p))) for p in found):
                    continue
                step = {group.name: p for group, p in zip(groups, found, strict=True)}
                moved = permute(b, pair.groups, step)
                before, after = (self.objective(pair, groups, x) for x in (b, moved))
                if after > before + RISE * abs(before):
                    b, permutations, rose = moved, compose(permutations, step), True
                    waiting |= meets[number]
            if not rose:
                break
        return permutations


def _meeting(together: list[tuple[Group, ...]]) -> dict[int, set[int]]:
    """Number of groups permuted together -> those whose similarities change when they move.

    They have members on another axis of the same parameter, and the moved groups may be among them.
    Members on the same axis are other rows of a weight, which do not change what a unit's rows are.
    """
    places = defaultdict(set)
    for number, groups in enumerate(together):
        for member in (m for group in groups for m in group.members):
            places[member.parameter].add((number, member.axis, member.rows is not None))
    meets = defaultdict(set)
    for found in places.values():
        for (one, *here), (other, *there) in ordered_pairs(found, 2):
            if here != there:
                meets[one].add(other)
    return meets
