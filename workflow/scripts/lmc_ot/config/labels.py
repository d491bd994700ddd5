"""Names that follow from a completed config: of settings, data sets, tables, pairs; its hash."""

import itertools
from pathlib import Path

from ..environment import digest
from .sweep import shared, value_of, without

SETTING_LABEL = r"[a-z][a-z0-9_]*-[0-9.e+-]+"


def dataset_label(block: dict) -> str:
    """A data set as it stands in paths: its name, and a hash of its options if it has any."""
    options = {k: v for k, v in block.items() if k != "name" and v is not None}
    return block["name"] + (f"-{digest(options)}" if options else "")


def panel_tables(config: dict, figure: str) -> list[str]:
    """Names of the tables of a figure's panels: ``figure2``, or ``figure1a, figure1b``."""
    count = len(config["figures"][figure]["panels"])
    return [figure] if count == 1 else [f"{figure}{chr(ord('a') + i)}" for i in range(count)]


def panel_experiments(panel: dict) -> list[str]:
    """The experiments that a panel shows."""
    return panel["experiments"] if "experiments" in panel else [panel["experiment"]]


def pairs(experiment: dict) -> list[tuple[int, int]]:
    """The pairs of networks of each setting: (0, 1), (2, 3), ..."""
    return [(i, i + 1) for i in range(0, experiment["networks"], 2)]


def all_pairs(experiment: dict) -> list[tuple[int, int]]:
    """Every pair of networks of each setting: (0, 1), (0, 2), ..., (1, 2), ..."""
    return list(itertools.combinations(range(experiment["networks"]), 2))


def belongs(config: dict, path: Path) -> bool:
    """Whether a table or a benchmark file is of the config as it is now.

    Files of a setting, a matcher or an experiment that was removed from the config do not.

    Parameters
    ----------
    config
        Completed.
    path
        Relative to the run's folder of tables, or of benchmark files.
    """
    first, *rest = path.with_suffix("").parts
    # A table or a job of an experiment is in the folder of a setting; an experiment may be
    # called as something else that has files of its own.
    if first in config["experiments"] and len(rest) > 1:
        settings = config["experiments"][first]["settings"]
        setting, *inside = rest
        known = {"activations", "all_pairs"}
        return setting in settings and known.union(settings[setting]["matchers"]).issuperset(
            inside[:-1]
        )
    labelled = {
        "draw_figure": config["figures"],
        "tabulate_panel": [t for figure in config["figures"] for t in panel_tables(config, figure)],
        **dict.fromkeys(
            ("theory", "measure_theory", "tabulate_theory", "draw_theory"), config["theory"]
        ),
    }
    if first in labelled:
        return rest[0] in labelled[first]
    if first in ("datasets", "prepare_dataset"):
        return rest[0] in [
            dataset_label(setting["dataset"])
            for experiment in config["experiments"].values()
            for setting in experiment["settings"].values()
        ]
    return not rest


def training_hash(config: dict, experiment: dict) -> str:
    """Hash of what determines an experiment's networks, but for the value on its axis.

    Tables that differ in it do not mix.
    """
    axis = experiment["axis"]
    parts = {key: experiment[key] for key in ("dataset", "network", "training")}
    values = [value_of(setting, axis) for setting in experiment["settings"].values()]
    # Widths of another shape may be known by the same numbers.
    common = [] if shared(values) is None else [shared(values)]
    return digest([config["seed"], *without(parts, axis).values(), *common])
