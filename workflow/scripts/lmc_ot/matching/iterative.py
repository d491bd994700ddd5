"""Matchers that improve the permutations of all groups until none can be improved alone."""

from abc import abstractmethod

import numpy as np

from ..networks.groups.apply import Permutations, compose, identity, permute, random
from ..networks.groups.group import Group
from ..tables import Parameters
from .assignment import assign
from .matcher import Match, Matcher, Pair

# A step must raise the objective by more than this fraction, which rounding errors do not reach.
RISE = 1e-9


class IterativeMatcher(Matcher):
    """Coordinate ascent over the groups, in random order, from several starts.

    Parameters
    ----------
    starts
        Number of starts, see `start`. The best result is kept.
    sweeps
        Largest number of times that all groups are visited.
    """

    def __init__(self, starts: int, sweeps: int):
        self.starts, self.sweeps = starts, sweeps

    @abstractmethod
    def similarity(self, pair: Pair, group: Group, b: Parameters) -> np.ndarray:
        """Return S, float64 (units, units), between A and B as it is permuted at present."""

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
        for number in range(self.starts):
            reached = self._climb(pair, self.start(pair, number))
            permutations = {group.name: reached[group.name] for group in pair.groups}
            b = permute(pair.b.parameters, pair.groups, permutations)
            found.append((self.objective(pair, pair.groups.groups, b), permutations, b))
        best, permutations, b = max(found, key=lambda one: one[0])
        outcome = Match(permutations, spread=float(best - min(one[0] for one in found)))
        for group in pair.groups:
            similarity = self.similarity(pair, group, b)
            outcome.objectives[group.name] = float(np.trace(similarity))
            back = np.argsort(permutations[group.name])
            outcome.identity_objectives[group.name] = float(
                similarity[np.arange(len(back)), back].sum()
            )
            outcome.norms[group.name] = self.norms(pair, group)
        return outcome

    def _climb(self, pair: Pair, permutations: Permutations) -> Permutations:
        """Visit the groups in random order until no visit raises the objective."""
        b = permute(pair.b.parameters, pair.groups, permutations)
        together = pair.groups.together
        for _ in range(self.sweeps):
            rose = False
            for number in pair.stream.permutation(len(together)):
                groups = together[number]
                similarities = [self.similarity(pair, group, b) for group in groups]
                found = assign(similarities, groups[0].heads)
                step = {group.name: p for group, p in zip(groups, found, strict=True)}
                moved = permute(b, pair.groups, step)
                before, after = (self.objective(pair, groups, x) for x in (b, moved))
                if after > before + RISE * abs(before):
                    b, permutations, rose = moved, compose(permutations, step), True
            if not rose:
                break
        return permutations
