"""Show that permuting a network's groups does not change its function, and that nothing less does.

Everything runs in float64 and evaluation mode, on copies of the module whose parameters are random:
trained or initial ones may be equal for many units (biases of 0), which hides mistakes. Differences
are relative to how much the output varies over the batch: an output that barely depends on the
input is reproduced by anything.
"""

import copy
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace

import numpy as np
import torch
from torch.func import functional_call
from torch.nn.modules.batchnorm import _BatchNorm
from torch.utils._pytree import tree_leaves

from ...errors import UserError, one_line
from .apply import permute, random
from .group import Group, Groups, Member

TOLERANCE = 1e-9  # of a function that is the same; 2e-12 is the largest that was seen
CHANGE = 1e-7  # of one that is not, at least
OTHERS = 8  # further random parameters for a control that changes nothing


@dataclass(frozen=True)
class Verification:
    """What was found: differences relative to how much the output varies over the batch.

    An exception is a (group, parameter): to leave it out changed nothing, because the output does
    not depend on these places of the parameter, as on a key's bias under a softmax.
    """

    error: float  # the largest difference after a random permutation of everything
    controls: int  # members that were left out, one at a time, of a permutation of their group
    smallest_change: float  # that this made, without the exceptions; infinity if none was tried
    exceptions: tuple[tuple[str, str], ...]


class _Network:
    """A module with random parameters, in float64, and its outputs on a batch.

    Every run takes a new copy, as modules may keep what they computed from their parameters.
    """

    def __init__(self, module: torch.nn.Module, inputs: tuple[torch.Tensor, ...], seed: int):
        self._stream = torch.Generator().manual_seed(seed)
        self._module = _copied(module).eval().double().requires_grad_(False)
        self._inputs = tuple(t.double() if t.is_floating_point() else t for t in inputs)
        self.state = self._module.state_dict(keep_vars=True)
        self._randomise()
        self._settle()
        self._expected = self._outputs(self.state)
        if not all(bool(t.isfinite().all()) for t in self._expected):
            raise UserError(f"{type(module).__name__}: its output is not finite on the example")
        if self.difference(self.state) != 0:
            raise UserError(f"{type(module).__name__}: its output differs from one run to the next")

    def difference(self, state: Mapping[str, torch.Tensor]) -> float:
        """The largest difference that this state makes, relative to the output's variation."""
        worst = 0.0
        for found, expected in zip(self._outputs(state), self._expected, strict=True):
            variation = (expected - expected.mean(0)).abs().max() if expected.ndim else 0
            scale = float(variation) or float(expected.abs().max()) or 1.0
            worst = max(worst, float((found - expected).abs().max()) / scale)
        return worst

    def noisy(self, member: Member) -> dict[str, torch.Tensor]:
        """The state with noise on the places of a member."""
        tensor = self.state[member.parameter]
        part = tensor.reshape(-1) if member.axis is None else tensor.movedim(member.axis, 0)
        noise = torch.zeros_like(part)
        places = torch.from_numpy(np.unique(member.places)).long()
        noise[places] = torch.randn(noise[places].shape, generator=self._stream, dtype=noise.dtype)
        if member.axis is not None:
            noise = noise.movedim(0, member.axis)
        if member.rows is not None:
            other = np.setdiff1d(np.arange(len(tensor)), member.rows)
            noise[torch.from_numpy(other)] = 0
        changed = tensor + noise.reshape(tensor.shape)
        return {name: changed if t is tensor else t for name, t in self.state.items()}

    def _outputs(self, state: Mapping[str, torch.Tensor]) -> list[torch.Tensor]:
        network = _copied(self._module, share=self.state.values())
        found = functional_call(network, state, self._inputs)
        tensors = [t for t in tree_leaves(found) if isinstance(t, torch.Tensor)]
        tensors = [t for t in tensors if t.is_floating_point() and t.numel()]
        if not tensors:
            raise UserError(f"{type(network).__name__}: its output holds no numbers to compare")
        return tensors

    def _randomise(self) -> None:
        """Different parameters for all units, of a size at which signals do not die or explode."""
        for parameter in self._module.parameters():
            if parameter.is_floating_point():
                fan_in = max(1, parameter[:1].numel())
                largest = max(0.03, 2 / fan_in**0.5)
                low, high = (-largest, largest) if parameter.ndim > 1 else (0, 1)
                parameter.uniform_(low, high, generator=self._stream)

    def _settle(self) -> None:
        """Running statistics of batch norms: those of what they read, disturbed.

        One pass sets them layer by layer, so that each norm fits the disturbed ones before it: with
        errors that add up, the signal of a deep network explodes. A channel that varies little over
        the example, by chance, is not blown up, and rounding with it.
        """

        def set_statistics(norm, arguments):
            values = arguments[0].movedim(1, 0).flatten(1)
            mean, variance = values.mean(1), values.var(1, correction=0)
            norm.running_mean.copy_(mean + 0.3 * variance.sqrt() * self._drawn(mean))
            variance = variance.clamp(min=0.1 * float(variance.mean()))
            norm.running_var.copy_(variance * self._drawn(mean).abs().clamp(0.5, 1.5))

        measured = _copied(self._module, share=self.state.values())
        for norm in measured.modules():
            if isinstance(norm, _BatchNorm) and norm.running_mean is not None:
                norm.register_forward_pre_hook(set_statistics)
        measured(*self._inputs)

    def _drawn(self, like: torch.Tensor) -> torch.Tensor:
        return torch.randn(like.shape, generator=self._stream, dtype=like.dtype)


