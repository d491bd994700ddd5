"""Which operations make units and which read them: producers and taps, seen during the walk."""

from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np
import torch

from .group import CONSUMES, INPUT, BatchNorm, Group, Producer, Tap
from .structure import Units
from .values import Call, Value

# Operations that make units from a weight, and which of their arguments is the weight.
_WEIGHTS = {
    **dict.fromkeys(("linear", "matmul", "mm", "conv1d", "conv2d", "conv3d", "convolution"), 1),
    **dict.fromkeys(("conv_transpose1d", "conv_transpose2d", "conv_transpose3d"), 1),
    "addmm": 2,
    "embedding": 0,
}
_POOLS = ("max_pool", "avg_pool", "adaptive_", "mean", "amax")
_DENSE = ("linear", "mm", "matmul", "addmm")


@dataclass(frozen=True)
class Line:
    """A value whose units lie along one axis: the ids of the places on it, int64."""

    axis: int
    ids: np.ndarray


@dataclass(frozen=True)
class _Layer:
    output: torch.fx.Node
    parameter: str
    bias: str | None
    reads: torch.fx.Node
    dense: bool
    pixels: bool  # whether it reads the network's input as rows of pixels


class Operations:
    """What is seen of the values and the layers of a graph.

    Values and layers are kept by their nodes; `producers` and `taps` name the nodes.
    """

    def __init__(self):
        self._lines: dict[torch.fx.Node, Line] = {}
        self._shapes: dict[torch.fx.Node, torch.Size] = {}
        # What a value was before it was moved or pooled.
        self._origins: dict[torch.fx.Node, torch.fx.Node] = {}
        self._inputs: dict[torch.fx.Node, torch.Tensor] = {}
        self._layers: list[_Layer] = []
        self._norms: dict[torch.fx.Node, BatchNorm] = {}

    def input(self, node: torch.fx.Node, value: Value) -> None:
        """An input of the network."""
        self._inputs[node] = value.data
        self._shapes[node] = value.data.shape

    def operation(self, node: torch.fx.Node, call: Call, moves: bool, output) -> None:
        """An operation whose rule told what it does."""
        value = output if isinstance(output, Value) else None
        operands = [n for n in node.all_input_nodes if n in self._shapes or n in self._inputs]
        if (moves or call.name.startswith(_POOLS)) and len(operands) == 1:
            self._origins[node] = self._origin(operands[0])
        if value is not None and value.labels is not None:
            self._shapes[node] = value.data.shape
            line = _line(value.labels)
            if line is not None:
                self._lines[node] = line
        self._layer(node, call)
        if call.name.endswith("batch_norm") and len(call.args) > 4:
            self._norm(node, call)

    def _layer(self, node: torch.fx.Node, call: Call) -> None:
        position = _WEIGHTS.get(call.name)
        if position is None or len(call.args) <= position:
            return
        other = 1 if position == 0 else position - 1
        weight, reads, read = call.args[position], node.args[other], call.args[other]
        if _parameter(weight) and isinstance(reads, torch.fx.Node):
            bias = call.arg(0 if call.name == "addmm" else 2, "bias")
            named = _parameter(weight), _parameter(bias)
            pixels = isinstance(read, Value) and self._pixels(read.data)
            self._layers.append(_Layer(node, *named, reads, call.name in _DENSE, pixels))

    def _pixels(self, values: torch.Tensor) -> bool:
        """Whether values are the network's input in the order (height, width, channels)."""
        return any(
            image.dim() > 1 and torch.equal(image.movedim(1, -1).flatten(1), values)
            for image in self._inputs.values()
        )

    def _norm(self, node: torch.fx.Node, call: Call) -> None:
        read, scale, variance = node.args[0], call.args[1], _parameter(call.args[4])
        numbers = [argument for argument in call.args[5:] if isinstance(argument, float)]
        if variance and len(read.users) == 1 and numbers:
            self._norms[read] = BatchNorm(_parameter(scale), variance, numbers[-1])

    def _origin(self, node: torch.fx.Node) -> torch.fx.Node:
        return self._origins.get(node, node)

    def complete(self, groups: list[Group], units: Units) -> Iterator[Group]:
        """Yield the groups with their producers and taps."""
        where, named = _Where(groups, units), {group.name: group for group in groups}
        producers, taps = defaultdict(list), defaultdict(dict)
        for layer in self._layers:
            seen = self._seen(layer.reads)
            consumed = where.groups(self._lines.get(layer.reads), groups, layer.parameter)
            for name, tap in where.taps(seen, self._lines.get(seen)):
                if name in consumed:
                    taps[name].setdefault(seen.name, tap)
            for name, tap in where.taps(layer.output, self._lines.get(layer.output)):
                if row := named[name].row(layer.parameter):
                    read = INPUT if layer.reads in self._inputs else layer.reads.name
                    weight = layer.parameter, row.axis, layer.bias
                    reads = read, self._dense_input(layer), tuple(consumed)
                    norm = self._norms.get(layer.output)
                    producers[name].append(Producer(*weight, tap, *reads, norm))
        for group in groups:
            made, read = producers[group.name], taps[group.name].values()
            read = read or [producer.output for producer in made]
            yield replace(group, producers=tuple(made), taps=tuple(read))

    def _seen(self, node: torch.fx.Node) -> torch.fx.Node:
        """What a layer reads, before pooling if its units lie along one axis there."""
        origin = self._origin(node)
        return origin if origin in self._lines else node

    def _dense_input(self, layer: _Layer) -> str | None:
        """The value whose rows a dense layer reads, see `Producer.reads`."""
        origin = self._origin(layer.reads)
        shape, before = self._shapes.get(layer.reads), self._shapes.get(origin)
        if not layer.dense or shape is None or len(shape) != 2 or before is None:
            return None
        if origin in self._inputs:
            return INPUT if layer.pixels else None
        here, there = self._lines.get(layer.reads), self._lines.get(origin)
        same = here is not None and there is not None and np.array_equal(here.ids, there.ids)
        return origin.name if same and before == shape else None


