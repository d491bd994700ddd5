"""Reductions, norms and softmax: what is taken together symmetrically is a block."""

import torch

from ..ids import NEUTRAL, NoRule, core, thin, varies
from ..values import Call, Value, rule
from .pointwise import channelwise, combine

# Rows of a reduction at most that need blocks of their own; more are those of a computed weight.
MOST_ROWS, MOST_CHILDREN = 1 << 14, 1 << 22


@rule("mean sum amax amin var std norm linalg_vector_norm logsumexp prod max min any all")
def reduction(call: Call):
    """A sum over units does not depend on their order: it belongs to the block of them."""
    if len(call.live) > 1:  # the larger of two
        return combine(call, call.values, call.out.shape)
    dims = call.arg(2 if call.name in ("norm", "linalg_vector_norm") else 1, "dim")
    labels = call.labels(call.args[0])
    dims = None if isinstance(dims, bool) else [dims] if isinstance(dims, int) else dims
    dims = _dims(dims, labels.ndim)
    places = call.name in ("max", "min") and 1 in call.used
    if places and any(varies(labels, d) for d in dims):
        raise NoRule("it says which unit is largest")
    return reduce(call, labels, dims, call.out.ndim == labels.ndim)


@rule("softmax", "_softmax", "log_softmax", "_log_softmax")
def softmax(call: Call):
    """Normalised by a sum along an axis."""
    labels = call.labels(call.args[0])
    reduce(call, labels, [call.arg(1, "dim")])
    return labels


@rule("cumsum", "cumprod", "logcumsumexp", "sort", "topk", "kthvalue", "median")
def ordered(call: Call):
    """Along positions; along units their order matters, or is changed."""
    labels = call.labels(call.args[0])
    axis = call.arg(2 if call.name in ("topk", "kthvalue") else 1, "dim", -1)
    if not isinstance(axis, int) or isinstance(axis, bool) or varies(labels, axis):
        raise NoRule("it orders units")
    if call.out.ndim < labels.ndim:
        return labels.select(axis, 0)
    return labels.narrow(axis, 0, 1).expand(call.out.shape)


@rule("batch_norm", "instance_norm", "_native_batch_norm_legit_no_training")
def batch_norm(call: Call):
    """Four vectors of one number for each channel; channels are normalised on their own."""
    vectors = [v for v in call.args[1:5] if isinstance(v, Value)]
    channelwise(call, call.args[0], vectors)
    return call.labels(call.args[0])


@rule("layer_norm", "rms_norm", "native_layer_norm")
def layer_norm(call: Call):
    """The last axes are normalised together, then scaled and shifted."""
    values, shape = call.args[:2]
    reduce(call, call.labels(values), range(-len(shape), 0))
    vectors = [v for v in (call.arg(2, "weight"), call.arg(3, "bias")) if isinstance(v, Value)]
    return combine(call, [values, *vectors], call.out.shape)


@rule("group_norm")
def group_norm(call: Call):
    """Channels are normalised in groups, each a block; one of a single channel needs none."""
    values, groups = call.args[:2]
    labels = call.labels(values)
    if groups < labels.shape[1]:
        reduce(call, labels.reshape(len(labels), groups, -1), [-1])
    vectors = [v for v in (call.arg(2, "weight"), call.arg(3, "bias")) if isinstance(v, Value)]
    channelwise(call, values, vectors)
    return labels


@rule(
    *(f"{kind}_pool{d}d" for kind in ("max", "avg", "lp") for d in (1, 2, 3)),
    *(f"adaptive_{kind}_pool{d}d" for kind in ("max", "avg") for d in (1, 2, 3)),
    *(f"_adaptive_avg_pool{d}d" for d in (2, 3)),
    *(f"max_pool{d}d_with_indices" for d in (2, 3)),
    *(f"upsample_nearest{d}d" for d in (1, 2, 3)),
    "upsample_linear1d upsample_bilinear2d upsample_bicubic2d upsample_trilinear3d",
)
def pool(call: Call):
    """Every channel on its own, if all positions of a channel are of one unit."""
    labels = call.labels(call.args[0])
    positions = call.out.ndim - 2
    if any(varies(labels, -1 - d) for d in range(positions)):
        raise NoRule("its positions are of different units")
    return labels[(..., *[slice(1)] * positions)].expand(call.out.shape)


def reduce(call: Call, labels: torch.Tensor, dims, keep: bool = False) -> torch.Tensor:
    """The labels of a symmetric function along some axes: those of blocks, where units differ.

    Parameters
    ----------
    dims
        None: all axes.
    keep
        Whether these axes remain, of length 1.
    """
    dims = _dims(dims, labels.ndim)
    rest = [d for d in range(labels.ndim) if d not in dims]
    shape = [labels.shape[d] for d in rest]
    small = core(thin(labels))[0].permute(*rest, *dims)
    rows = small.reshape(*small.shape[: len(rest)], -1)
    first = rows[..., 0]
    if not torch.equal(rows, first[..., None].expand_as(rows)):
        distinct, inverse = torch.unique(
            rows.reshape(-1, rows.shape[-1]), dim=0, return_inverse=True
        )
        if len(distinct) > MOST_ROWS or distinct.numel() > MOST_CHILDREN:
            raise NoRule("it makes too many blocks: a weight that is computed from parameters")
        blocks = torch.tensor([_block(call, row.numpy()) for row in distinct])
        first = blocks[inverse].reshape(first.shape)
    first = first.expand(shape)
    for d in dims if keep else ():
        first = first.unsqueeze(d)
    return first


def _block(call: Call, row) -> int:
    """The id of what is reduced: that of the only unit, or of a block."""
    ids = list(dict.fromkeys(row[row > NEUTRAL].tolist()))
    if not ids:
        return NEUTRAL
    return call.ids.block(torch.tensor(ids).numpy()) if len(ids) > 1 else ids[0]


def _dims(dims, ndim: int) -> list[int]:
    """Axes as numbers from 0, in order; all of them if none is given."""
    return sorted(d % ndim for d in (dims if dims else range(ndim)))
