"""Values of the graph, calls of its operations, and the table of rules."""

import math
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import torch
from torch.utils._pytree import tree_leaves, tree_map_only

from .ids import ELEMENT, FIXED, NEUTRAL, UNIT, Ids, NoRule, core


@dataclass(frozen=True)
class Source:
    """The parameter that a value is a part of."""

    parameter: str
    shape: torch.Size  # of the parameter
    # Which element of the flat parameter each element of the value is, int64 of the value's shape;
    # None if it is the parameter itself.
    index: torch.Tensor | None = None

    def places(self) -> torch.Tensor:
        """`index`, also where it is None."""
        if self.index is None:
            return torch.arange(math.prod(self.shape)).reshape(self.shape)
        return self.index


@dataclass(frozen=True)
class Value:
    """A tensor of the graph. One without labels and without a source is a constant."""

    data: torch.Tensor  # computed from the example
    labels: torch.Tensor | None = None  # the id of each element, int64, as `thin` leaves it
    # Of a parameter that nothing was computed of yet. Its elements get ids when they are needed.
    source: Source | None = None

    @property
    def constant(self) -> bool:
        """Whether it depends neither on the input nor on a parameter."""
        return self.labels is None and self.source is None


@dataclass
class Call:
    """An operation of the graph with its operands, as the rules see it."""

    ids: Ids  # where to say what it does
    name: str  # without a trailing underscore
    target: Any  # what torch calls
    args: tuple  # with `Value` for tensors, like kwargs
    kwargs: dict
    output: Any  # what it returned: a tensor, or several
    used: set[int] = field(default_factory=lambda: {0})  # which of several something reads

    @property
    def out(self) -> torch.Tensor:
        """The first tensor that it returned."""
        return self.output if isinstance(self.output, torch.Tensor) else self.output[0]

    @property
    def values(self) -> list[Value]:
        """All operands that are tensors, in order."""
        return [v for v in leaves((self.args, self.kwargs)) if isinstance(v, Value)]

    @property
    def live(self) -> list[Value]:
        """Those that are not constants."""
        return [v for v in self.values if not v.constant]

    def arg(self, position: int, name: str, default: Any = None) -> Any:
        """An argument, given by position or by name."""
        if len(self.args) > position:
            return self.args[position]
        return self.kwargs.get(name, default)

    def labels(self, value: Value) -> torch.Tensor:
        """The id of each element of a value."""
        if value.labels is not None:
            return value.labels
        if value.source is not None:
            source = value.source
            count, vector = math.prod(source.shape), len(source.shape) == 1
            first = self.ids.elements(source.parameter, count, vector)
            return first + source.places()
        return torch.where(value.data == 0, NEUTRAL, FIXED).expand(value.data.shape)

    def weight(self, value: Value, dim: int, role: str) -> torch.Tensor:
        """The ids of a weight's indices along a dimension of it, int64 (length,).

        Raises NoRule if it is not a parameter, or that dimension does not follow an axis of it.
        """
        source = value.source
        if source is None:
            raise NoRule("its weight is computed from parameters")
        axis, places = _axis(source, dim % value.data.ndim)
        length = source.shape[axis]
        return self.ids.axis(source.parameter, axis, length, role) + places

    def freezes(self, reason: str) -> None:
        """Nothing that it reads can be permuted, because of that."""
        self.ids.reasons[self.ids.operation] = reason
        for value in self.live:
            if value.labels is None:
                self.ids.frozen.setdefault(value.source.parameter, reason)
            else:
                self.ids.fix(value.labels)


def _axis(source: Source, dim: int) -> tuple[int, torch.Tensor]:
    """The axis of the parameter that a dimension of its part runs along, and the places on it."""
    if source.index is None:
        return dim, torch.arange(source.shape[dim])
    if not source.index.numel():
        raise NoRule("its weight is empty")
    lines = [
        places.movedim(dim, 0).reshape(source.index.shape[dim], -1)
        for places in torch.unravel_index(source.index, source.shape)
    ]
    moving = [axis for axis, line in enumerate(lines) if bool((line[:, 0] != line[0, 0]).any())]
    if len(moving) == 1:
        line = lines[moving[0]]
        if bool((line == line[:, :1]).all()):
            return moving[0], line[:, 0]
    raise NoRule("its weight is a part of a parameter that does not follow its axes")


def as_units(ids: Ids, labels: torch.Tensor) -> torch.Tensor:
    """Labels in which elements of parameters that became part of an activation are units.

    A class token has ids of elements; joined with the tokens of the input, its elements are units.
    """
    small = core(labels)[0]
    elements = torch.as_tensor(ids.kinds(small.numpy()) == ELEMENT)
    if not elements.any() or elements.all():
        return labels
    old, inverse = torch.unique(small[elements], return_inverse=True)
    new = ids.allocate(len(old), UNIT) + torch.arange(len(old))
    ids.tie(old, new)
    small = small.clone()
    small[elements] = new[inverse]
    return small.expand(labels.shape)


def _is_value(leaf: Any) -> bool:
    return isinstance(leaf, Value)


def leaves(tree: Any) -> list:
    """All leaves of nested arguments; a `Value` is one."""
    return tree_leaves(tree, is_leaf=_is_value)


def substitute(function, tree: Any, kind: type = Value) -> Any:
    """Nested arguments with every `Value`, or else tensor, replaced by function(value)."""
    return tree_map_only(kind, function, tree, is_leaf=_is_value)


RULES: dict[str, "Rule"] = {}
"""ATen name without overload and trailing underscore -> its rule."""


@dataclass(frozen=True)
class Rule:
    """What an operation does to ids.

    The function ties ids or puts them into blocks. It returns the labels of the first output
    (broadcast to its shape), or a `Value`, or a list of those, one for each output. It raises
    `NoRule` where it cannot tell, and what the operation reads is fixed then.
    """

    function: Callable[[Call], object]
    moves: bool = False  # whether it computes nothing: which units went through does not matter


def rule(*names: str, moves: bool = False):
    """Register a function as the rule of these operations; a string may hold several names."""

    def register(function):
        RULES.update(dict.fromkeys(" ".join(names).split(), Rule(function, moves)))
        return function

    return register


def name_of(target) -> str:
    """The name under which an operation is registered: relu for aten.relu_.default."""
    schema = getattr(target, "_schema", None)
    name = schema.name.split("::")[-1] if schema else getattr(target, "__name__", str(target))
    return name if name.startswith("_") else name.rstrip("_")


def find(target) -> Rule | None:
    """The rule of an operation: its own, or that of all pointwise operations; None without one."""
    name = name_of(target)
    if name in RULES:
        return RULES[name]
    plain = getattr(getattr(torch.ops.aten, name, None), getattr(target, "_overloadname", ""), None)
    tags = [*getattr(target, "tags", ()), *getattr(plain, "tags", ())]
    return RULES["pointwise"] if torch.Tag.pointwise in tags else None
