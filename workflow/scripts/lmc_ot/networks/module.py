"""Any other `torch.nn.Module`: a class of a package or of a user's file, which is named."""

import inspect

import torch

from ..config.targets import failing_as, found
from ..errors import ConfigError, UserError


def build(shape, classes, target: str, arguments: dict, channels: int | None) -> torch.nn.Module:
    """Build the network ``module`` of the registry, see `load`.

    The module learns neither shape nor classes: its arguments have to fit them. `Network` repeats
    grey images to the number of channels, if there is one.

    Raises UserError as `load` does; or the target is a module that exists already, so that all
    networks would have the same initial parameters; or other than grey images would be repeated.
    """
    given = (*shape, 1)[:3][-1]
    if channels is not None and given not in (1, channels):
        raise ConfigError(
            f"network.channels: {channels}: only grey images can be repeated, but these have "
            f"{given} channels: remove the option"
        )
    if isinstance(found(target), torch.nn.Module):
        raise UserError(
            f"{target}: a module: all networks would have the same initial parameters: name its "
            f"class, or a function that returns a new one"
        )
    return load(target, arguments)


def load(target: str, arguments: dict | None = None) -> torch.nn.Module:
    """Return the module that ``package.module:name`` or ``path/to/file.py:name`` makes.

    The name is of a class, a function that returns a module, or a module; `arguments` are keyword
    arguments for it. Raises UserError if it does not exist, cannot be built with them, or is not a
    module.
    """
    arguments = arguments or {}
    made = found(target)
    if not isinstance(made, torch.nn.Module):
        with failing_as(f"{target}: it cannot be built with {arguments}"):
            made = made(**arguments)
    if not isinstance(made, torch.nn.Module):
        raise UserError(f"{target}: a {type(made).__name__}, not a torch.nn.Module")
    return made


def run_and_measure(module: torch.nn.Module, inputs: torch.Tensor) -> tuple[object, int]:
    """Run a module; return what it returns, and the largest number of values for one example.

    Those are the values of the input, and of what every module inside returns.
    """
    sizes = [inputs[0].numel()]

    def measure(_module, _inputs, output):
        if isinstance(output, torch.Tensor):
            sizes.append(output.numel() // len(inputs))

    hooks = [part.register_forward_hook(measure) for part in module.modules()]
    try:
        return module(inputs), max(sizes)
    finally:
        for hook in hooks:
            hook.remove()


def check_takes_batch(module: torch.nn.Module, inputs: torch.Tensor) -> None:
    """Raise ConfigError if a module's forward takes other arguments than one batch."""
    signature = inspect.signature(module.forward)
    try:
        signature.bind(inputs)
    except TypeError as error:
        raise ConfigError(
            f"network: {type(module).__name__}.forward{signature} takes other arguments than a "
            f"batch ({error}): name a module that calls it with one"
        ) from error
