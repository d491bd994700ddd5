"""From ids to units: which ids are one unit, which units are alike, and which blocks are one.

Ids that were tied are one unit: a connected component of the ties. Two units are alike if their
ids own places of the same parameters, met the same constants, lie in the same blocks, and met the
same operations as the same operands. The last is compared as Weisfeiler and Leman compare graphs:
every id has a mark, a hash of the operations that it met, which is refined along the ties.
"""

from collections import Counter, defaultdict

import numpy as np
from scipy.sparse import coo_matrix
from scipy.sparse.csgraph import breadth_first_order, connected_components

from .ids import FIXED, Ids, Slots

ROUNDS = 4  # of the refinement
INPUT = "the network's input, or a constant"


class Units:
    """The units of a network. A unit is the number of a component.

    Attributes
    ----------
    unit
        Id -> its unit, int (ids,).
    fixed
        The unit of what cannot be permuted.
    own
        Unit -> `Slots` -> the places that it owns there, in an order that alike units share.
    blocks
        The units that are blocks, perhaps with places of their own (a scale for each head).
    inside
        Unit -> the blocks that it lies in.
    heads
        Merged block -> (operation, operand) -> its units, in order.
    parts
        Merged block -> the blocks that are merged in it, as `inside` names them.
    wholes
        Merged block -> the units that its blocks are.
    """

    def __init__(self, ids: Ids):
        _settle(ids)
        none = np.zeros((3, 0), np.int64)
        self.ids = ids
        self.edges = np.concatenate([none, *ids.edges], axis=1)
        self.unit = _components(self.edges[:2].T, ids.count)
        self.fixed = self.unit[FIXED]
        marks = self._marks()
        self._met = np.zeros(self.unit.max() + 1, np.uint64)
        np.add.at(self._met, self.unit, _mixed(marks))
        self.own = self._owned(marks)
        self._colours = defaultdict(set)
        for one, met in ids.colours.items():
            self._colours[self.unit[one]] |= set(met)
        self._merge_blocks()

    def signature(self, unit: int, head: int | None = None) -> tuple:
        """Equal for units that are alike.

        Parameters
        ----------
        head
            The merged block that it is seen in: that it lies in there does not count, nor do
            columns that only its group of a convolution has.
        """
        # The slots of all units are in the same order.
        places = tuple(
            (slots.first, len(found))
            for slots, found in self.own.get(unit, {}).items()
            if head is None or slots.part is None
        )
        blocks = self.inside[unit] - (self.parts[head] if head is not None else set())
        colours = sorted(self._colours.get(unit, ()))
        return places, tuple(sorted(blocks)), tuple(colours), int(self._met[unit])

    def _marks(self) -> np.ndarray:
        """A hash for every id, uint64: the operations that it met, refined along the ties."""
        stream = np.random.default_rng(0)
        ids, operations = self.ids, self.ids.operation + 1
        marks = np.zeros(ids.count, np.uint64)
        numbers = defaultdict(lambda: stream.integers(1, 2**63, dtype=np.uint64))
        for role, met in ids.marks:
            marks[met] += numbers[role]
        for slots in ids.slots.values():
            here = slice(slots.first, slots.first + slots.count)
            marks[here] += numbers[slots.parameter, slots.axis]
        salts = stream.integers(1, 2**63, (2, operations), dtype=np.uint64)
        a, b, operation = self.edges
        for _ in range(ROUNDS):
            refined = marks.copy()
            np.add.at(refined, a, _mixed(marks[b] ^ salts[0, operation]))
            np.add.at(refined, b, _mixed(marks[a] ^ salts[1, operation]))
            marks = _mixed(refined)
        return marks

    def _owned(self, marks: np.ndarray) -> dict[int, dict[Slots, np.ndarray]]:
        own = defaultdict(dict)
        for slots in self.ids.slots.values():
            here = slice(slots.first, slots.first + slots.count)
            units = self.unit[here]
            order = np.lexsort((marks[here], units))  # stable: then by place
            found, starts = np.unique(units[order], return_index=True)
            for unit, places in zip(found.tolist(), np.split(order, starts[1:]), strict=True):
                if unit != self.fixed:
                    own[unit][slots] = places
        return dict(own)

    def _merge_blocks(self) -> None:
        """Blocks that move together are one, however many operations made them.

        Those are: blocks that are tied; blocks of different operations with the same units, if
        these blocks of an operation differ (the queries of a head, and its values); and blocks
        that share units, if their operations made several different ones.
        """
        made = self.ids.blocks
        children = defaultdict(lambda: defaultdict(dict))
        for child, block, role in self.ids.children:
            children[block][role][int(self.unit[child])] = None
        units = {
            b: frozenset(u for found in roles.values() for u in found)
            for b, roles in children.items()
        }
        repeated = Counter((made[b], found) for b, found in units.items())
        different = defaultdict(set)
        first, named, owner, pairs = {}, {}, {}, []
        for block, found in units.items():
            different[made[block]].add(found)
            single = repeated[made[block], found] == 1
            named[block] = first.setdefault(found, block) if single else block
            pairs.append((self.unit[block], self.unit[named[block]]))
        for block, found in units.items():
            if len(different[made[block]]) > 1:
                pairs += [
                    (self.unit[block], self.unit[owner.setdefault(unit, block)]) for unit in found
                ]
        merged = _components(np.array(pairs).reshape(-1, 2), self.unit.max() + 1)
        self.inside, self.parts = defaultdict(set), defaultdict(set)
        self.heads = defaultdict(lambda: defaultdict(dict))
        for block, roles in children.items():
            head = int(merged[self.unit[block]])
            self.parts[head].add(named[block])
            for role, found in roles.items():
                self.heads[head][role].update(found)
                for unit in found:
                    self.inside[unit].add(named[block])
        self.blocks = {int(self.unit[block]) for block in made}
        self.wholes = defaultdict(list)
        for unit in sorted(self.blocks):
            self.wholes[int(merged[unit])].append(unit)
        self.heads.pop(int(merged[self.fixed]), None)

    def reasons(self) -> dict[int, str]:
        """Id -> why it is fixed, for all ids of slots that are."""
        a, b, operation = self.edges
        starts = {}
        for other, where in ((b, a), (a, b)):
            at = np.flatnonzero(where == FIXED)
            starts.update(zip(other[at[::-1]].tolist(), operation[at[::-1]].tolist(), strict=True))
        both = np.concatenate([a, b]), np.concatenate([b, a])
        graph = coo_matrix((np.ones(len(both[0]), np.int8), both), (self.ids.count,) * 2).tocsr()
        _, before = breadth_first_order(graph, FIXED)
        before[before < 0] = FIXED
        root = np.where(before == FIXED, np.arange(len(before)), before)
        while not np.array_equal(root, further := root[root]):
            root = further
        return {
            id: self.ids.reasons.get(starts.get(int(root[id]), -1), INPUT)
            for slots in self.ids.slots.values()
            for id in range(slots.first, slots.first + slots.count)
            if self.unit[id] == self.fixed
        }


