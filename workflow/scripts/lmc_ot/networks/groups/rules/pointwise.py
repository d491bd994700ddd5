"""Pointwise operations: what is at the same place is of one unit, or of a unit and its block."""

from collections import Counter

import numpy as np
import torch

from ..group import PRODUCES
from ..ids import (
    BLOCK,
    ELEMENT,
    FIXED,
    NEUTRAL,
    UNIT,
    Ids,
    core,
    distinct_pairs,
    thin,
)
from ..values import Call, Value
from .table import rule

NESTED = 9  # the operand of ids that are put into blocks that were there before


@rule(
    "pointwise",  # all that have torch's tag; these lack it
    "hardswish log_sigmoid log_sigmoid_forward floor_divide softsign tanhshrink",
)
def pointwise(call: Call):
    """Of one parameter and numbers, still that parameter; else `combine`."""
    live = call.live
    alone = len(live) == 1 and live[0].source is not None
    same = call.out.shape == live[0].data.shape and call.out.is_floating_point()
    if alone and same and all(_uniform(v.data) for v in call.values if v is not live[0]):
        return Value(call.out, source=live[0].source)
    return combine(call, call.values, call.out.shape)


@rule("prelu")
def prelu(call: Call):
    """One slope for all channels, or one for each."""
    values, slopes = call.args[:2]
    if slopes.data.numel() > 1:
        channelwise(call, values, [slopes])
    return call.labels(values)


@rule("glu")
def glu(call: Call):
    """Values times the sigmoid of gates: the two halves of an axis."""
    halves = call.labels(call.args[0]).chunk(2, call.arg(1, "dim", -1))
    data = call.args[0].data.chunk(2, call.arg(1, "dim", -1))
    values = [Value(d, thin(half)) for d, half in zip(data, halves, strict=True)]
    return combine(call, values, call.out.shape)


@rule("_weight_norm")
def weight_norm(call: Call):
    """g v / |v|, the norm taken along all axes but one: as v, with g on that axis."""
    direction, scale = call.args[:2]
    dim = call.arg(2, "dim", 0)
    call.ids.tie(call.weight(direction, dim, PRODUCES), call.labels(scale).flatten())
    return Value(call.out, source=direction.source)


def channelwise(call: Call, values: Value, vectors: list[Value | None]) -> None:
    """Vectors of one number for each channel, the second axis of the values."""
    channels = call.labels(values).movedim(1, -1)
    for vector in vectors:
        if vector is not None:
            call.ids.tie(call.labels(vector), channels)


def combine(call: Call, values: list[Value], shape: torch.Size) -> torch.Tensor:
    """The labels of a pointwise function of values that are broadcast to a shape.

    Constants, and inputs of the network, do not belong to units: they colour those that they meet.
    """
    live = [v for v in values if not v.constant]
    out = thin(call.labels(live[0]).broadcast_to(shape))
    for value in live[1:]:
        labels = thin(call.labels(value).broadcast_to(shape))
        out = thin(_meet(call.ids, out, labels))
    for value in values:
        if value.constant:
            data = value.data.double() if value.data.is_floating_point() else value.data
            call.ids.colour(out, data)
        elif bool((fixed := call.labels(value) == FIXED).any()):
            numbers = torch.arange(fixed.numel()).reshape(fixed.shape)
            call.ids.colour(out, torch.where(fixed, numbers, -1))
    return out


def _meet(ids: Ids, a: torch.Tensor, b: torch.Tensor) -> torch.Tensor:
    """Tie labels to others at the same places, or put them into blocks: the labels of both."""
    pairs = distinct_pairs(a, b)
    pairs = pairs[:, (pairs > FIXED).all(0) & (pairs[0] != pairs[1])]
    kinds = ids.kinds(pairs)
    several_a, several_b = _repeats(pairs[1]), _repeats(pairs[0])  # for one b, for one a
    shared = several_a and (kinds[1] == ELEMENT).all() and (kinds[0] != ELEMENT).all()
    if shared and (several_b or (pairs[1] == pairs[1, 0]).all()):
        # Parameters that units share, as one for every position. They stay where they are.
        if several_b:
            ids.colour(a, b)
        ids.reasons.setdefault(ids.operation, "units share each of its elements")
        ids.fix(b)
        return a
    nested = (kinds == UNIT).any(0) & (kinds == BLOCK).any(0)
    gated = several_a != several_b and (kinds[0 if several_a else 1] == UNIT).all()
    if gated and _gate(ids, pairs if several_a else pairs[::-1]):
        return _joined(a, b) if several_a else _joined(b, a)
    inside = pairs[:, nested]
    single = inside.size > 0 and not _repeats(inside[0]) and not _repeats(inside[1])
    if single:  # blocks of one unit each: block and unit are the same
        ids.tie_pairs(pairs)
    else:
        ids.tie_pairs(pairs[:, ~nested])
        first = kinds[0, nested] == BLOCK
        ids.put(np.where(first, *inside[::-1]), np.where(first, *inside), NESTED)
    return _finer(ids, a, b, single)


def _gate(ids: Ids, pairs: np.ndarray) -> bool:
    """Each of the second ids meets several units, which no other meets: it is that of their block.

    A spatial attention multiplies units so, and a scale for each head. Not if other blocks cross
    these, as heads do whose units are scaled alike in each of them: false.
    """
    gates = dict(pairs.T.tolist())
    sizes = Counter(gates.values())
    shared = Counter(
        (block, gates[child])
        for child, block in {pair[:2] for pair in ids.children}
        if child in gates
    )
    several = Counter(block for block, _ in shared)
    if any(count < sizes[gate] and several[b] > 1 for (b, gate), count in shared.items()):
        return False
    for gate in sizes:
        units = pairs[0, pairs[1] == gate]
        ids.tie_pairs(np.array([[ids.block(units)], [gate]]))
    return True


def _finer(ids: Ids, a: torch.Tensor, b: torch.Tensor, single: bool) -> torch.Tensor:
    """Of two labels that were tied or nested, those that say more: of units, then of blocks."""
    shape = a.shape
    a, b = core(a, b)
    kind_a, kind_b = (torch.as_tensor(ids.kinds(labels.numpy())) for labels in (a, b))
    unit, block, other = ((kind_b == UNIT), (kind_b == BLOCK), (kind_a != UNIT))
    finer = (block & ~other) if single else (unit & other)
    finer |= block & (kind_a == ELEMENT)
    return torch.where((b > FIXED) & finer, b, _joined(a, b)).expand(shape)


def _joined(a: torch.Tensor, b: torch.Tensor) -> torch.Tensor:
    """Labels `a`, where they are ids; elsewhere those of `b`, if these are not neutral."""
    return torch.where((a > FIXED) | (b == NEUTRAL), a, b)


def _repeats(ids: np.ndarray) -> bool:
    return len(np.unique(ids)) < len(ids)


def _uniform(data: torch.Tensor) -> bool:
    return data.numel() == 1 or bool((data == data.flatten()[0]).all())
