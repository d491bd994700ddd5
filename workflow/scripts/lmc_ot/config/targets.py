"""Objects that a user names: ``package.module:name``, or ``file.py:name`` of a file."""

import importlib
import importlib.util
import inspect
import sys
from contextlib import contextmanager
from pathlib import Path

from ..errors import UserError, one_line
from .registry import instead


@contextmanager
def failing_as(what: str):
    """Raise UserError with this text for any error."""
    try:
        yield
    except Exception as error:
        said = f"{type(error).__name__}: {one_line(error, 200)}"
        raise UserError(f"{what}: {said}") from error


def found(target: str):
    """Return the object that a target names.

    Raises UserError if the module or file does not exist, cannot be run, or lacks the name.
    """
    place, _, name = target.rpartition(":")
    if not place:
        raise UserError(f"{target}: expected <module>:<name> or <file.py>:<name>")
    source = _imported(target, place)
    if not hasattr(source, name):
        names = [
            key
            for key, value in vars(source).items()
            if not key.startswith("_") and not inspect.ismodule(value)
        ]
        raise UserError(f"{target}: {place} has no {name}{instead(name, names)[:200]}")
    return getattr(source, name)


def _imported(target: str, place: str):
    """The Python module of a target."""
    if not place.endswith(".py"):
        with failing_as(f"{target}: {place} cannot be imported"):
            return importlib.import_module(place)
    path = Path(place).resolve()
    if not path.is_file():
        raise UserError(f"{target}: there is no file {place}")
    spec = importlib.util.spec_from_file_location(path.stem, path)
    source = importlib.util.module_from_spec(spec)
    sys.path.insert(0, str(path.parent))
    before = sys.modules.get(path.stem)
    sys.modules[path.stem] = source  # where dataclasses look up their module
    try:
        with failing_as(f"{target}: {place} cannot be run"):
            spec.loader.exec_module(source)
    finally:
        if before is not None:
            sys.modules[path.stem] = before
        # At the end, where it hides nothing: functions may import files beside it when called.
        sys.path.remove(str(path.parent))
        sys.path.append(str(path.parent))
    return source