def _settle(ids: Ids) -> None:
    """Fix what operations without a rule read, and what is read in two ways that do not agree."""
    by_parameter = defaultdict(list)
    for slots in ids.slots.values():
        by_parameter[slots.parameter].append(slots)
    for parameter, found in by_parameter.items():
        flat = [slots for slots in found if slots.axis is None]
        if len(flat) < len(found) and flat:
            whole = [slots for slots in found if slots.count == flat[0].count]
            if len(whole) == len(found) == 2:  # a vector: its elements are the places on its axis
                places = np.arange(flat[0].count)
                ids.operation += 1
                ids.tie_pairs(np.stack([slots.first + places for slots in found]))
            else:
                both = "it is both a layer's weight and used element by element"
                ids.frozen.setdefault(parameter, both)
        if parameter in ids.frozen:
            ids.operation += 1
            ids.reasons[ids.operation] = ids.frozen[parameter]
            for slots in found:
                places = slots.first + np.arange(slots.count)
                ids.tie_pairs(np.stack([np.full(slots.count, FIXED), places]))


def _components(pairs: np.ndarray, count: int) -> np.ndarray:
    graph = coo_matrix((np.ones(len(pairs), np.int8), pairs.T), (count, count))
    return connected_components(graph, directed=False)[1]


def _mixed(hashes: np.ndarray) -> np.ndarray:
    """Well mixed 64-bit hashes of hashes, of which sums can be taken."""
    with np.errstate(over="ignore"):
        mixed = (hashes ^ (hashes >> np.uint64(29))) * np.uint64(0xBF58476D1CE4E5B9)
    return mixed ^ (mixed >> np.uint64(32))
