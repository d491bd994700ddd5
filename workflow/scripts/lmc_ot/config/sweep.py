"""Sweeps: the settings of an experiment, which differ in one number or list of its block."""

import copy
import itertools
import math
from dataclasses import dataclass

from ..errors import ConfigError

LEARNING_RATE = "training.learning_rate"
SPACED = ("minimum", "maximum", "number")


@dataclass(frozen=True)
class Sweep:
    """A block of an experiment, unfolded.

    Parameters
    ----------
    axis
        The key that differs, its parts joined by dots; that of the learning rate where nothing is
        swept.
    blocks
        The experiment's block of each setting, as YAML gives it.
    """

    axis: str
    blocks: list[dict]


def unfold(path: str, block: dict) -> Sweep:
    """The settings of an experiment's block, which is not yet completed.

    Raises
    ------
    ConfigError
        ``sweep`` is not one key with a list, or with minimum, maximum and number; the key cannot
        be set.
    """
    swept = block.get("sweep") or {}
    if not isinstance(swept, dict) or len(swept) > 1:
        raise ConfigError(f"{path}.sweep: expected one key and its values, {{key: [a, b, ...]}}")
    if not swept:
        return Sweep(LEARNING_RATE, [block])
    ((axis, values),) = swept.items()
    values = _spaced(f"{path}.sweep.{axis}", values) if isinstance(values, dict) else values
    if not isinstance(values, list) or not values:
        raise ConfigError(
            f"{path}.sweep.{axis}: expected a list of values, or {{{', '.join(SPACED)}}}"
        )
    return Sweep(axis, [_with(path, block, axis, value) for value in values])


def _spaced(path: str, values: dict) -> list[float]:
    """Numbers spaced evenly in their logarithm."""
    if sorted(values) != sorted(SPACED):
        raise ConfigError(f"{path}: expected the keys {', '.join(SPACED)}")
    try:
        low, high, number = float(values["minimum"]), float(values["maximum"]), values["number"]
    except (TypeError, ValueError):
        raise ConfigError(f"{path}: minimum and maximum must be numbers") from None
    if not (isinstance(number, int) and number >= 2):
        raise ConfigError(f"{path}.number: {number!r}: expected an integer of at least 2")
    if not 0 < low < high < math.inf:
        raise ConfigError(f"{path}: minimum {low:g} must be positive and below maximum {high:g}")
    step = math.log(high / low) / (number - 1)
    return [low * math.exp(step * i) for i in range(number - 1)] + [high]


def _with(path: str, block: dict, axis: str, value) -> dict:
    """A copy of the block with the value at the axis."""
    block = copy.deepcopy(block)
    *parents, last = str(axis).split(".")
    inside = block
    for parent in parents:
        inside = inside.setdefault(parent, {})
        if not isinstance(inside, dict):
            raise ConfigError(f"{path}.sweep.{axis}: {parent!r} has no keys")
    if last in inside:
        raise ConfigError(f"{path}.{axis}: is swept: leave it out, or sweep over something else")
    inside[last] = value
    return block


def value_of(block: dict, axis: str):
    """The value of a completed block at an axis."""
    for part in axis.split("."):
        block = block[part]
    return block


def without(block: dict, axis: str) -> dict:
    """A copy of a block without the axis."""
    block = copy.deepcopy(block)
    *parents, last = axis.split(".")
    inside = block
    for parent in parents:
        inside = inside.get(parent, {})
    inside.pop(last, None)
    return block


def numbers(path: str, values: list) -> list[float | int]:
    """The number by which figures and tables know each value.

    A number is itself. Lists that are multiples of each other are known by their first number: of
    hidden layers that are 64, or 128, wide, 64 and 128. Lists of one repeated number are known by
    their lengths: of one to five hidden layers, 1 to 5.

    Raises
    ------
    ConfigError
        The values are of another kind, or two have one number.
    """
    if all(_is_number(value) for value in values):
        of_values = values
    elif all(isinstance(value, list) for value in values):
        of_values = _numbers_of_lists(path, [_flat(value) for value in values])
    else:
        raise ConfigError(f"{path}: only numbers and lists of numbers can be swept")
    duplicate = {number for number in of_values if of_values.count(number) > 1}
    if duplicate:
        raise ConfigError(f"{path}: duplicate setting {min(duplicate)}")
    return of_values


def _numbers_of_lists(path: str, lists: list[list]) -> list:
    if not all(values and all(_is_number(x) and x > 0 for x in values) for values in lists):
        raise ConfigError(f"{path}: only lists of positive numbers can be swept")
    if len({tuple(x / values[0] for x in values) for values in lists}) == 1:
        return [values[0] for values in lists]
    if len({x for values in lists for x in values}) == 1:
        return [len(values) for values in lists]
    raise ConfigError(
        f"{path}: lists must be multiples of each other, or of one number and differ in length: "
        f"otherwise there is no number to draw them at"
    )


def _flat(values: list) -> list:
    return list(
        itertools.chain.from_iterable(_flat(v) if isinstance(v, list) else [v] for v in values)
    )


def _is_number(value) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def setting_label(axis: str, number: float | int) -> str:
    """A setting as it stands in paths: ``learning_rate-1.585e-03``, ``hidden_widths-64``."""
    text = f"{number}" if isinstance(number, int) else f"{number:.3e}"
    return f"{axis.split('.')[-1]}-{text}"
