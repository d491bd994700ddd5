"""Sweeps: the settings of an experiment, which differ in one number or list of its block."""

import copy
import itertools
import math
from dataclasses import dataclass

from ..errors import ConfigError

LEARNING_RATE = "training.learning_rate"


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
    """The settings of an experiment's block, of which only ``sweep`` is completed.

    Raises
    ------
    ConfigError
        More than one key is swept; the key cannot be set; minimum is not below maximum.
    """
    swept = block["sweep"]
    if len(swept) > 1:
        raise ConfigError(
            f"{path}.sweep: expected one key, not {', '.join(swept)}: of a config that changes "
            f"another one, set the other's key to null"
        )
    if not swept:
        return Sweep(LEARNING_RATE, [block])
    ((axis, values),) = swept.items()
    if isinstance(values, dict):
        values = _spaced(f"{path}.sweep.{axis}", **values)
    return Sweep(axis, [_with(path, block, axis, value) for value in values])


def _spaced(path: str, minimum: float, maximum: float, number: int) -> list[float]:
    """Numbers spaced evenly in their logarithm; the ends are exact."""
    if minimum >= maximum:
        raise ConfigError(f"{path}: minimum {minimum} is not below maximum {maximum}")
    step = math.log(maximum / minimum) / (number - 1)
    return [minimum * math.exp(step * i) for i in range(number - 1)] + [maximum]


def _with(path: str, block: dict, axis: str, value) -> dict:
    """A copy of the block with the value at the axis, where the block has none or null."""
    block = copy.deepcopy(block)
    *parents, last = axis.split(".")
    inside = block
    for parent in parents:
        inside = inside.setdefault(parent, {})
        if not isinstance(inside, dict):
            raise ConfigError(f"{path}.sweep.{axis}: {parent!r} is {inside!r}, which has no keys")
    if inside.get(last) is not None:
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
        of_values = _numbers_of_lists(path, values)
    else:
        raise ConfigError(f"{path}: only numbers and lists of numbers can be swept")
    duplicate = {number for number in of_values if of_values.count(number) > 1}
    if duplicate:
        raise ConfigError(f"{path}: duplicate setting {min(duplicate)}")
    return of_values


def _numbers_of_lists(path: str, lists: list[list]) -> list[float | int]:
    """The number by which each list is known. Raises ConfigError where there is none."""
    flat = [_flat(values) for values in lists]
    if not all(values and all(_is_number(x) and x > 0 for x in values) for values in flat):
        raise ConfigError(f"{path}: only lists of positive numbers can be swept")
    if _are_multiples(lists):
        return [values[0] for values in flat]
    if len({x for values in flat for x in values}) == 1:
        return [len(values) for values in flat]
    raise ConfigError(
        f"{path}: expected lists that are multiples of each other, or that repeat one number and "
        f"differ in length: figures could not draw others at a number"
    )


def name(axis: str, values: list) -> str:
    """The axis as tables and figures name it: with ``.length`` where lists differ in length."""
    by_length = isinstance(values[0], list) and not _are_multiples(values)
    return f"{axis}.length" if by_length else axis


def shared(values: list):
    """What lists on an axis have in common beside their numbers; None of values that are numbers.

    Of multiples it is their ratios, of lists that repeat one number that number.
    """
    if not isinstance(values[0], list):
        return None
    first = _flat(values[0])[0]
    return _ratios(values[0], first) if _are_multiples(values) else first


def _are_multiples(lists: list[list]) -> bool:
    """Whether lists, which may hold lists, differ in a factor alone."""
    ratios = [_ratios(values, _flat(values)[0]) for values in lists]
    return all(some == ratios[0] for some in ratios)


def _ratios(values: list, unit: float) -> list:
    """Each number over the unit, in lists as they are."""
    return [_ratios(v, unit) if isinstance(v, list) else round(v / unit, 9) for v in values]


def _flat(values: list) -> list:
    """The values of lists within lists, in one list."""
    return list(
        itertools.chain.from_iterable(_flat(v) if isinstance(v, list) else [v] for v in values)
    )


def _is_number(value) -> bool:
    """Whether it is a number; True and False are not."""
    return isinstance(value, int | float) and not isinstance(value, bool)


def setting_label(axis: str, number: float | int) -> str:
    """A setting as it stands in paths: ``learning_rate-1.585e-03``, ``hidden_widths-64``.

    Parameters
    ----------
    axis
        From `name`; a length is ``hidden_widths_length-3``.
    """
    parts = axis.split(".")
    last = "_".join(parts[-2:]) if parts[-1] == "length" else parts[-1]
    text = f"{number}" if isinstance(number, int) else f"{number:.3e}"
    return f"{last}-{text}"
