"""Experiments on trained networks that are read from files: which files, and how many networks."""

import math
import os
import re
from pathlib import Path

from ..errors import ConfigError
from .sweep import CHECKPOINTS, Sweep

# What describes networks that are trained, and is told by the files of others.
OF_TRAINING = ("training", "networks")


def check_exclusive(path: str, swept: Sweep) -> None:
    """Raise ConfigError if an experiment both reads networks and says how they are trained.

    Its blocks are as loaded from YAML, without defaults.
    """
    for block in swept.blocks:
        for key in OF_TRAINING:
            if block.get(CHECKPOINTS) is not None and block.get(key) is not None:
                where = f"sweep.{swept.axis}" if swept.axis.split(".")[0] == key else key
                raise ConfigError(
                    f"{path}.{where}: the networks of this experiment are read from checkpoints: "
                    f"remove this key, or set it to null in an overlay; or remove checkpoints"
                )


def numbers(path: str, given: str | list | dict) -> list[int | float]:
    """Return the numbers that stand for the settings of an experiment that sweeps over nothing.

    Raises ConfigError if the key of a setting is not a number, or two are the same number.
    """
    if not isinstance(given, dict):
        return [1]
    found = [_number(path, key) for key in given]
    twice = [key for key, number in zip(given, found, strict=True) if found.count(number) > 1]
    if twice:
        raise ConfigError(f"{path}.checkpoints: {' and '.join(twice)} are the same number")
    return found


def of_setting(path: str, given: str | list | dict, number: int | float) -> list[str]:
    """Return the file names and patterns of the setting that a number stands for.

    Raises ConfigError if `given` has no files for this number.
    """
    if isinstance(given, dict):
        found = [files for key, files in given.items() if _number(path, key) == number]
        if not found:
            raise ConfigError(
                f'{path}.checkpoints: no files for the setting "{number:g}": add them, or remove '
                f"the setting; there are files for {', '.join(given)}"
            )
        given = found[0]
    return [given] if isinstance(given, str) else given


def _number(path: str, key: str) -> int | float:
    try:
        number = int(key) if key.isdigit() else float(key)
    except ValueError:
        number = math.inf
    if not math.isfinite(number):
        raise ConfigError(f"{path}.checkpoints.{key}: expected a finite number for the setting")
    return number


def located(path: str, patterns: list[str], folders: list[Path]) -> list[str]:
    """Return the files of a setting, from the working directory, in the order of their networks.

    Files of one pattern are in the order of their names, numbers in them by their value.

    Parameters
    ----------
    patterns
        File names and patterns.
    folders
        The folders of the configs; a pattern is looked up from the last to the first.

    Raises
    ------
    ConfigError
        No file fits a pattern, or a file fits two.
    """
    files = []
    for pattern in patterns:
        matching = (sorted(_matching(folder, pattern), key=_natural) for folder in folders[::-1])
        found = next(filter(None, matching), [])
        if not found:
            raise ConfigError(
                f"{path}.checkpoints: {pattern}: no file of this name or pattern in "
                f"{folders[-1]}, the config's folder: correct the path"
            )
        files += [os.path.relpath(file) for file in found]
    twice = [file for file in files if files.count(file) > 1]
    if twice:
        raise ConfigError(f"{path}.checkpoints: {twice[0]} is named twice: remove one")
    return files


def _matching(folder: Path, pattern: str) -> list[Path]:
    if (folder / pattern).is_file():
        return [folder / pattern]
    anchor = Path(pattern).anchor
    if anchor:
        folder, pattern = Path(anchor), str(Path(pattern).relative_to(anchor))
    try:
        return [file for file in folder.glob(pattern) if file.is_file()]
    except ValueError:  # of a pattern such as **.pt
        return []


def _natural(file: Path) -> list:
    return [int(part) if part.isdigit() else part for part in re.split(r"(\d+)", str(file))]
