"""The command ``lmc-ot groups``: the groups of a network that is named, as a table or JSON."""

import json
from collections import defaultdict

import numpy as np
import torch
import yaml

from ...errors import UserError, one_line
from ..module import check_takes_batch, load
from .derive import derive
from .group import Group, Groups
from .verify import Verification, check_parameters, verify

CONTROLS = 12  # groups that are moved without one of their members
SHOWN = 3  # members of a group, and parameters of a reason, in the table


def report(
    target: str,
    arguments: str,
    shape: list[int],
    vocabulary: int | None,
    controls: int | None,
    as_json: bool,
) -> str:
    """The answer of the command.

    Parameters
    ----------
    target, arguments
        See `module.load`; the keyword arguments are a YAML or JSON mapping.
    shape, vocabulary
        Of one input; inputs are integers below the vocabulary, or normal numbers without one.
    controls
        See `verify`; None: the groups are not verified.

    Raises
    ------
    UserError
        The target is not there or cannot be used, or the network has no groups.
    """
    module = load(target, keywords(arguments))
    stream = torch.Generator().manual_seed(0)
    if vocabulary is None:
        inputs = torch.randn(2, *shape, generator=stream)
    else:
        inputs = torch.randint(vocabulary, (2, *shape), generator=stream)
    check_takes_batch(module, inputs)
    groups, found = verified(module, inputs, controls)
    return (as_line if as_json else summary)(type(module).__name__, groups, found)


def verified(
    module: torch.nn.Module, inputs: torch.Tensor, controls: int | None = CONTROLS
) -> tuple[Groups, Verification | None]:
    """Derive the groups of a module and verify them, unless `controls` is None.

    Raises UserError if a parameter is not a number, the network has no groups, or they change its
    function.
    """
    check_parameters(module)
    groups = derive(module, (inputs,))
    if not len(groups):
        name = type(module).__name__
        raise UserError(f"{name} has no units that can be permuted: {_why_none(groups)}")
    return groups, None if controls is None else verify(module, inputs, groups, controls)


def of_network(
    network, images: np.ndarray, controls: int | None = CONTROLS
) -> tuple[Groups, Verification | None]:
    """Derive and verify the groups of a `networks.network.Network`, given flat images."""
    return verified(network.module, network.images(torch.from_numpy(images)), controls)


def keywords(text: str, what: str = "--arguments") -> dict:
    """Return the keyword arguments in a YAML or JSON mapping; `what` names it in errors."""
    try:
        options = yaml.safe_load(text) or {}
    except yaml.YAMLError as error:
        raise UserError(f"{what}: neither YAML nor JSON: {one_line(error)}") from error
    if not isinstance(options, dict):
        raise UserError(f"{what}: expected a mapping of names to values, not {text}")
    return options


def _why_none(groups: Groups) -> str:
    if groups.unknown:
        first = groups.unknown[0]
        return f"{first.operation}: {first.reason}"
    reasons = [frozen.reason for frozen in groups.frozen]
    if not reasons:
        return "it has no parameters"
    return f"most are fixed by {max(set(reasons), key=reasons.count)}"


def summary(name: str, groups: Groups, verification: Verification | None = None) -> str:
    """Return a text with all groups of a network, what is in none and why, and the verification."""
    time = f"; {groups.seconds:.1f} s" if groups.seconds else ""
    heads = _number(len(groups.families), "family", "families")
    lines = [
        f"{name}: {_number(groups.symmetric_sets, 'set')} of interchangeable units in "
        f"{_number(len(groups), 'group')}, {heads} of heads{time}",
        "",
        *_aligned(
            [("", "group", "units", "heads", "family", "members")]
            + [_row(order, group) for order, group in enumerate(groups, 1)]
        ),
    ]
    reasons = defaultdict(list)
    for frozen in groups.frozen:
        where = _at(frozen.parameter, frozen.axis)
        reasons[frozen.reason].append(f"{where} ({frozen.places})")
    if reasons:
        lines += ["", "Not in a group (places):"]
        lines += [f"  {reason}: {_some(found)}" for reason, found in reasons.items()]
    if groups.unknown:
        lines += ["", "Operations that fix what they read:"]
        lines += [f"  {u.operation} in {u.module or name}: {u.reason}" for u in groups.unknown]
    if groups.aliases:
        tied = {tuple(sorted((n, *others))) for n, others in groups.aliases.items()}
        lines += ["", f"Tied parameters: {'; '.join(' = '.join(t) for t in sorted(tied))}"]
    if verification is not None:
        lines += ["", *_verified(verification)]
    return "\n".join(lines) + "\n"


def _verified(found: Verification) -> list[str]:
    changed = found.controls - len(found.exceptions)
    without = (
        f" without one member of a group, by {found.smallest_change:.1e} at least "
        f"({_number(changed, 'control')})."
    )
    return [
        f"Verified: after a random permutation of everything the output differs by "
        f"{found.error:.1e} of its variation over the batch;{without if changed else ''}",
        *(f"The output does not depend on {name} in {group}." for group, name in found.exceptions),
    ]


def _row(order: int, group: Group) -> tuple[str, ...]:
    members = [f"{_at(m.parameter, m.axis)} {m.role}" for m in group.members]
    counts = str(group.units), str(group.heads)
    return str(order), group.name, *counts, group.family or "", _some(members)


def _at(parameter: str, axis: int | None) -> str:
    return parameter if axis is None else f"{parameter}[{axis}]"


def _some(texts: list[str]) -> str:
    """The first ones, and how many more there are."""
    more = len(texts) - SHOWN
    return ", ".join(texts[:SHOWN]) + (f" and {more} more" if more > 0 else "")


def _aligned(rows: list[tuple[str, ...]]) -> list[str]:
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    return [
        "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()
        for row in rows
    ]


def _number(count: int, one: str, many: str = "") -> str:
    return f"{count} {one if count == 1 else many or one + 's'}"


def as_line(name: str, groups: Groups, verification: Verification | None) -> str:
    """Return a network's groups and their verification as one line of JSON."""

    def plain(value):
        return value.tolist() if hasattr(value, "tolist") else vars(value)

    content = {"network": name, **vars(groups), "verification": verification}
    return json.dumps(content, default=plain) + "\n"
