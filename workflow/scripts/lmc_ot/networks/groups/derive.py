"""Groups of units that can be permuted without a change of the network's function."""

import time
from collections import Counter, defaultdict
from collections.abc import Iterator

import numpy as np
import torch

from ...errors import UserError
from .group import EMBEDDING, PRODUCES, Frozen, Group, Groups, Member, Unknown
from .ids import Slots
from .structure import Units
from .trace import Walk, export

ALONE = "no other unit is like it"
UNUSED = "not used in evaluation mode"


def derive(module: torch.nn.Module, inputs: tuple[torch.Tensor, ...] | torch.Tensor) -> Groups:
    """The groups of a network, from its graph.

    The module is on the CPU; its parameters are not changed, and their values do not matter. The
    inputs, its arguments, are a batch of at least two examples. Raises UserError if the module
    cannot be exported, or is not on the CPU.
    """
    inputs = (inputs,) if isinstance(inputs, torch.Tensor) else tuple(inputs)
    state = module.state_dict()
    for name, tensor in state.items():
        if tensor.device.type != "cpu":
            raise UserError(f"{name} is on {tensor.device}: move the module to the CPU first")
    begin = time.perf_counter()
    program = export(module, inputs)
    first = first_names(module)
    walk = Walk(program, inputs, first)
    units = Units(walk.ids)
    groups, covered = _groups(units)
    trained = {name for name, _ in module.named_parameters(remove_duplicate=False)}
    single = {name: tensor for name, tensor in state.items() if first.get(name, name) == name}
    return Groups(
        groups=tuple(walk.operations.complete(groups, units)),
        aliases={
            name: tuple(n for n in names if n != name) for names in _tied(module) for name in names
        },
        frozen=tuple(_frozen(units, covered, single)),
        unknown=tuple(Unknown(*found) for found in dict.fromkeys(walk.unknown)),
        seconds=time.perf_counter() - begin,
        buffers=tuple(name for name in state if name not in trained),
    )


def _groups(units: Units) -> tuple[list[Group], set[int]]:
    """All groups in order, and the units that are in them."""
    drafts, covered = [], set()
    for number, heads in enumerate(_families(units)):
        for draft in _family(units, heads):
            drafts.append((*draft, number))
        covered.update(unit for head in heads for unit in head)
    alike = defaultdict(list)
    for unit in units.own:
        if unit not in units.blocks and unit not in covered:
            alike[units.signature(unit)].append(unit)
    for found in alike.values():
        if len(found) > 1:
            drafts.append((*_draft([[units.own[unit] for unit in found]]), None))
            covered.update(found)
    drafts.sort(key=lambda draft: draft[0])
    return _named(drafts), covered


def _families(units: Units) -> Iterator[list[list[int]]]:
    """Heads that are alike: of each the units in it, in an order that they share."""
    alike = defaultdict(list)
    for head, roles in units.heads.items():
        numbers, description = {}, []
        for role, found in sorted(roles.items()):
            # A unit that is in two operands of one head must be so in the other, too.
            seen = [(units.signature(u, head), numbers.setdefault(u, len(numbers))) for u in found]
            description.append((role, tuple(seen)))
        whole = sorted(units.signature(unit) for unit in units.wholes[head])
        if units.fixed not in numbers:
            listed = sorted(units.wholes[head], key=units.signature) + list(numbers)
            alike[tuple(whole), tuple(description)].append((listed, frozenset(numbers)))
    for heads in alike.values():
        inside = [numbers for _, numbers in heads]
        disjoint = len(frozenset.union(*inside)) == sum(map(len, inside))
        if len(heads) > 1 and disjoint and len(inside[0]) > 1 and _parted(units, heads[0][0]):
            yield [list(dict.fromkeys(listed)) for listed, _ in heads]


def _parted(units: Units, head: list[int]) -> bool:
    """Whether no unit has columns in several groups of the same convolution."""
    parts = [
        (unit, slots.parameter)
        for unit in set(head)
        for slots in units.own.get(unit, ())
        if slots.part is not None
    ]
    return len(parts) == len(set(parts))


