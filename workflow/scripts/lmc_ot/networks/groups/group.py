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

    Parameters
    ----------
    parameter
        Its name in the state dict, of a tied parameter one of its names (see `Groups.aliases`).
    axis
        None: the parameter is flattened.
    places
        int32 (heads x units, places of a unit): the places on that axis.
    role
        ``produces`` (rows of a weight), ``consumes`` (columns), ``embedding`` (columns of a table),
        or ``elementwise``.
    rows
        int32 (heads, rows): of a grouped convolution, the places of head i are on an axis of these
        rows of the weight alone. Else None.
    """

    parameter: str
    axis: int | None
    places: np.ndarray
    role: str
    rows: np.ndarray | None = None


@dataclass(frozen=True)
class Tap:
    """A value of the graph that holds the activations of a group's units.

    Parameters
    ----------
    value
        Its name in the exported graph, or `INPUT`.
    axis
        The axis of the value that the units lie on; along all others are samples.
    places
        int32 (heads x units, places of a unit): the places on that axis.
    """

    value: str
    axis: int
    places: np.ndarray


@dataclass(frozen=True)
class BatchNorm:
    """A batch norm that follows a layer: the names of its scale and of its running variance."""

    scale: str | None
    variance: str
    epsilon: float


@dataclass(frozen=True)
class Producer:
    """An operation that makes the units of a group from what it reads, by a weight.

    Parameters
    ----------
    parameter
        The name of the weight, whose member of role ``produces`` or ``embedding`` has the rows.
    axis
        The axis of the weight that the units lie on.
    bias
        The name of its bias, if it has one.
    output
        The units in what the operation returns, with its name in the exported graph.
    input
        The value that the operation reads.
    reads
        The value that a dense layer reads: the values of a `Tap`, or `INPUT` as rows of pixels in
        the order (height, width, channels). None if it reads them in another way: pooled, or by a
        convolution.
    consumes
        The groups whose units it reads.
    norm
        The batch norm of its output, if nothing else reads the output.
    """

    parameter: str
    axis: int
    bias: str | None
    output: Tap
    input: str
    reads: str | None
    consumes: tuple[str, ...]
    norm: BatchNorm | None


@dataclass(frozen=True)
class Group:
    """Units that can be permuted, within heads if there are several.

    Parameters
    ----------
    name
        That of the layer that makes the units.
    units
        How many there are, in each head.
    heads
        If more than 1, heads can be permuted, too.
    members
        In the order in which the network uses them.
    family
        Groups of one family have the same heads, which are permuted together; None if `heads` is 1.
    producers
        What makes the units, in the order of the network; empty if no operation is known.
    taps
        Where their activations are read: what the operations that consume them see, before pooling;
        of units that no weight reads, such as queries and keys, what their producers return.
    """

    name: str
    units: int
    members: tuple[Member, ...]
    heads: int = 1
    family: str | None = None
    producers: tuple[Producer, ...] = ()
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
    """Places of a parameter that are in no group, and why."""

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
    """The groups of a network, in the order in which the network makes their units.

    Parameters
    ----------
    groups
        Their names differ.
    aliases
        Parameter -> its other names, of those that have several.
    frozen
        What is in no group.
    unknown
        Operations without a rule. What they read is frozen.
    seconds
        How long it took.
    buffers
        Entries of the state dict that are measured instead of trained: running statistics.
    """

    groups: tuple[Group, ...]
    aliases: dict[str, tuple[str, ...]]
    frozen: tuple[Frozen, ...]
    unknown: tuple[Unknown, ...]
    seconds: float
    buffers: tuple[str, ...] = ()

    def __iter__(self) -> Iterator[Group]:
        return iter(self.groups)

    def __len__(self) -> int:
        return len(self.groups)

    def __getitem__(self, name: str) -> Group:
        for group in self.groups:
            if group.name == name:
                return group
        raise KeyError(name)

    @property
    def families(self) -> dict[str, list[Group]]:
        """Family -> its groups."""
        found = defaultdict(list)
        for group in self.groups:
            if group.family is not None:
                found[group.family].append(group)
        return dict(found)

    @property
    def together(self) -> list[tuple[Group, ...]]:
        """What is permuted together, in order: a single group, or all groups of a family."""
        families = self.families
        return [
            (group,) if group.family is None else tuple(families[group.family])
            for group in self.groups
            if group.family is None or families[group.family][0] is group
        ]

    @property
    def symmetric_sets(self) -> int:
        """How many sets of units can be permuted within: one for each head of each group."""
        return sum(group.heads for group in self.groups if group.units > 1)

    def order(self, name: str) -> int:
        """The number of a group in the network, from 1: what figures call the layer."""
        return [group.name for group in self.groups].index(name) + 1

    def without(self, names: Collection[str], what: str) -> "Groups":
        """The same network with some groups left alone; a family is left alone as a whole.

        Parameters
        ----------
        what
            What names the groups, for the message.

        Raises
        ------
        UserError
            There is no group of that name.
        """
        known = [group.name for group in self.groups]
        for name in names:
            if name not in known:
                raise UserError(
                    f"{what}: the network has no group {name!r}: expected some of "
                    f"{', '.join(known[:20])}"
                )
        families = {self[name].family for name in names} - {None}
        left = tuple(g for g in self.groups if g.name not in names and g.family not in families)
        return replace(self, groups=left)