def verify(
    module: torch.nn.Module,
    inputs: tuple[torch.Tensor, ...] | torch.Tensor,
    groups: Groups,
    controls: int = 12,
    seed: int = 0,
) -> Verification:
    """Permute everything at random, and some groups without one of their members.

    Parameters
    ----------
    module, inputs
        The module, which is not changed, and a batch of at least two examples that differ.
    controls
        How many groups are moved without one of their members, at most; both are drawn.
    seed
        Of parameters, permutations and controls.

    Raises
    ------
    UserError
        The function changes, or does not change without a member: it names the group. Or the
        module cannot be compared with itself: its output is random, or not finite.
    """
    inputs = (inputs,) if isinstance(inputs, torch.Tensor) else tuple(inputs)
    network, stream = _Network(module, inputs, seed), np.random.default_rng(seed)
    error = network.difference(permute(network.state, groups, random(groups, stream)))
    if not error <= TOLERANCE:
        raise UserError(f"{_blamed(network, groups, stream)} changes the network's function")
    changes, exceptions = [], []
    candidates = [group for group in groups if len(group.members) > 1]
    for number in stream.permutation(len(candidates))[:controls]:
        group = candidates[number]
        member = group.members[stream.integers(len(group.members))]
        change = network.difference(_without(network.state, groups, group, member))
        if change < CHANGE and network.difference(network.noisy(member)) < CHANGE:
            exceptions.append((group.name, member.parameter))
            continue
        # Of a few units all may be dead on the batch: with other parameters they are not.
        for other in range(seed + 1, seed + 1 + OTHERS):
            if change < CHANGE:
                drawn = _Network(module, inputs, other)
                change = drawn.difference(_without(drawn.state, groups, group, member))
        if change < CHANGE:
            raise UserError(
                f"group {group.name}: to permute it without {member.parameter}, axis "
                f"{member.axis}, does not change the network's function: it is no part of it"
            )
        changes.append(change)
    tried = len(changes) + len(exceptions)
    return Verification(error, tried, min(changes, default=np.inf), tuple(exceptions))


def check_parameters(module: torch.nn.Module) -> None:
    """Raise UserError if a parameter holds values that are not numbers."""
    for name, parameter in module.named_parameters():
        if parameter.is_floating_point() and bool(parameter.isnan().any()):
            raise UserError(f"{name} holds NaN: the network cannot be run; load or train it again")


def _blamed(network: _Network, groups: Groups, stream: np.random.Generator) -> str:
    """The first group, or family, that changes the function when it alone is permuted."""
    everything = random(groups, stream)
    for found in groups.together:
        alone = {group.name: everything[group.name] for group in found}
        difference = network.difference(permute(network.state, groups, alone))
        if not difference <= TOLERANCE:
            return f"group {found[0].name}: to permute it (a difference of {difference:.1g})"
    return f"{', '.join(group.name for group in groups)}: to permute all of them"


def _without(
    state: Mapping[str, torch.Tensor], groups: Groups, group: Group, member: Member
) -> Mapping[str, torch.Tensor]:
    """A state whose units of a group, or else whose heads, move by one place, but for a member."""
    kept = tuple(other for other in group.members if other is not member)
    lacking = tuple(replace(g, members=kept) if g is group else g for g in groups)
    if group.units > 1:
        places = np.roll(np.arange(group.size).reshape(group.heads, -1), 1, axis=1)
        moved = {group.name: places.ravel()}
    else:
        moved = {
            other.name: np.roll(np.arange(other.size), other.units)
            for other in groups.families[group.family]
        }
    return permute(state, replace(groups, groups=lacking), moved)


def _copied(module: torch.nn.Module, share: Iterable[torch.Tensor] = ()) -> torch.nn.Module:
    """A copy of a module that shares some of its tensors."""
    try:
        return copy.deepcopy(module, {id(tensor): tensor for tensor in share})
    except Exception as error:
        name = type(module).__name__
        raise UserError(f"{name} cannot be copied to verify it: {one_line(error)}") from error
