"""Ids: a number for everything that might be permuted, and what the operations say about them.

Every element of an activation carries the id of the unit that it belongs to. There are ids for
the indices along an axis of a parameter (the rows and columns of a weight), for the elements of a
parameter (a bias, a position embedding), and for blocks (a head, the channels that one group of a
convolution sees, a normalised set). Operations tie ids, put them into blocks, mark them with the
operand that they were, and colour them with the constants that they met. `group` makes groups out
of that.
"""

import hashlib
from dataclasses import dataclass, field

import numpy as np
import torch

from .group import ELEMENTWISE

FIXED = 0  # the label of inputs, outputs and constants
NEUTRAL = -1  # of padding and of zeros, which are the same for all units
UNIT, BLOCK, ELEMENT = range(3)  # the kinds of ids

MOST_COLOURED = 1 << 18  # of a weight that is multiplied by a mask every element is; it is fixed


@dataclass(eq=False)
class Slots:
    """Consecutive ids: the places along an axis of a parameter, or all its elements."""

    parameter: str
    axis: int | None  # None: the elements of the flattened parameter
    first: int
    count: int
    role: str  # what the first operation that used them did: see `group.Member`
    operation: int  # the number of that operation
    vector: bool = False  # whether the parameter has one axis
    # Of a grouped convolution: the number of its group, whose rows of the weight these are columns
    # of, int64 (rows,).
    part: int | None = None
    rows: np.ndarray | None = None


@dataclass
class Ids:
    """All ids of a network, and what its operations said about them."""

    operation: int = 0  # the number of the present operation: 1, 2, ...
    count: int = 1
    # (parameter, axis, part) -> its ids
    slots: dict[tuple, Slots] = field(default_factory=dict)
    # int64 (3, n) each: two ids that are tied, and the operation that tied them
    edges: list[np.ndarray] = field(default_factory=list)
    # (child, block, (operation, operand)): what lies in which block, in order
    children: list[tuple] = field(default_factory=list)
    # block -> the operation that made it
    blocks: dict[int, int] = field(default_factory=dict)
    # (operation, operand) and the ids that were in this operand, without duplicates
    marks: list[tuple] = field(default_factory=list)
    # id -> digests of the constants, or fixed values, that it met
    colours: dict[int, list] = field(default_factory=dict)
    # operation -> why what it ties to `FIXED` is fixed, if it is not what it reads
    reasons: dict[int, str] = field(default_factory=dict)
    # parameter -> why all its axes are fixed
    frozen: dict[str, str] = field(default_factory=dict)
    _kinds: list[np.ndarray] = field(default_factory=lambda: [np.array([UNIT], np.int8)])
    _known: dict[tuple, int] = field(default_factory=dict)

    def allocate(self, count: int, kind: int) -> int:
        """The first of so many new ids."""
        first = self.count
        self.count += count
        self._kinds.append(np.full(count, kind, np.int8))
        return first

    def kinds(self, ids: np.ndarray) -> np.ndarray:
        """Kind of each id, int8; ids below 0 count as `FIXED`."""
        if len(self._kinds) > 1:
            self._kinds = [np.concatenate(self._kinds)]
        return self._kinds[0][np.maximum(ids, FIXED)]

    def axis(self, parameter: str, axis: int, count: int, role: str, part=None, rows=None) -> int:
        """The first id of an axis of a parameter, of length `count`."""
        known = self._slots(parameter, axis, count, role, UNIT, part=part, rows=rows)
        if part is not None and not np.array_equal(known.rows, rows):
            raise NoRule("the same weight is in convolutions of different groups")
        return known.first

    def elements(self, parameter: str, count: int, vector: bool) -> int:
        """The first id of the elements of a parameter."""
        return self._slots(parameter, None, count, ELEMENTWISE, ELEMENT, vector=vector).first

    def _slots(self, parameter, axis, count, role, kind, *, part=None, **others) -> Slots:
        key = (parameter, axis, part)
        if key not in self.slots:
            first = self.allocate(count, kind)
            known = Slots(parameter, axis, first, count, role, self.operation, part=part, **others)
            self.slots[key] = known
        return self.slots[key]

    def tie(self, a: torch.Tensor, b: torch.Tensor) -> None:
        """Ids at the same place belong to the same unit; both are broadcast."""
        pairs = distinct_pairs(a, b)
        pairs = pairs[:, (pairs >= 0).all(0) & (pairs[0] != pairs[1])]
        self.tie_pairs(pairs)

    def tie_pairs(self, pairs: np.ndarray) -> None:
        """The same, of int64 (2, n)."""
        if pairs.size:
            operation = np.full((1, pairs.shape[1]), self.operation)
            self.edges.append(np.concatenate([pairs, operation]))

    def fix(self, labels: torch.Tensor) -> None:
        """These ids cannot be permuted."""
        self.tie(torch.tensor(FIXED), labels)

    def block(self, *operands: np.ndarray) -> int:
        """The block of these ordered lists of ids; equal lists have the same block."""
        key = tuple(np.asarray(ids).tobytes() for ids in operands)
        if key not in self._known:
            block = self._known[key] = self.allocate(1, BLOCK)
            self.blocks[block] = self.operation
            for operand, ids in enumerate(operands):
                self.put(ids, np.full(len(ids), block), operand)
        return self._known[key]

    def put(self, ids: np.ndarray, blocks: np.ndarray, operand: int) -> None:
        """Put ids into blocks, in this order."""
        pairs = dict.fromkeys(zip(ids.tolist(), blocks.tolist(), strict=True))
        role = (self.operation, operand)
        self.children += [(child, block, role) for child, block in pairs if child >= 0]

    def mark(self, operand: int, labels: torch.Tensor) -> None:
        """These ids were in this operand of the present operation."""
        self.marks.append(((self.operation, operand), distinct(labels)))

    def colour(self, labels: torch.Tensor, values: torch.Tensor) -> None:
        """Ids are alike only if the values that they met, in order, are the same; broadcast."""
        if values.numel() <= 1 or bool((values == values.flatten()[0]).all()):
            return
        labels, values = together(labels, values)
        labels, values = labels.numpy(), values.contiguous().numpy()
        order = np.argsort(labels, kind="stable")
        ids, starts = np.unique(labels[order], return_index=True)
        if len(ids) > MOST_COLOURED:
            self.reasons.setdefault(self.operation, "too many parameters meet different constants")
            self.fix(torch.from_numpy(ids))
            return
        for one, met in zip(ids.tolist(), np.split(values[order], starts[1:]), strict=True):
            if one > 0:
                digest = hashlib.sha1(met.tobytes()).hexdigest()
                self.colours.setdefault(one, []).append((self.operation, digest))


