"""Values of the graph, tensors with the units of their elements; and calls of operations."""

import math
from dataclasses import dataclass, field
from typing import Any

import torch

from .ids import ELEMENT, FIXED, NEUTRAL, UNIT, Ids, NoRule, core


@dataclass(frozen=True)
class Source:
    """The parameter that a value is a part of, with its elements in some order.

    Parameters
    ----------
    parameter, shape
        Name and shape of the parameter.
    index
        Which element of the flat parameter each element of the value is, int64 of the value's
        shape; None if it is the parameter itself.
    """

    parameter: str
    shape: torch.Size
    index: torch.Tensor | None = None

    def places(self) -> torch.Tensor:
        """`index`, also where it is None."""
        if self.index is None:
            return torch.arange(math.prod(self.shape)).reshape(self.shape)
        return self.index


@dataclass(frozen=True)
class Value:
    """A tensor of the graph. One without labels and without a source is a constant.

    Parameters
    ----------
    data
        The tensor, computed from the example.
    labels
        The id of each element, int64 of the tensor's shape, as `thin` leaves it.
    source
        Of a parameter that nothing was computed of yet. Its elements get ids when they are needed.
    """

    data: torch.Tensor
    labels: torch.Tensor | None = None
    source: Source | None = None

    @property
    def constant(self) -> bool:
        """Whether it depends neither on the input nor on a parameter."""
        return self.labels is None and self.source is None


@dataclass
class Call:
    """An operation of the graph with its operands, as the rules see it.

    Parameters
    ----------
    ids
        Where to say what it does.
    name, target
        The operation: its name without a trailing underscore, and what torch calls.
    args, kwargs
        As in the graph, with `Value` for tensors.
    output
        What it returned: a tensor, or several.
    used
        Which of several outputs something reads.
    """

    ids: Ids
    name: str
    target: Any
    args: tuple
    kwargs: dict
    output: Any
    used: set[int] = field(default_factory=lambda: {0})

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

        Raises
        ------
        NoRule
            It is not a parameter, or a part of one in which that dimension is one of its axes.
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
    index = source.index
    if not index.numel():
        raise NoRule("its weight is empty")
    line = index.movedim(dim, 0).reshape(index.shape[dim], -1)[:, 0]
    strides = [math.prod(source.shape[axis + 1 :]) for axis in range(len(source.shape))]
    moving = [
        axis
        for axis, stride in enumerate(strides)
        if bool(((here := line // stride % source.shape[axis]) != here[0]).any())
    ]
    if len(moving) == 1:
        axis = moving[0]
        places = line // strides[axis] % source.shape[axis]
        expected = places.reshape([-1 if d == dim else 1 for d in range(index.ndim)])
        if torch.equal(
            index // strides[axis] % source.shape[axis], expected.expand_as(index).contiguous()
        ):
            return axis, places
    raise NoRule("its weight is a part of a parameter that does not follow its axes")


def as_units(ids: Ids, labels: torch.Tensor) -> torch.Tensor:
    """Labels in which elements of parameters that became part of an activation are units.

    A class token has ids of elements; joined with the tokens of the input it is part of an
    activation, whose elements have ids of units.
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


def leaves(tree: Any) -> list:
    """All leaves of nested arguments; a `Value` is one."""
    return torch.utils._pytree.tree_leaves(tree, is_leaf=lambda v: isinstance(v, Value))


def substitute(function, tree: Any) -> Any:
    """Nested arguments with every `Value` replaced by function(value)."""
    return torch.utils._pytree.tree_map(
        lambda v: function(v) if isinstance(v, Value) else v,
        tree,
        is_leaf=lambda v: isinstance(v, Value),
    )