def _family(units: Units, heads: list[list[int]]) -> Iterator[tuple]:
    """Drafts of the groups of a family: of units that are alike within heads, and of the rest."""
    alike = defaultdict(list)
    for position in range(len(heads[0])):
        column = [head[position] for head in heads]
        signatures = [
            u if u in units.blocks or u not in units.own else units.signature(u) for u in column
        ]
        alike[tuple(signatures)].append(position)
    rest = []
    classes = []
    for positions in alike.values():
        if len(positions) > 1:
            classes.append([[units.own[head[p]] for p in positions] for head in heads])
        else:
            rest += positions
    together = []
    for head in heads:
        joined = defaultdict(list)
        for position in sorted(rest):
            for slots, places in units.own.get(head[position], {}).items():
                if slots.part is None:  # columns of a group of a convolution move with its rows
                    joined[slots].append(places)
        together.append([{slots: np.concatenate(found) for slots, found in joined.items()}])
    if together[0][0]:
        classes.append(together)
    order = _order_of_heads(classes) if classes else ()
    for found in classes:
        yield _draft([found[head] for head in order])


def _order_of_heads(classes: list) -> list[int]:
    """By the places of their first units, in the parameter that the network uses first."""
    lead = min((s for found in classes for s in found[0][0]), key=_precedence)
    found = next(found for found in classes if lead in found[0][0])
    first = [min(unit[lead].min() for unit in head) for head in found]
    return sorted(range(len(first)), key=first.__getitem__)


def _draft(heads: list[list[dict[Slots, np.ndarray]]]) -> tuple:
    """What a `Group` needs: its place in the network, heads, members, the name of its layer."""
    several = len(heads) > 1

    def kind(slots: Slots) -> tuple:
        return slots.parameter, slots.axis, slots.part is not None if several else slots.part

    owned = [[{kind(s): (s, places) for s, places in u.items()} for u in head] for head in heads]
    found = sorted(heads[0][0], key=_precedence)
    lead = kind(found[0])
    owned = [sorted(head, key=lambda unit: unit[lead][1].tolist()) for head in owned]
    members = []
    for slots in found:
        places = np.array([unit[kind(slots)][1] for head in owned for unit in head], np.int32)
        rows = None
        if slots.part is not None:
            rows = np.array([head[0][kind(slots)][0].rows for head in owned], np.int32)
        vector = slots.axis is None and slots.vector
        axis = 0 if vector else slots.axis
        members.append(Member(slots.parameter, axis, places, slots.role, rows))
    place = (found[0].operation, int(members[0].places.min()))
    return place, len(heads), len(heads[0]), tuple(members)


def _precedence(slots: Slots) -> tuple:
    """What makes units comes first, in the order of the network."""
    makes = slots.role in (PRODUCES, EMBEDDING)
    return slots.part is not None, not makes, slots.operation, slots.parameter, slots.axis or 0


def _named(drafts: list[tuple]) -> list[Group]:
    layers, families, groups = Counter(), {}, []
    for _, heads, units, members, number in drafts:
        layer = members[0].parameter.removesuffix(".weight")
        layers[layer] += 1
        name = layer if layers[layer] == 1 else f"{layer}#{layers[layer]}"
        family = None if number is None else families.setdefault(number, name)
        groups.append(Group(name, units, members, heads, family))
    return groups


def _frozen(units: Units, covered: set[int], state: dict) -> Iterator[Frozen]:
    """What is in no group: axes that operations used, and parameters that none did."""
    reasons, used = units.reasons(), set()
    for slots in units.ids.slots.values():
        used.add(slots.parameter)
        why = defaultdict(int)
        for id in range(slots.first, slots.first + slots.count):
            if units.unit[id] == units.fixed:
                why[reasons[id]] += 1
            elif int(units.unit[id]) not in covered:
                why[ALONE] += 1
        if slots.part is None:
            axis = 0 if slots.vector else slots.axis
            yield from (Frozen(slots.parameter, axis, n, reason) for reason, n in why.items())
    for name, tensor in state.items():
        if tensor.is_floating_point() and name not in used:
            reason = units.ids.frozen.get(name, UNUSED)
            yield Frozen(name, None, tensor.numel(), reason)


def _tied(module: torch.nn.Module) -> list[list[str]]:
    """The names of each parameter or buffer that has several, in the order of the state dict."""
    names = defaultdict(list)
    for name, tensor in module.state_dict(keep_vars=True).items():
        names[id(tensor)].append(name)
    return [found for found in names.values() if len(found) > 1]


def first_names(module: torch.nn.Module) -> dict[str, str]:
    """Each name of a parameter or buffer that has several -> the first of them."""
    return {name: found[0] for found in _tied(module) for name in found}
