"""Sweeps: the settings of an experiment, which differ in one number or list of its block."""

import copy
import itertools
import math
from dataclasses import dataclass

from ..errors import ConfigError

LEARNING_RATE = "training.learning_rate"
CHECKPOINTS = "checkpoints"


@dataclass(frozen=True)
class Sweep:
    """The settings of an experiment.

    Parameters
    ----------
    axis
        The swept key, its parts joined by dots; without a sweep the learning rate, or
        ``checkpoints`` if networks are read from files.
    blocks
        The experiment's block for each setting, as loaded from YAML.
    """

    axis: str
    blocks: list[dict]


def unfold(path: str, block: dict) -> Sweep:
    """Unfold an experiment's block, of which only the key ``sweep`` is completed, into settings.

    Raises
    ------
    ConfigError
        More than one key is swept; the key cannot be set; minimum is not below maximum.
    """
    swept = block["sweep"]
    given = block.get(CHECKPOINTS)
    if len(swept) > 1:
        raise ConfigError(
            f"{path}.sweep: expected one key, not {', '.join(swept)}: remove all but one; an "
            f"overlay sets the key that it replaces to null"
        )
    if not swept:
        settings = given if isinstance(given, dict) else [given]
        return Sweep(LEARNING_RATE if given is None else CHECKPOINTS, [block for _ in settings])
    ((axis, values),) = swept.items()
    if isinstance(values, dict):
        values = _spaced(f"{path}.sweep.{axis}", **values)
    return Sweep(axis, [_with(path, block, axis, value) for value in values])


def _spaced(path: str, minimum: float, maximum: float, number: int) -> list[float]:
    """Return numbers that are evenly spaced on a logarithmic scale, with exact end points."""
    if minimum >= maximum:
        raise ConfigError(f"{path}: minimum {minimum} is not below maximum {maximum}")
    step = math.log(maximum / minimum) / (number - 1)
    return [minimum * math.exp(step * i) for i in range(number - 1)] + [maximum]


def _with(path: str, block: dict, axis: str, value) -> dict:
    """Return a copy of the block with the value at the axis, which must be absent or null."""
    block = copy.deepcopy(block)
    *parents, last = axis.split(".")
    inside = block
    for parent in parents:
        inside = inside.setdefault(parent, {})
        if not isinstance(inside, dict):
            raise ConfigError(f"{path}.sweep.{axis}: {parent!r} is {inside!r}, not a mapping")
    if inside.get(last) is not None:
        raise ConfigError(f"{path}.{axis}: is set and swept: remove it, or sweep over another key")
    inside[last] = value
    return block


def value_of(block: dict, axis: str):
    """Return the value of a completed block at an axis."""
    for part in axis.split("."):
        block = block[part]
    return block


def without(block: dict, axis: str) -> dict:
    """Return a copy of a block without the key of the axis."""
    block = copy.deepcopy(block)
    *parents, last = axis.split(".")
    inside = block
    for parent in parents:
        inside = inside.get(parent, {})
    inside.pop(last, None)
    return block


def numbers(path: str, values: list) -> list[float | int]:
    """Return the number that represents each swept value in figures and tables.

    A number represents itself. Lists that are multiples of each other are represented by their
    first number (hidden widths [64, 64] and [128, 128] by 64 and 128), lists that repeat one
    number by their lengths (one to five hidden layers of equal width by 1 to 5).

    Raises
    ------
    ConfigError
        The values are of another kind, or two values have the same number.
    """
    if all(_is_number(value) for value in values):
        of_values = values
    elif all(isinstance(value, list) for value in values):
        of_values = _numbers_of_lists(path, values)
    else:
        raise ConfigError(f"{path}: only numbers and lists of numbers can be swept")
    duplicate = {number for number in of_values if of_values.count(number) > 1}
    if duplicate:
        raise ConfigError(f"{path}: duplicate setting {min(duplicate)}")
    return of_values


def _numbers_of_lists(path: str, lists: list[list]) -> list[float | int]:
    """Return the number that represents each list. Raises ConfigError if there is none."""
    flat = [_flat(values) for values in lists]
    if not all(values and all(_is_number(x) and x > 0 for x in values) for values in flat):
        raise ConfigError(f"{path}: only lists of positive numbers can be swept")
    if _are_multiples(lists):
        return [values[0] for values in flat]
    if len({x for values in flat for x in values}) == 1:
        return [len(values) for values in flat]
    raise ConfigError(
        f"{path}: expected lists that are multiples of each other, or that repeat one number and "
        f"differ in length: figures need one number per list"
    )


def name(axis: str, values: list) -> str:
    """Return the axis's name in tables and figures, with ``.length`` if lists differ in length."""
    by_length = isinstance(values[0], list) and not _are_multiples(values)
    return f"{axis}.length" if by_length else axis


def shared(values: list):
    """Return what the lists on an axis have in common besides the numbers that represent them.

    For lists that are multiples of each other these are their ratios, for lists that repeat one
    number that number. The result is None if the values are numbers.
    """
    if not isinstance(values[0], list):
        return None
    first = _flat(values[0])[0]
    return _ratios(values[0], first) if _are_multiples(values) else first


def _are_multiples(lists: list[list]) -> bool:
    """Tell whether lists, possibly nested, differ only by a factor."""
    ratios = [_ratios(values, _flat(values)[0]) for values in lists]
    return all(some == ratios[0] for some in ratios)


def _ratios(values: list, unit: float) -> list:
    """Divide each number by the unit, keeping the nesting of the lists."""
    return [_ratios(v, unit) if isinstance(v, list) else round(v / unit, 9) for v in values]


def _flat(values: list) -> list:
    """Flatten nested lists."""
    return list(
        itertools.chain.from_iterable(_flat(v) if isinstance(v, list) else [v] for v in values)
    )


def _is_number(value) -> bool:
    """Tell whether a value is a number; booleans are not."""
    return isinstance(value, int | float) and not isinstance(value, bool)


def setting_label(axis: str, number: float | int) -> str:
    """Return a setting's label in paths: ``learning_rate-1.585e-03``, ``hidden_widths-64``.

    Parameters
    ----------
    axis
        As returned by `name`; lengths give ``hidden_widths_length-3``.
    number
        As returned by `numbers`.
    """
    parts = axis.split(".")
    last = "_".join(parts[-2:]) if parts[-1] == "length" else parts[-1]
    text = f"{number}" if isinstance(number, int) else f"{number:.3e}"
    return f"{last}-{text}"
