"""Permute a network: its units move to other places, and its function stays the same.

The permutation of a group is an index vector p of length heads x units: unit p[i] of the network
is moved to place i. Place h m + u is unit u of head h, and units of one head remain together.
"""

from collections import OrderedDict
from collections.abc import Mapping

import numpy as np

from ...errors import UserError
from .group import Group, Groups, Member

State = Mapping[str, "np.ndarray | torch.Tensor"]  # noqa: F821
"""A network by the names of its state dict, as numpy arrays or as torch tensors."""
Permutations = dict[str, np.ndarray]
"""Name of a group -> index vector, int64 (heads x units,)."""


def identity(groups: Groups) -> Permutations:
    """The permutations that move nothing."""
    return {group.name: np.arange(group.size) for group in groups}


def random(groups: Groups, stream: np.random.Generator) -> Permutations:
    """A random permutation of every group, and of the heads of every family."""
    heads = {name: stream.permutation(found[0].heads) for name, found in groups.families.items()}
    return {
        group.name: flat(
            heads.get(group.family, np.zeros(1, np.int64)),
            np.array([stream.permutation(group.units) for _ in range(group.heads)]),
        )
        for group in groups
    }


def flat(heads: np.ndarray, units: np.ndarray) -> np.ndarray:
    """The index vector of a permutation of heads, int (h,), and one of units in each, (h, m).

    Head heads[i] is moved to place i, and of its units units[i, u] to place u.
    """
    return (np.asarray(heads)[:, None] * np.shape(units)[1] + units).ravel()


def inverse(permutations: Permutations) -> Permutations:
    """The permutations that undo the given ones."""
    return {name: np.argsort(p) for name, p in permutations.items()}


def compose(first: Permutations, then: Permutations) -> Permutations:
    """The permutations that do the same as `first`, and `then` the others."""
    both = {name: p[then[name]] if name in then else p for name, p in first.items()}
    return {**then, **both}


def permute(state: State, groups: Groups, permutations: Permutations) -> OrderedDict:
    """A state dict of the same function, with its units permuted.

    Permutations are given for some or all groups; for all groups of a family whose heads are
    permuted. The state is not changed; what does not move is in the new one, too, which has the
    metadata of `state` that ``load_state_dict`` reads, and all names of tied parameters.

    Raises ValueError if a vector is not a permutation of its group, UserError if the state lacks a
    parameter.
    """
    check(groups, permutations)
    moved = OrderedDict(state)
    if hasattr(state, "_metadata"):
        moved._metadata = state._metadata
    chosen = [group for group in groups if group.name in permutations]
    steps = [(member, group) for group in chosen for member in group.members]
    arrays = {}
    # Columns that are of some rows alone move within these rows, before the rows themselves move.
    for member, group in sorted(steps, key=lambda step: step[0].rows is None):
        names = _names(state, groups, member.parameter)
        if names[0] not in arrays:
            arrays[names[0]] = _copied(state[names[0]])
            moved.update(dict.fromkeys(names, arrays[names[0]]))
        _move(arrays[names[0]], member, group, np.asarray(permutations[group.name]))
    return moved


def check(groups: Groups, permutations: Permutations) -> None:
    """Raise ValueError if these are not permutations of the groups, or heads do not agree."""
    heads = {}
    for name, p in permutations.items():
        group = groups[name]
        if np.shape(p) != (group.size,) or not np.array_equal(np.sort(p), np.arange(group.size)):
            raise ValueError(f"group {name}: not a permutation of its {group.size} units")
        from_heads = np.asarray(p).reshape(group.heads, group.units) // group.units
        if (from_heads != from_heads[:, :1]).any():
            raise ValueError(f"group {name}: units of one head are moved to several")
        if group.family is not None:
            known = heads.setdefault(group.family, from_heads[:, 0])
            if not np.array_equal(known, from_heads[:, 0]):
                raise ValueError(f"group {name}: not the heads' permutation of {group.family}")
    for family, found in groups.families.items():
        moves = family in heads and (heads[family] != np.arange(len(heads[family]))).any()
        absent = [group.name for group in found if group.name not in permutations]
        if moves and absent:
            raise ValueError(f"group {absent[0]}: heads of its family are permuted, but not it")


def _names(state: State, groups: Groups, parameter: str) -> list[str]:
    """The names of a parameter in a state dict: all of a tied one, or the one that was saved."""
    names = [n for n in (parameter, *groups.aliases.get(parameter, ())) if n in state]
    if not names:
        raise UserError(f"there is no {parameter} in the state dict: these groups are not its own")
    return names


def _copied(array):
    return array.detach().clone() if hasattr(array, "detach") else array.copy()


def _move(array, member: Member, group: Group, permutation: np.ndarray) -> None:
    """Permute a member in its array, in place."""
    places = member.places
    if member.rows is not None:
        heads = permutation.reshape(group.heads, group.units)
        for units in heads:
            head = units[0] // group.units
            here = places[head * group.units : (head + 1) * group.units]
            rows = member.rows[head].astype(np.int64)
            array[rows] = _permuted(array[rows], member.axis, here, places[units])
    elif member.axis is None:
        elements = _permuted(array.reshape(-1), 0, places, places[permutation])
        array[...] = elements.reshape(array.shape)
    else:
        array[...] = _permuted(array, member.axis, places, places[permutation])


def _permuted(array, axis: int, to: np.ndarray, source: np.ndarray):
    """An array with what was at places `source` of an axis at places `to`."""
    order = np.arange(array.shape[axis])
    order[to.ravel()] = source.ravel()
    if isinstance(array, np.ndarray):
        return np.take(array, order, axis)  # five times as fast as an index on an inner axis
    return array[(slice(None),) * axis + (order,)]


def rows(array: np.ndarray, member: Member) -> np.ndarray:
    """What a member holds of each unit, (heads x units, numbers of a unit).

    Of a grouped convolution, whose units are columns of some rows alone, those rows of its head.
    """
    if member.axis is None:
        return array.reshape(-1)[member.places]
    if member.rows is None:
        return _units(array, member.axis, member.places)
    heads = zip(member.rows, np.split(member.places, len(member.rows)), strict=True)
    return np.concatenate([_units(array[rows], member.axis, places) for rows, places in heads])


def _units(array: np.ndarray, axis: int, places: np.ndarray) -> np.ndarray:
    """What lies at these places of an axis, (units, places of a unit x the other axes)."""
    units = np.moveaxis(np.take(array, places.ravel(), axis), axis, 0)
    return units.reshape(len(places), -1)
