"""Modules and state dicts as parameters, their mean, their loss, and their batch norms."""

import copy
from collections.abc import Iterable, Mapping, Sequence

import torch
from torch.nn.modules.batchnorm import _BatchNorm

from ..errors import UserError, one_line
from ..networks.groups.derive import first_names
from ..tables import Parameters
from ..training.losses import Function, loss_of

Network = torch.nn.Module | Mapping[str, torch.Tensor]
Loss = str | Function


def module_of(a: Network, b: Network, network: torch.nn.Module | None) -> torch.nn.Module:
    """A copy of the module that is run with the parameters of all networks, on the CPU."""
    given = [n for n in (network, a, b) if isinstance(n, torch.nn.Module)]
    if not given:
        raise UserError("state dicts without a module: pass network=, a module of their class")
    return copy.deepcopy(given[0]).cpu().eval()


def state_of(network: Network) -> dict[str, torch.Tensor]:
    state = network.state_dict() if isinstance(network, torch.nn.Module) else network
    return {name: tensor.detach().cpu() for name, tensor in state.items()}


def parameters_of(network: Network, module: torch.nn.Module) -> Parameters:
    """The floating-point tensors of a network, float32, a tied one under its first name."""
    first = first_names(module)
    return {
        name: tensor.float().numpy()
        for name, tensor in state_of(network).items()
        if tensor.is_floating_point() and first.get(name, name) == name
    }


def with_state(module: torch.nn.Module, state: Mapping[str, torch.Tensor]) -> torch.nn.Module:
    """A copy of a module with these parameters.

    Raises
    ------
    UserError
        They do not fit the module.
    """
    loaded = copy.deepcopy(module)
    try:
        loaded.load_state_dict(state)
    except RuntimeError as error:
        raise UserError(f"{type(module).__name__}: {one_line(error, 300)}") from error
    return loaded


def mean(
    module: torch.nn.Module,
    states: Sequence[Mapping[str, torch.Tensor]],
    weights: Sequence[float] | None = None,
) -> torch.nn.Module:
    """The network of the mean parameters, with equal weights by default, computed in float64."""
    weights = weights or [1 / len(states)] * len(states)
    averaged = {
        name: sum(w * s[name].double() for w, s in zip(weights, states, strict=True)).to(t.dtype)
        if t.is_floating_point()
        else t
        for name, t in states[0].items()
    }
    return with_state(module, averaged)


@torch.no_grad()
def evaluate(
    module: torch.nn.Module, data: Iterable, loss: Loss = "cross_entropy"
) -> tuple[float, float | None]:
    """Return the mean loss of a module in evaluation mode, and for cross entropy its accuracy.

    Parameters
    ----------
    data, loss
        See `barrier`.
    """
    function = loss_of(loss)
    module.eval()
    device = next(module.parameters()).device
    total, hits, count, labels = 0.0, 0, 0, 0
    for inputs, targets in data:
        outputs, targets = module(inputs.to(device)), targets.to(device)
        total += float(function(outputs, targets).double().sum())
        count += len(inputs)
        if function.has_accuracy:
            hits += int((outputs.argmax(1) == targets).sum())
            labels += targets.numel()  # several for an image whose pixels have labels
    if not count:
        raise UserError("data: no batches: expected (inputs, targets), more than once")
    return total / count, hits / labels if function.has_accuracy else None


@torch.no_grad()
def recompute_batch_norms(module: torch.nn.Module, data: Iterable | None) -> None:
    """Recompute the running statistics of all batch norms, in place, as the mean over batches.

    As `torch.optim.swa_utils.update_bn`, but nothing else is in training mode.

    Raises
    ------
    UserError
        There are batch norms, but no data.
    """
    norms = [m for m in module.modules() if isinstance(m, _BatchNorm) and m.track_running_stats]
    if not norms:
        return
    if data is None:
        raise UserError("data: needed to recompute the statistics of batch norms of a mean")
    module.eval()
    before = [norm.momentum for norm in norms]
    for norm in norms:
        norm.reset_running_stats()
        norm.momentum = None
        norm.train()
    device = next(module.parameters()).device
    for inputs, *_ in data:
        module(inputs.to(device))
    for norm, momentum in zip(norms, before, strict=True):
        norm.momentum = momentum
    module.eval()