class NoRule(Exception):
    """An operation, or this use of it, has no rule: the reason."""


def core(*tensors: torch.Tensor) -> list[torch.Tensor]:
    """Tensors of the same shape, each cut to length 1 along axes where all of them are expanded."""
    keep = tuple(
        slice(None) if any(t.stride(d) for t in tensors) else slice(1)
        for d in range(tensors[0].ndim)
    )
    return [t[keep] for t in tensors]


def together(a: torch.Tensor, b: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """Two tensors, broadcast and flat, without the repetitions along axes that both lack."""
    a, b = core(*torch.broadcast_tensors(a, b))
    return a.reshape(-1), b.reshape(-1)


def distinct_pairs(a: torch.Tensor, b: torch.Tensor) -> np.ndarray:
    """The different pairs of entries at the same place, int64 (2, n), sorted."""
    a, b = (t.numpy().astype(np.int64) + 1 for t in together(a, b))
    codes = np.unique(a << 32 | b)
    return np.stack([codes >> 32, codes & 0xFFFFFFFF]) - 1


def distinct(labels: torch.Tensor) -> np.ndarray:
    """The different positive entries, int64, sorted; faster than np.unique."""
    ids = core(labels)[0].numpy().ravel()
    ids = ids[ids > 0]
    if not ids.size:
        return ids
    seen = np.zeros(ids.max() - ids.min() + 1, bool)
    seen[ids - ids.min()] = True
    return np.flatnonzero(seen) + ids.min()


def thin(labels: torch.Tensor) -> torch.Tensor:
    """The same labels, expanded along every axis that they do not vary along."""
    small = labels
    for d in range(labels.ndim if labels.numel() else 0):
        first = small.narrow(d, 0, 1)
        if small.stride(d) == 0 or (
            torch.equal(first, small.narrow(d, small.shape[d] - 1, 1))
            and torch.equal(first.expand_as(small), small)
        ):
            small = first
    return small.expand(labels.shape)


def varies(labels: torch.Tensor, axis: int) -> bool:
    """Whether labels differ along an axis."""
    return bool((labels != labels.narrow(axis, 0, 1)).any())
