"""Operations that only move elements: they are run on the ids themselves."""

from dataclasses import replace

import torch

from ..group import EMBEDDING
from ..ids import NEUTRAL, NoRule, thin, varies
from ..values import Call, Value, as_units, substitute
from .table import rule

# Operations whose further operands say where elements go.
POSITIONS = ("index", "index_select", "gather", "index_put", "take_along_dim", "repeat_interleave")


@rule(
    "view reshape _unsafe_view permute transpose t numpy_T mT flatten unflatten ravel",
    "unsqueeze squeeze expand expand_as view_as reshape_as swapaxes swapdims movedim",
    "moveaxis slice select split split_with_sizes chunk unbind tensor_split hsplit vsplit",
    "narrow diagonal unfold cat concat concatenate stack slice_scatter select_scatter",
    "copy roll flip repeat repeat_interleave tile pixel_shuffle pixel_unshuffle",
    "channel_shuffle",
    moves=True,
)
def move(call: Call):
    """The same operation on the labels; a part of a parameter remains one."""
    if call.name not in ("view", "_unsafe_view"):
        return _moved(call, call.target)
    if isinstance(call.args[1], torch.dtype):
        raise NoRule("it reads numbers as those of another type")
    return _moved(call, lambda tensor, shape: tensor.reshape(shape))


@rule(
    "alias clone contiguous detach dropout alpha_dropout feature_dropout",
    "feature_alpha_dropout native_dropout lift_fresh lift_fresh_copy positive",
    "to _to_copy type_as",
    moves=True,
)
def unchanged(call: Call):
    """Every element stays where it is (in evaluation mode)."""
    value = call.args[0]
    if value.data.is_floating_point() and not call.out.is_floating_point():
        return call.labels(value)
    return Value(call.out, value.labels, value.source)


@rule("index", "index_select", "gather", "take_along_dim", "index_put", moves=True)
def index(call: Call):
    """Pick or place elements by constant indices, or rows of a parameter by any (an embedding)."""
    table, indices = call.args[0], [v for v in call.values[1:] if not v.data.is_floating_point()]
    if call.name == "index_put" and (call.arg(3, "accumulate") or len(call.values) < 3):
        raise NoRule("it accumulates")
    if all(v.constant for v in indices):
        return _moved(call, call.target)
    if call.name != "index" or len(call.args[1]) > 1 or table.data.ndim != 2:
        raise NoRule("its indices are computed")
    return call.weight(table, 1, EMBEDDING)


@rule("pad", "constant_pad_nd", moves=True)
def pad(call: Call):
    """Padding is neutral, unless it adds units that are not zero."""
    value, sizes = call.args[:2]
    mode = call.arg(2, "mode", "constant") if call.name == "pad" else "constant"
    fill = call.arg(2 if call.name == "constant_pad_nd" else 3, "value", 0) or 0
    labels = call.labels(value)
    if mode != "constant":
        padded = torch.nn.functional.pad(labels.double(), sizes, mode=mode)
        return padded.long()
    axes = [labels.ndim - 1 - i // 2 for i, size in enumerate(sizes) if size]
    if fill and any(varies(labels, axis) for axis in axes):
        raise NoRule("it pads units with a constant that is not 0")
    return torch.nn.functional.pad(labels, sizes, value=NEUTRAL)


@rule(
    "zero zeros_like ones_like full_like empty_like new_zeros new_ones new_full",
    "new_empty new_empty_strided",
    moves=True,
)
def constant(call: Call):
    """A constant of some value's shape."""
    return Value(call.out)


def _moved(call: Call, operation):
    """Run an operation on the places in a parameter, if it moves nothing else, or on the labels."""

    def is_position(value: Value) -> bool:
        return (
            call.name in POSITIONS
            and value.constant
            and value is not call.args[0]
            and not value.data.is_floating_point()
        )

    moved = [value for value in call.values if not is_position(value)]
    source = moved[0].source if len(moved) == 1 else None

    def stand_in(value: Value) -> torch.Tensor:
        if is_position(value):
            return value.data
        return source.places() if source else call.labels(value)

    args, kwargs = substitute(stand_in, (call.args, call.kwargs))
    found = operation(*args, **kwargs)
    several = not isinstance(call.output, torch.Tensor)
    pairs = zip(call.output, found, strict=True) if several else [(call.output, found)]
    if source:
        values = [Value(data, source=replace(source, index=index)) for data, index in pairs]
    else:
        values = [Value(data, as_units(call.ids, thin(labels))) for data, labels in pairs]
    return values if several else values[0]
