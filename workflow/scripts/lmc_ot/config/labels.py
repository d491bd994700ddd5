"""Labels, tables and pairs of networks that follow from a completed config, and its hash."""

import itertools
import os
from pathlib import Path

from ..environment import digest
from ..errors import ConfigError
from .sweep import CHECKPOINTS, shared, value_of, without

CROSS_ENTROPY = "cross_entropy"
SETTING_LABEL = r"[a-z][a-z0-9_]*-[0-9.e+-]+"


def dataset_label(block: dict) -> str:
    """Return a data set's label in paths: its name, and a hash of its options if it has any."""
    options = {k: v for k, v in block.items() if k != "name" and v is not None}
    return block["name"] + (f"-{digest(options)}" if options else "")


def architecture(setting: dict) -> str:
    """Return the label of a setting's network in paths: its name, and a hash of its options.

    The shape of a network also depends on the images of the data set.
    """
    block = setting["network"]
    return f"{block['name']}-{digest([block, setting['dataset']])[:8]}"


def own_file(block: dict) -> str | None:
    """Return the path of the user's file that a block's target names; None if it names none."""
    path = block.get("target", "").rpartition(":")[0]
    return path if path.endswith(".py") else None


def beside(block: dict, folders: list[Path], key: str = "network.target") -> dict:
    """Return a block with the path of its user's file, if any, from the working directory.

    Parameters
    ----------
    folders
        The folders of the configs; the file is looked up from the last to the first.
    key
        The key of the target, for messages.

    Raises
    ------
    ConfigError
        The file is in none of them.
    """
    own = own_file(block)
    if not own:
        return block
    for folder in reversed(folders):
        if (folder / own).is_file():
            name = block["target"].rpartition(":")[2]
            return {**block, "target": f"{os.path.relpath(folder / own)}:{name}"}
    raise ConfigError(
        f"{key}: {block['target']}: no file {own} beside the config in "
        f"{folders[-1]}: correct the path"
    )


def panel_tables(config: dict, figure: str) -> list[str]:
    """Return the names of the tables of a figure: ``figure2``, or ``figure1a, figure1b``."""
    count = len(config["figures"][figure]["panels"])
    return [figure] if count == 1 else [f"{figure}{chr(ord('a') + i)}" for i in range(count)]


def panel_experiments(panel: dict) -> list[str]:
    """Return the names of the experiments that a panel shows."""
    return panel["experiments"] if "experiments" in panel else [panel["experiment"]]


def in_nats(config: dict, panel: dict) -> bool:
    """Tell whether the losses of all experiments of a panel are cross entropies."""
    return all(config["experiments"][n]["loss"] == CROSS_ENTROPY for n in panel_experiments(panel))


def pairs(experiment: dict) -> list[tuple[int, int]]:
    """Return the pairs of networks of a setting: (0, 1), (2, 3), ..., or (0, 1), (0, 2), ..."""
    networks = experiment["networks"]
    if experiment["pairs"] == "first":
        return [(0, i) for i in range(1, networks)]
    return [(i, i + 1) for i in range(0, networks, 2)]


def all_pairs(experiment: dict) -> list[tuple[int, int]]:
    """Return all pairs of networks of each setting: (0, 1), (0, 2), ..., (1, 2), ..."""
    return list(itertools.combinations(range(experiment["networks"]), 2))


def belongs(config: dict, path: Path) -> bool:
    """Tell whether a table or a benchmark file belongs to the config in its present form.

    Files of a setting or an experiment that was removed from the config do not.

    Parameters
    ----------
    config
        The completed config.
    path
        The file, relative to the run's folder of tables or of benchmark files.
    """
    first, *rest = path.with_suffix("").parts
    # Files of an experiment are in the folder of a setting. The length is checked because an
    # experiment may share its name with another folder, such as "datasets".
    if first in config["experiments"] and len(rest) > 1:
        settings = config["experiments"][first]["settings"]
        setting, *inside = rest
        return setting in settings and {"activations", "all_pairs"}.issuperset(inside[:-1])
    labelled = {
        "draw_figure": config["figures"],
        "tabulate_panel": [t for figure in config["figures"] for t in panel_tables(config, figure)],
        **dict.fromkeys(
            ("theory", "measure_theory", "tabulate_theory", "draw_theory"), config["theory"]
        ),
    }
    if first in labelled:
        return rest[0] in labelled[first]
    experiments = config["experiments"].values()
    settings = [s for experiment in experiments for s in experiment["settings"].values()]
    if first in ("groups", "derive_groups"):
        return rest[0] in map(architecture, settings)
    if first in ("datasets", "prepare_dataset"):
        return rest[0] in [dataset_label(setting["dataset"]) for setting in settings]
    return not rest


def training_hash(config: dict, experiment: dict) -> str:
    """Return a hash of everything that determines an experiment's networks except the swept value.

    Tables of different hashes are never combined.
    """
    axis = experiment["axis"]
    trained = ["training"] if experiment["checkpoints"] is None else []
    parts = {key: experiment[key] for key in ("dataset", "network", *trained)}
    values = [value_of(setting, axis) for setting in experiment["settings"].values()]
    # Lists of different shape can have the same numbers: [64] and [64, 64] are both 64. Checkpoints
    # have nothing in common, and are inputs of the jobs.
    of_lists = None if axis == CHECKPOINTS else shared(values)
    common = [] if of_lists is None else [of_lists]
    # The default is left out, so that results from before this key existed keep their hash.
    common += [loss for loss in [experiment["loss"]] if loss != CROSS_ENTROPY]
    return digest([config["seed"], *without(parts, axis).values(), *common])
