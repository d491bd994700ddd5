"""A config file and two Python files of the user: regression, from the data to the figures."""

import json
import re
import subprocess
import sys
from pathlib import Path

import pandas as pd
import pytest
import yaml
from safetensors.torch import save_file
from torch import from_numpy

from lmc_ot import tables
from support import snakemake, succeeds

from .test_bad_input import fails_with_one_line

pytestmark = pytest.mark.slow

DATA = """
import numpy as np


def dataset(examples=80):
    stream = np.random.default_rng(0)
    inputs = stream.normal(size=(examples, 2, 5))
    targets = np.sin(inputs).sum((1, 2))
    half = examples // 2
    return {"train": (inputs[:half], targets[:half]), "test": (inputs[half:], targets[half:])}
"""
NETWORK = """
from torch import nn


class Net(nn.Module):
    def __init__(self, width=8):
        super().__init__()
        self.layers = nn.Sequential(
            nn.Flatten(), nn.Linear(10, width), nn.ReLU(), nn.Linear(width, 1)
        )

    def forward(self, inputs):
        return self.layers(inputs)
"""
LOSS = """
from torch.nn.functional import huber_loss


def huber(outputs, targets):
    return huber_loss(outputs[:, 0], targets)
"""
OF_FILE = {"name": "module", "target": "data.py:dataset"}
OWN = {"name": "module", "target": "net.py:Net", "arguments": {"width": 6}}
MATCHERS = ["identity", "naive_wm", "sigma_wm", "weight_matching"]


def config() -> dict:
    """Both losses: the mean squared error, and one of the user."""
    shared = {
        "dataset": OF_FILE,
        "training": {"batch_size": 15, "epochs": 2},
        "sweep": {"training.learning_rate": [0.05]},
        "networks": 2,
        "path": {"points": 3},
    }
    matchers = {name: {} for name in MATCHERS}
    experiments = {
        "squares": {**shared, "network": OWN, "loss": "mse", "matchers": matchers},
        "huber": {
            **shared,
            "network": {"name": "mlp", "hidden_widths": [6]},
            "loss": "loss.py:huber",
            "matchers": {"identity": {}, "am": {}},
        },
    }
    panels = [
        {"name": "lmc_error", "experiment": "squares"},
        {"name": "along_path", "experiment": "huber"},
    ]
    return {"name": "own", "experiments": experiments, "figures": {"errors": {"panels": panels}}}


def write(folder: Path, changed: dict | None = None) -> Path:
    """Write all files of the user and return the config's path."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, text in (("data.py", DATA), ("net.py", NETWORK), ("loss.py", LOSS)):
        (folder / name).write_text(text)
    path = folder / "own.yaml"
    path.write_text(yaml.safe_dump(changed or config(), sort_keys=False))
    return path


@pytest.fixture(scope="module")
def finished(tmp_path_factory):
    """A folder in which everything ran, and the config beside the user's files."""
    folder = tmp_path_factory.mktemp("own")
    path = write(folder / "configs")
    succeeds(snakemake(folder, "--configfile", path))
    return folder, path


def test_regression_runs_to_the_figure_without_accuracies(finished):
    folder, _ = finished
    results = tables.read("results", folder / "results/own/results.parquet").to_pandas()
    assert set(results["experiment"]) == {"squares", "huber"}
    assert set(results.query("experiment == 'squares'")["matcher"]) == set(MATCHERS)
    accuracies = [name for name in results.columns if name.endswith("accuracy")]
    losses = [name for name in results.columns if name.endswith("loss")]
    assert results[accuracies].isna().all(axis=None) and results[losses].notna().all(axis=None)
    for path in folder.glob("results/own/*/*/history.parquet"):
        history = tables.read("history", path).to_pandas()
        assert history[["train_accuracy", "test_accuracy"]].isna().all(axis=None)
        assert history[["train_loss", "test_loss"]].notna().all(axis=None)
    assert (folder / "paper_figures/own/errors.png").stat().st_size > 10_000
    drawn = pd.read_csv(folder / "paper_figures/own/errorsa.csv")
    assert drawn["mean"].notna().all() and set(MATCHERS) < set(drawn["matcher"])