def _line(labels: torch.Tensor) -> Line | None:
    axes = [d for d in range(labels.ndim) if labels.stride(d) and labels.shape[d] > 1]
    if len(axes) != 1:
        return None
    first = labels[tuple(slice(None) if d == axes[0] else 0 for d in range(labels.ndim))]
    return Line(axes[0], first.numpy().copy())


def _parameter(value) -> str | None:
    """The name of a parameter, of which a value may be a part."""
    return value.source.parameter if isinstance(value, Value) and value.source else None


class _Where:
    """For every unit, its group and its number there."""

    def __init__(self, groups: list[Group], units: Units):
        self._unit = units.unit
        self._sizes = {group.name: group.size for group in groups}
        self._at: dict[int, tuple[str, int, int]] = {}
        slots = units.ids.slots
        for group in groups:
            for member in group.members:
                if member.rows is not None:
                    continue
                key = (member.parameter, member.axis, None)
                found = slots.get(key) or slots.get((member.parameter, None, None))
                for i, places in enumerate(member.places):
                    for j, place in enumerate(places):
                        unit = int(self._unit[found.first + place])
                        self._at.setdefault(unit, (group.name, i, j))

    def groups(self, line: Line | None, groups: list[Group], parameter: str) -> list[str]:
        """The groups that a layer reads: those on its input, or with columns in its weight."""
        if line is not None:
            here = {self._at[u][0] for u in self._units(line) if u in self._at}
        else:
            columns = parameter, CONSUMES
            here = {g.name for g in groups for m in g.members if (m.parameter, m.role) == columns}
        return [group.name for group in groups if group.name in here]

    def taps(self, node: torch.fx.Node, line: Line | None):
        """Yield the groups that have all their units on a value, each with its `Tap`."""
        if line is None:
            return
        places = defaultdict(lambda: defaultdict(list))
        for place, unit in enumerate(self._units(line)):
            if unit in self._at:
                name, i, j = self._at[unit]
                places[name][i].append((j, place))
        for name, found in places.items():
            counts = {len(p) for p in found.values()}
            if len(found) == self._sizes[name] and len(counts) == 1:
                ordered = [[p for _, p in sorted(found[i])] for i in range(self._sizes[name])]
                yield name, Tap(node.name, line.axis, np.array(ordered, np.int32))

    def _units(self, line: Line) -> list[int]:
        return self._unit[np.maximum(line.ids, 0)].tolist()
