"""Experiments on trained networks that are read from files: which files, and how many networks."""

import os
import re
from pathlib import Path

from ..errors import ConfigError
from .sweep import CHECKPOINTS, Sweep

# What describes networks that are trained, and is told by the files of others.
_OF_TRAINING = ("training", "networks")


def check_exclusive(path: str, swept: Sweep) -> None:
    """Raise ConfigError if an experiment both reads networks and says how they are trained.

    Its blocks are as loaded from YAML, without defaults.
    """
    for block in swept.blocks:
        for key in _OF_TRAINING:
            if block.get(CHECKPOINTS) is not None and block.get(key) is not None:
                raise ConfigError(
                    f"{path}.{key}: the networks of this experiment are read from checkpoints: "
                    f"remove this key, or checkpoints"
                )


def numbers(path: str, given: str | list | dict) -> list[int | float]:
    """Return the numbers that stand for the settings of an experiment that sweeps over nothing.

    Raises ConfigError if the key of a setting is not a number.
    """
    return [_number(path, key) for key in given] if isinstance(given, dict) else [1]


def of_setting(path: str, given: str | list | dict, number: int | float) -> list[str]:
    """Return the file names and patterns of the setting that a number stands for.

    Raises ConfigError if there are none.
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
        return int(key) if key.isdigit() else float(key)
    except ValueError:
        raise ConfigError(f"{path}.checkpoints.{key}: expected a number for the setting") from None


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
                f"{path}.checkpoints: {pattern}: no such file in {folders[-1]}, the config's "
                f"folder: correct the path"
            )
        files += [os.path.relpath(file) for file in found]
    twice = [file for file in files if files.count(file) > 1]
    if twice:
        raise ConfigError(f"{path}.checkpoints: {twice[0]} is named twice: remove one")
    return files


def _matching(folder: Path, pattern: str) -> list[Path]:
    whole = folder / pattern
    if whole.is_file():
        return [whole]
    return [
        file
        for file in Path(whole.anchor).glob(str(whole.relative_to(whole.anchor)))
        if file.is_file()
    ]


def _natural(file: Path) -> list:
    return [int(part) if part.isdigit() else part for part in re.split(r"(\d+)", str(file))]
