"""What an error advises is done literally, and mends the run: for every kind of file between."""

import os
import re
import shutil
import subprocess
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from support import snakemake, succeeds

from .conftest import clone

CONFIG = """
name: advice
device: cpu
keep_activations: true
experiments:
  user: &experiment
    dataset: {name: parquet, files: images.parquet, shape: [4, 4]}
    network: {name: mlp, hidden_widths: [5]}
    training: {batch_size: 10, epochs: 1}
    sweep: {training.learning_rate: [1.0e-1]}
    networks: 2
    matchers: {am: {}}
    activations: {streamed: true}
    path: {points: 3}
  trained: &digits {<<: *experiment, dataset: {name: digits}}
  matched: *digits
  measured: *digits
  recorded: {<<: *digits, activations: {examples: 20}}
figures:
  dimension: {panels: [{name: approximate_dimension, experiment: matched}]}
  layers: {panels: [{name: dimension_by_layer, experiment: measured}]}
  error: {panels: [{name: lmc_error, experiment: recorded}]}
  path: {panels: [{name: along_path, experiment: measured}]}
"""


def of(experiment: str, name: str) -> str:
    return f"results/advice/{experiment}/learning_rate-1.000e-01/{name}"


RESULTS = "results/advice/results.parquet"
FIGURES = "paper_figures/advice"
# What is damaged; an output of what reads it, which is missing; and the rule that reads it. Those
# of a round do not hinder each other: the run continues after an error.
ROUNDS = {
    "experiments": [
        ("results/advice/datasets/parquet-*.parquet", of("user", "history.parquet"), "train"),
        (of("trained", "checkpoints.parquet"), of("trained", "objectives.parquet"), "match"),
        (
            of("matched", "permutations.parquet"),
            of("matched", "path.parquet"),
            "evaluate_path",
        ),
        (of("measured", "history.parquet"), f"{FIGURES}/layers.csv", "tabulate_panel"),
        (of("measured", "path.parquet"), f"{FIGURES}/path.csv", "tabulate_panel"),
        (of("matched", "dimensions.parquet"), f"{FIGURES}/dimension.csv", "tabulate_panel"),
        (of("recorded", "activations/1.parquet"), of("recorded", "objectives.parquet"), "match"),
    ],
    "collection": [
        (of("matched", "objectives.parquet"), RESULTS, "collect"),
        (f"{FIGURES}/path.csv", f"{FIGURES}/path.svg", "draw_figure"),
    ],
    "figures": [
        (RESULTS, f"{FIGURES}/error.csv", "tabulate_panel"),
        ("results/advice/panels/path.sha256", f"{FIGURES}/path.png", "draw_figure"),
    ],
}


def flip(path: Path) -> None:
    """Change a bit in the middle, as a disk might: the time of modification stays."""
    about = path.stat()
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)
    os.utime(path, ns=(about.st_atime_ns, about.st_mtime_ns))


def cut(path: Path) -> None:
    """Keep the first half."""
    about = path.stat()
    os.truncate(path, about.st_size // 2)
    os.utime(path, ns=(about.st_atime_ns, about.st_mtime_ns))


def run(folder: Path):
    """Run the checkout in the folder, on after errors."""
    return snakemake(folder, "--keep-going", repository=folder, LMC_DATA_DIR=str(folder))


def ask_for_all(folder: Path, but=()) -> None:
    """Remove what a run is asked for: Snakemake makes what is missing before it only then."""
    for path in [RESULTS, *(folder / FIGURES).glob("*.png")]:
        if path not in but:
            (folder / path).unlink(missing_ok=True)


def contents(folder: Path) -> dict[str, bytes]:
    """All results but the one that has a clock in it."""
    return {
        str(path.relative_to(folder)): path.read_bytes()
        for part in ("results", "paper_figures")
        for path in sorted((folder / part).rglob("*"))
        if path.is_file() and path.name != "history.parquet"
    }


@pytest.fixture(scope="module")
def finished_advice(tmp_path_factory):
    """A checkout, its name has a space, in which five small experiments ran to the last figure."""
    folder = tmp_path_factory.mktemp("advice") / "a run"
    clone(folder)
    stream = np.random.default_rng(0)
    images = pa.FixedSizeListArray.from_arrays(
        pa.array(stream.integers(0, 256, 60 * 16).astype(np.uint8)), 16
    )
    splits = ["train"] * 40 + ["test"] * 20
    labels = stream.integers(0, 3, 60)
    table = pa.table({"image": images, "label": labels, "split": splits})
    pq.write_table(table, folder / "images.parquet")
    (folder / "config/config.yaml").write_text(CONFIG)
    succeeds(run(folder))
    return folder


@pytest.mark.parametrize(
    ("name", "damage"), [("experiments", flip), ("collection", flip), ("figures", cut)]
)
def test_the_advice_of_an_error_mends_the_run(name, damage, finished_advice, tmp_path):
    folder = tmp_path / "a run"
    subprocess.run(["cp", "-a", finished_advice, folder], check=True)
    before = contents(folder)
    damaged = {}
    for pattern, output, rule in ROUNDS[name]:
        (path,) = folder.glob(pattern)
        damaged[str(path.relative_to(folder))] = rule
        damage(path)
        (folder / output).unlink()
        # Rows that are kept would not be computed again from what is damaged.
        shutil.rmtree((folder / output).parent / "kept", ignore_errors=True)
    ask_for_all(folder, but=damaged)
    failed = run(folder)
    assert failed.returncode != 0
    lines = [line for line in failed.stdout.splitlines() if "(log: " in line]
    assert len(lines) == len(damaged), failed.stdout[-5000:]
    commands = []
    for path, rule in damaged.items():
        (line,) = [line for line in lines if line.startswith(f"{rule}: ") and path in line]
        commands.append(re.search(r"rebuild it: `([^`]+)`, then run snakemake again", line)[1])
    for command in commands:
        subprocess.run(command, shell=True, check=True, cwd=folder)
    succeeds(run(folder))
    after = contents(folder)
    assert after.keys() == before.keys()
    assert [path for path in before if after[path] != before[path]] == []