EDITS = {
    "data.py": {"prepare_dataset", "derive_groups", "train", "match", "evaluate_path"},
    "net.py": {"derive_groups", "train", "match", "evaluate_path"},
    "loss.py": {"train", "match", "evaluate_path"},
}
OF = {"data.py": ["squares", "huber"], "net.py": ["squares"], "loss.py": ["huber"]}


@pytest.mark.parametrize("file", EDITS)
def test_an_edit_runs_what_depends_on_the_file_and_nothing_else(file, finished):
    folder, path = finished
    assert "Nothing to be done" in succeeds(snakemake(folder, "--configfile", path, "-n"))
    edited = path.parent / file
    before = edited.read_text()
    edited.write_text(before + "\nEDITED = True\n")
    try:
        planned = succeeds(snakemake(folder, "--configfile", path, "-n"))
    finally:
        edited.write_text(before)
    experiments = ("squares", "huber")
    for name in experiments:
        assert (f"train {name} at" in planned) is (name in OF[file])
        assert (f"evaluate paths of {name} at" in planned) is (name in OF[file])
    counts = dict(re.findall(r"^(\w+) +(\d+)$", planned, re.MULTILINE))
    downstream = {"collect", "tabulate_panel", "draw_figure", "all", "total"}
    assert counts.keys() - downstream == EDITS[file]
    assert counts["train"] == str(len(OF[file]))


@pytest.mark.parametrize(
    ("changes", "parts"),
    [
        ({"dataset": OF_FILE | {"target": "date.py:dataset"}}, ["dataset.target", "date.py"]),
        ({"dataset": OF_FILE | {"target": "data.py:data"}}, ["data.py:data", "'dataset'"]),
        ({"loss": "lost.py:huber"}, ["loss: lost.py:huber", "no file lost.py"]),
        ({"loss": "loss.py:hubert"}, ["loss.py:hubert", "'huber'"]),
        ({"loss": "cross_entropy"}, ["loss cross_entropy", "targets are floats"]),
    ],
    ids=["no data file", "no data name", "no loss file", "no loss name", "no classes"],
)  # fmt: skip
def test_what_cannot_be_is_refused_in_one_line(changes, parts, tmp_path):
    changed = config()
    changed["experiments"] = {"squares": changed["experiments"]["squares"] | changes}
    path = write(tmp_path / "configs", changed | {"figures": {}})
    fails_with_one_line(snakemake(tmp_path, "--configfile", path), *parts)
    assert not list((tmp_path / "results").rglob("checkpoints.parquet"))


def test_the_commands_take_the_same_files(finished, tmp_path):
    """The losses on the training split are those of the run."""
    folder, path = finished
    [run] = folder.glob("results/own/squares/*")
    for number, parameters in tables.read_checkpoints(run / "checkpoints.parquet").items():
        state = {name: from_numpy(array.copy()) for name, array in parameters.items()}
        save_file(state, tmp_path / f"{number}.safetensors")
    configs = path.parent
    command = [Path(sys.executable).parent / "lmc-ot", "barrier", "0.safetensors", "1.safetensors"]
    command += ["--network", f"{configs}/net.py:Net", "--arguments", "{width: 6}", "--points", "3"]
    command += ["--data", f"{configs}/data.py:dataset", "--json", "--loss"]
    table = tables.read("path", run / "path.parquet").to_pandas()
    expected = table.query("matcher == 'identity' and split == 'train'").sort_values("t")["loss"]
    found = {}
    for loss in ("mse", f"{configs}/loss.py:huber"):
        printed = subprocess.run(
            [*command, loss], cwd=tmp_path, capture_output=True, text=True, check=True
        )
        rows = json.loads(printed.stdout)["rows"]
        assert [row["accuracy"] for row in rows] == [None] * 3
        found[loss] = [row["loss"] for row in rows]
    assert found["mse"] == pytest.approx(expected.tolist(), rel=1e-5)
    assert all(0 < huber < mse for mse, huber in zip(*found.values(), strict=True))
