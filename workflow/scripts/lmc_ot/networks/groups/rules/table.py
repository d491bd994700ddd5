"""The table of rules."""

from collections.abc import Callable
from dataclasses import dataclass

import torch

from ..values import Call

RULES: dict[str, "Rule"] = {}
"""ATen name without overload and trailing underscore -> its rule."""


@dataclass(frozen=True)
class Rule:
    """What an operation does to ids.

    Parameters
    ----------
    function
        Takes the `Call`; ties ids or puts them into blocks. It returns the labels of the first
        output (broadcast to its shape), or a `Value`, or a list of those, one for each output. It
        raises `NoRule` where it cannot tell, and what the operation reads is fixed then.
    moves
        Whether the operation computes nothing: it does not matter which units went through it.
    """

    function: Callable[[Call], object]
    moves: bool = False


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
