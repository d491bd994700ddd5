"""A checkout of its own, and a finished run in it, to change and rerun."""

import shutil
import subprocess
from pathlib import Path

import pytest
import yaml

from support import REPOSITORY, snakemake, succeeds

CODE = ("Snakefile", "rules", "workflow", "config", "envs", "profiles")


def clone(folder: Path) -> Path:
    """The project's code as a fresh clone has it: all of it modified now, no results."""
    for name in CODE:
        source = REPOSITORY / name
        ignored = shutil.ignore_patterns("__pycache__")
        if source.is_dir():
            shutil.copytree(source, folder / name, ignore=ignored, copy_function=shutil.copyfile)
        else:
            folder.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(source, folder / name)
    return folder


def reduced_default() -> dict:
    """The default config at the least of work: all its experiments and figures, one setting each.

    All matchers are in the first experiment; the others have those that its figures need.
    """
    config = yaml.safe_load((REPOSITORY / "config/config.yaml").read_text())
    for experiment in config["experiments"].values():
        for widths in ("hidden_widths", "groups", "head"):
            if widths in experiment["network"]:
                experiment["network"][widths] = narrow(experiment["network"][widths])
        if "width" in experiment["network"]:
            experiment["network"]["width"] = 0.125
        experiment["training"]["epochs"] = 2
        experiment["networks"] = 2
        experiment["path"] = {"points": 3}
        one_setting(experiment)
    for name, experiment in config["experiments"].items():
        if name not in ("digits-mlp", "digits-pair"):
            experiment["matchers"] = {"identity": {}, "sigma_wm": {}}
    config["theory"] = {"isotropic": {"sizes": [8, 16], "dimensions": [5, 6], "repetitions": 3}}
    return config


def one_setting(experiment: dict) -> None:
    """Change a shipped experiment to the largest value of its sweep; widths become narrow."""
    ((axis, values),) = experiment["sweep"].items()
    largest = values["maximum"] if isinstance(values, dict) else max(values)
    if axis == "network.hidden_widths":
        largest = narrow(largest)
    if axis == "training.stop_after":
        largest = experiment["training"]["epochs"]
    experiment["sweep"] = {axis: [largest]}


def narrow(widths):
    """Widths of hidden layers, in lists of any depth: at most 8."""
    return [narrow(w) for w in widths] if isinstance(widths, list) else min(widths, 8)


@pytest.fixture(scope="session")
def finished_once(tmp_path_factory) -> tuple[Path, str]:
    """A checkout in which the reduced default config ran to the last figure, and its output.

    All files that were there before the run are committed.
    """
    folder = clone(tmp_path_factory.mktemp("finished") / "checkout")
    write_config(folder, reduced_default())
    shutil.copyfile(REPOSITORY / ".gitignore", folder / ".gitignore")
    author = ("-c", "user.name=test", "-c", "user.email=test@example.org")
    for command in (["init"], ["add", "--all"], [*author, "commit", "--message", "before"]):
        quiet = {"check": True, "stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
        subprocess.run(["git", *command], cwd=folder, **quiet)
    return folder, succeeds(snakemake(folder, repository=folder))


@pytest.fixture
def finished(finished_once, tmp_path) -> Path:
    """A copy of the finished checkout, with all times of modification, to do anything with."""
    subprocess.run(["cp", "-a", finished_once[0], tmp_path / "checkout"], check=True)
    return tmp_path / "checkout"


def write_config(folder: Path, config: dict) -> None:
    """Write the checkout's default config."""
    (folder / "config/config.yaml").write_text(yaml.safe_dump(config, sort_keys=False))
