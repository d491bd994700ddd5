"""Layers and products: a weight's columns are tied to what they read, its rows are new units."""

import numpy as np
import torch

from ..group import CONSUMES, EMBEDDING, PRODUCES
from ..ids import NoRule, core, thin, varies
from ..values import Call, Value, rule
from .pointwise import combine


@rule("linear")
def linear(call: Call):
    """W x + b."""
    return _layer(call, call.args[0], call.args[1], call.arg(2, "bias"))


@rule("matmul", "mm", "bmm", "mv")
def matmul(call: Call):
    """A layer whose weight is a parameter on either side, or the product of two activations."""
    a, b = call.args
    if _is_weight(b) and a.source is None:
        return _layer(call, a, b, None, read=-2, made=-1)
    if _is_weight(a) and b.source is None and b.data.ndim > 1:
        call.ids.tie(call.weight(a, -1, CONSUMES), call.labels(b).transpose(-1, -2))
        return call.weight(a, -2, PRODUCES)[:, None]
    return product(call, call.labels(a), call.labels(b))


@rule("addmm", "baddbmm", "addbmm")
def addmm(call: Call):
    """A bias, or a mask, and the same."""
    bias, a, b = call.args
    if _is_weight(b) and a.source is None:
        return _layer(call, a, b, bias, read=-2, made=-1)
    labels = thin(product(call, call.labels(a), call.labels(b)))
    return combine(call, [Value(call.out, labels), bias], call.out.shape)


@rule("embedding")
def embedding(call: Call):
    """Rows of a table: its columns are units."""
    return call.weight(call.args[0], 1, EMBEDDING)


@rule(*(f"{kind}{d}d" for kind in ("conv", "conv_transpose") for d in (1, 2, 3)))
def convolution(call: Call):
    """Channels are the second axis of the values, and the first two of the weight."""
    transposed = call.name.startswith("conv_transpose")  # the weight's first axis is of the inputs
    return _convolution(call, call.arg(6, "groups", 1), transposed)


@rule("convolution")
def any_convolution(call: Call):
    """The operation that the others decompose to."""
    return _convolution(call, call.args[8], call.args[6])


@rule("scaled_dot_product_attention")
def attention(call: Call):
    """softmax(q k^T + mask) v, (batch, heads, positions, units) each; keys may serve many heads."""
    q, k, v = (call.labels(value) for value in call.args[:3])
    if call.kwargs.get("enable_gqa"):
        k, v = (t.repeat_interleave(q.shape[-3] // t.shape[-3], -3) for t in (k, v))
    scores = product(call, q, k.transpose(-1, -2))
    if isinstance(mask := call.arg(3, "attn_mask"), Value):
        scores = combine(call, [Value(scores, thin(scores)), mask], scores.shape)
    return product(call, scores, v)


def product(call: Call, a: torch.Tensor, b: torch.Tensor) -> torch.Tensor:
    """The labels of a (..., l, k) times b (..., k, m), both activations.

    Summed over positions, each element of the result belongs to what it is a mixture of. Summed
    over units, these are tied in pairs, and make a block: the head of an attention.
    """
    if a.ndim < 2 or b.ndim < 2:
        raise NoRule("a product with a vector")
    batch = torch.broadcast_shapes(a.shape[:-2], b.shape[:-2])
    shape = (*batch, a.shape[-2], b.shape[-1])
    if not varies(a, -1) and not varies(b, -2):
        sides = [a[..., :1].expand(shape), b[..., :1, :].expand(shape)]
        return combine(call, [Value(side, thin(side)) for side in sides], torch.Size(shape))
    if varies(a, -2) or varies(b, -1):
        raise NoRule("a product of units with units that is summed over units")
    a = a[..., 0, :].expand(*batch, a.shape[-1])
    b = b[..., 0].expand(*batch, b.shape[-2])
    call.ids.tie(a, b)
    a, b = core(*torch.broadcast_tensors(thin(a), thin(b)))
    count = a.shape[-1]
    pairs = zip(a.reshape(-1, count).numpy(), b.reshape(-1, count).numpy(), strict=True)
    blocks = torch.tensor([call.ids.block(left, right) for left, right in pairs])
    return blocks.reshape(a.shape[:-1]).expand(batch)[..., None, None].expand(shape)


def _is_weight(value: Value) -> bool:
    """Whether it is a matrix of parameters, perhaps in a batch of one."""
    shape = value.data.shape
    return value.source is not None and len(shape) > 1 and set(shape[:-2]) <= {1}


def _layer(call: Call, values: Value, weight: Value, bias, read: int = 1, made: int = 0):
    """The labels of W x + b; `read` and `made` are the weight's axes of inputs and outputs."""
    columns = call.weight(weight, read, CONSUMES)
    rows = call.weight(weight, made, PRODUCES)
    call.ids.tie(columns, call.labels(values))
    if bias is not None:
        call.ids.tie(call.labels(bias), rows)
    return rows


def _convolution(call: Call, groups: int, transposed: bool):
    values, weight, bias = call.args[0], call.args[1], call.arg(2, "bias")
    if values.data.ndim != weight.data.ndim:
        raise NoRule("a convolution of one example that is not in a batch")
    channels = thin(call.labels(values)).movedim(1, -1)
    if groups == 1:
        columns = call.weight(weight, 0 if transposed else 1, CONSUMES)
        rows = call.weight(weight, 1 if transposed else 0, PRODUCES)
        call.ids.tie(columns, channels)
    elif transposed:
        raise NoRule("a transposed convolution in groups")
    else:
        rows = call.weight(weight, 0, PRODUCES)
        _tie_in_groups(call, groups, weight, channels, rows)
    if bias is not None:
        call.ids.tie(call.labels(bias), rows)
    return rows.reshape(1, -1, *[1] * (call.out.ndim - 2))


def _tie_in_groups(call: Call, groups: int, weight: Value, channels, rows) -> None:
    """Each group reads its own channels, with its own rows: a block, with columns of its own."""
    inputs, outputs = channels.shape[-1] // groups, len(rows) // groups
    if inputs == outputs == 1:
        call.ids.tie(rows, channels)
        return
    if weight.source.index is not None:
        raise NoRule("a part of a parameter is the weight of a convolution in groups")
    first = channels.reshape(-1, channels.shape[-1])[0].numpy()
    name = weight.source.parameter
    for part in range(groups):
        made = np.arange(part * outputs, (part + 1) * outputs)
        read = slice(part * inputs, (part + 1) * inputs)
        columns = call.ids.axis(name, 1, inputs, CONSUMES, part, made) + torch.arange(inputs)
        call.ids.tie(columns, channels[..., read])
        call.ids.block(first[read], rows.numpy()[made])
