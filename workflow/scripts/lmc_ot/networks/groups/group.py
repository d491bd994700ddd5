"""Groups of units that can be permuted without a change of the network's function: the data.

Nothing here needs torch: jobs that only read weights or recorded activations use it. `derive` makes
groups of a module, `table` keeps them in a file.
"""

from collections import defaultdict
from collections.abc import Collection, Iterator
from dataclasses import dataclass, replace

import numpy as np

from ...errors import UserError

INPUT = "input"  # the value that the network reads
PRODUCES, CONSUMES, ELEMENTWISE, EMBEDDING = "produces", "consumes", "elementwise", "embedding"


@dataclass(frozen=True)
class Member:
    """Where the units of a group are in a parameter.

    The role is ``produces`` (rows of a weight), ``consumes`` (columns), ``embedding`` (columns of a
    table), or ``elementwise``.
    """

    parameter: str  # its name in the state dict; of a tied one, one of its names: `Groups.aliases`
    axis: int | None  # None: the parameter is flattened
    places: np.ndarray  # on that axis, int32 (heads x units, places of a unit)
    role: str
    # int32 (heads, rows): of a grouped convolution, the places of head i are on an axis of these
    # rows of the weight alone
    rows: np.ndarray | None = None


@dataclass(frozen=True)
class Tap:
    """A value of the exported graph, or `INPUT`, that holds the activations of a group's units."""

    value: str
    axis: int  # that the units lie on; along all others are samples
    places: np.ndarray  # on that axis, int32 (heads x units, places of a unit)


@dataclass(frozen=True)
class BatchNorm:
    """A batch norm that follows a layer: the names of its scale and of its running variance."""

    scale: str | None
    variance: str
    epsilon: float


@dataclass(frozen=True)
class Producer:
    """An operation that makes the units of a group from what it reads, by a weight.

    `reads` is the value that a dense layer reads: the values of a `Tap`, or `INPUT` as rows of
    pixels in the order (height, width, channels). It is None if they are read in another way:
    pooled, or by a convolution.
    """

    parameter: str  # the weight, whose member of role ``produces`` or ``embedding`` has the rows
    axis: int  # of the weight, that the units lie on
    bias: str | None
    output: Tap  # the units in what the operation returns
    input: str  # the value that the operation reads
    reads: str | None
    consumes: tuple[str, ...]  # the groups whose units it reads
    norm: BatchNorm | None  # of its output, if nothing else reads the output


@dataclass(frozen=True)
class Group:
    """Units that can be permuted, within heads if there are several.

    Groups of one family have the same heads, which are permuted together; it is None for one head.
    Taps are what the operations that consume the units see, before pooling; of units that no weight
    reads, such as queries and keys, what their producers return.
    """

    name: str  # of the layer that makes the units
    units: int  # in each head
    members: tuple[Member, ...]  # in the order in which the network uses them
    heads: int = 1  # can be permuted, too, if there are several
    family: str | None = None
    producers: tuple[Producer, ...] = ()  # in the order of the network; none if none is known
    taps: tuple[Tap, ...] = ()

    @property
    def size(self) -> int:
        """The length of a flat permutation."""
        return self.heads * self.units

    def row(self, parameter: str) -> Member | None:
        """The member that holds the rows of a weight; None if the weight makes no units here."""
        for member in self.members:
            if member.parameter == parameter and member.role in (PRODUCES, EMBEDDING):
                return member
        return None


@dataclass(frozen=True)
class Frozen:
    """So many places of a parameter that are in no group, and why."""

    parameter: str
    axis: int | None
    places: int
    reason: str


@dataclass(frozen=True)
class Unknown:
    """An operation that no rule describes, the module that ran it, and why it has no rule."""

    operation: str
    module: str
    reason: str


@dataclass(frozen=True)
class Groups:
    """The groups of a network, in the order in which the network makes their units."""

    groups: tuple[Group, ...]  # with different names
    aliases: dict[str, tuple[str, ...]]  # parameter -> its other names, of those that have several
    frozen: tuple[Frozen, ...]
    unknown: tuple[Unknown, ...]  # what these operations read is frozen
    seconds: float  # to derive them
    buffers: tuple[str, ...] = ()  # what is measured instead of trained: running statistics

    def __iter__(self) -> Iterator[Group]:
        return iter(self.groups)

    def __len__(self) -> int:
        return len(self.groups)

    def __getitem__(self, name: str) -> Group:
        return {group.name: group for group in self.groups}[name]

    @property
    def families(self) -> dict[str, list[Group]]:
        """Family -> its groups."""
        return {groups[0].family: list(groups) for groups in self.together if groups[0].family}

    @property
    def together(self) -> list[tuple[Group, ...]]:
        """What is permuted together, in order: a single group, or all groups of a family."""
        found: dict[str, list[Group]] = defaultdict(list)
        for group in self.groups:  # a family has the name of its first group
            found[group.family or group.name].append(group)
        return [tuple(groups) for groups in found.values()]

    @property
    def symmetric_sets(self) -> int:
        """How many sets of units can be permuted within: one for each head of each group."""
        return sum(group.heads for group in self.groups if group.units > 1)

    def without(self, names: Collection[str], what: str) -> "Groups":
        """The same network with some groups left alone; a family is left alone as a whole.

        Raises UserError if a name is not that of a group; `what` is the key or argument that holds
        the names.
        """
        known = [group.name for group in self.groups]
        for name in names:
            if name not in known:
                some = ", ".join(known[:20])
                raise UserError(
                    f"{what}: the network has no group {name!r}: expected some of {some}"
                )
        families = {self[name].family for name in names} - {None}
        left = tuple(g for g in self.groups if g.name not in names and g.family not in families)
        return replace(self, groups=left)
