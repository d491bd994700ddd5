"""Any other `torch.nn.Module`: a class of a package or of a user's file, which is named."""

import importlib
import importlib.util
import sys
from pathlib import Path

import torch

from ..config.registry import instead
from ..errors import ConfigError, UserError, one_line


def build(shape, classes, target: str, arguments: dict, channels: int | None) -> torch.nn.Module:
    """Build the network ``module`` of the registry.

    Parameters
    ----------
    shape, classes
        See `Network`. The module learns neither: its arguments have to fit them.
    target, arguments
        See `load`.
    channels
        Number of channels to which `Network` repeats grey images; None for no repetition.

    Raises
    ------
    UserError
        See `load`; or the target is a module that exists already, so that all networks would
        have the same initial parameters; or images that are not grey would have to be repeated.
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

    Parameters
    ----------
    target
        The name of a class, a function that returns a module, or a module.
    arguments
        Keyword arguments for it.

    Raises
    ------
    UserError
        The target does not exist, cannot be built with these arguments, or is not a module.
    """
    arguments = arguments or {}
    made = found(target)
    if not isinstance(made, torch.nn.Module):
        try:
            made = made(**arguments)
        except Exception as error:
            said = f"{type(error).__name__}: {one_line(error, 200)}"
            raise UserError(f"{target}: it cannot be built with {arguments}: {said}") from error
    if not isinstance(made, torch.nn.Module):
        raise UserError(f"{target}: a {type(made).__name__}, not a torch.nn.Module")
    return made


def found(target: str):
    """Return the object that a target names."""
    place, _, name = target.rpartition(":")
    if not place:
        raise UserError(f"{target}: expected <module>:<name> or <file.py>:<name>")
    source = _imported(target, place)
    if not hasattr(source, name):
        names = [key for key, value in vars(source).items() if callable(value)]
        raise UserError(f"{target}: {place} has no {name}{instead(name, names)[:200]}")
    return getattr(source, name)


def _imported(target: str, place: str):
    """The Python module of a target."""
    if not place.endswith(".py"):
        try:
            return importlib.import_module(place)
        except Exception as error:
            said = f"{type(error).__name__}: {one_line(error, 200)}"
            raise UserError(f"{target}: {place} cannot be imported: {said}") from error
    path = Path(place).resolve()
    if not path.is_file():
        raise UserError(f"{target}: there is no file {place}")
    spec = importlib.util.spec_from_file_location(path.stem, path)
    source = importlib.util.module_from_spec(spec)
    sys.path.insert(0, str(path.parent))
    try:
        spec.loader.exec_module(source)
    except Exception as error:
        said = f"{type(error).__name__}: {one_line(error, 200)}"
        raise UserError(f"{target}: {place} cannot be run: {said}") from error
    finally:
        sys.path.remove(str(path.parent))
    return source
