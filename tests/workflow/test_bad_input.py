"""Bad input, as a user meets it: one clear line, a non-zero exit, nothing half-written."""

import gzip
import shutil
import subprocess
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import yaml

from lmc_ot import tables
from lmc_ot.config import completion, labels
from lmc_ot.registries import REGISTRIES
from sealed import change_sealed
from support import REPOSITORY, snakemake, succeeds

STORED = REPOSITORY / "tests/rules/stored"
CONFIG = REPOSITORY / "tests/rules/config.yaml"
RUN = "results/small/digits-mlp/learning_rate-1.000e-01"

MINIMAL = """
name: bad
experiments:
  one:
    dataset: {name: digits}
    network: {name: mlp, hidden_widths: [4]}
    training: {batch_size: 50, epochs: 1}
    sweep: {training.learning_rate: [0.1]}
    networks: 2
"""


def fails_with_one_line(finished: subprocess.CompletedProcess, *parts: str) -> None:
    """The run failed, and one line of what it said has all the parts."""
    assert finished.returncode != 0, finished.stdout[-3000:]
    assert "Traceback" not in finished.stdout
    lines = finished.stdout.splitlines()
    assert any(all(part in line for part in parts) for line in lines), finished.stdout[-5000:]


@pytest.mark.parametrize(
    ("before", "after", "parts"),
    [
        ("name: digits", "name: digit", ["unknown dataset 'digit'", "digits, mnist"]),
        ("[0.1]", "[-0.1]", ["experiments.one.training.learning_rate", "-0.1"]),
    ],
)
def test_config(before, after, parts, tmp_path):
    """By a registry and by the schema; all other mistakes: tests/library/test_config.py."""
    assert before in MINIMAL
    (tmp_path / "config.yaml").write_text(MINIMAL.replace(before, after))
    finished = snakemake(tmp_path, "--configfile", tmp_path / "config.yaml")
    fails_with_one_line(finished, "config: ", *parts)
    assert not (tmp_path / "results").exists()


def test_two_experiments_of_one_name(tmp_path):
    (tmp_path / "config.yaml").write_text(MINIMAL + MINIMAL[MINIMAL.index("  one:") :])
    finished = snakemake(tmp_path, "--configfile", tmp_path / "config.yaml")
    fails_with_one_line(finished, "config.yaml", "duplicate key 'one'")


def test_a_batch_larger_than_the_data(tmp_path):
    (tmp_path / "config.yaml").write_text(MINIMAL.replace("batch_size: 50", "batch_size: 5000"))
    finished = snakemake(tmp_path, "--configfile", tmp_path / "config.yaml")
    fails_with_one_line(finished, "train: training.batch_size: 5000", "1437 training examples")
    assert not list((tmp_path / "results").rglob("checkpoints.parquet"))


# -- files that a stage finds instead of its input ---------------------------------------------


def _truncate(path: Path) -> None:
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])


def _other_kind(path: Path) -> None:
    shutil.copyfile(STORED / RUN / "history.parquet", path)


def _no_parquet(path: Path) -> None:
    path.write_text("network,layer\n0,1\n")


def _lacks_a_column(path: Path) -> None:
    change_sealed(path, lambda table: table.drop_columns(["unit"]))


def _changed(path: Path) -> None:
    """One bit of a weight or of a loss, somewhere in the pages."""
    content = bytearray(path.read_bytes())
    content[len(content) // 4] ^= 1
    path.write_bytes(content)


def _foreign(path: Path) -> None:
    pd.read_parquet(path).to_parquet(path)


def _of_another_seed(path: Path) -> None:
    about = tables.metadata("permutations", path)
    columns = tables.read("permutations", path).to_pydict()
    tables.write("permutations", path, columns, {**about, "seed": 4})


def _other_shapes(path: Path) -> None:
    """Of one network."""
    networks = tables.read_checkpoints(path)
    networks[1]["layers.0.weight"] = np.zeros((5, 64), np.float32)
    _write_checkpoints(path, networks)


def _other_architecture(path: Path) -> None:
    """Of all networks, but not of the groups."""
    networks = tables.read_checkpoints(path)
    for network in networks.values():
        network["layers.0.weight"] = np.zeros((5, 64), np.float32)
    _write_checkpoints(path, networks)


def _write_checkpoints(path: Path, networks: dict) -> None:
    about = tables.metadata("checkpoints", path)
    run = {key: about[key] for key in ("experiment", "axis", "value", "config_hash", "seed")}
    tables.write_checkpoints(path, networks, run, "cpu", [])


def _groups_of(experiment: str) -> str:
    """The table of groups of an experiment's network."""
    schema = REPOSITORY / "workflow/schemas/config.schema.yaml"
    config = completion.complete(yaml.safe_load(CONFIG.read_text()), schema, REGISTRIES)
    (setting,) = config["experiments"][experiment]["settings"].values()
    return f"results/small/groups/{labels.architecture(setting)}.parquet"


STAGES = {
    "match": (f"{RUN}/checkpoints.parquet", f"{RUN}/permutations.parquet"),
    "match activations": (f"{RUN}/activations/0.parquet", f"{RUN}/dimensions.parquet"),
    "match groups": (_groups_of("digits-mlp"), f"{RUN}/permutations.parquet"),
    "evaluate_path": (f"{RUN}/permutations.parquet", f"{RUN}/path.parquet"),
    "train": ("results/small/datasets/digits.parquet", f"{RUN}/checkpoints.parquet"),
    "collect": (f"{RUN}/history.parquet", "results/small/results.parquet"),
}


@pytest.mark.parametrize(
    ("stage", "damage", "message"),
    [
        ("match", _foreign, "not written by this workflow"),
        ("match", _other_kind, "expected a table of checkpoints, not of history"),
        ("match", _lacks_a_column, "column 'unit' of a table of checkpoints is missing"),
        ("match", _other_shapes, "its rows do not have the shape (8, 64)"),
        ("match", _other_architecture, "the groups are of another architecture"),
        ("match groups", _truncate, "truncated, or not a parquet file"),
        ("match groups", _no_parquet, "truncated, or not a parquet file"),
        ("evaluate_path", _of_another_seed, "from another run: its seed is 4, expected 3"),
        ("match activations", _truncate, "truncated, or not a parquet file"),
        ("train", _no_parquet, "truncated, or not a parquet file"),
        ("collect", _changed, "modified since it was written"),
    ],
    ids=lambda value: getattr(value, "__name__", value).strip("_"),
)
def test_input_file(stage, damage, message, tmp_path):
    pattern, target = STAGES[stage]
    rule = stage.split()[0]
    shutil.copytree(STORED, tmp_path, dirs_exist_ok=True)
    (tmp_path / target).unlink()
    source = next(tmp_path.glob(pattern))
    damage(source)
    finished = snakemake(tmp_path, target, "--configfile", CONFIG, "--allowed-rules", rule)
    fails_with_one_line(finished, f"{rule}: ", source.name, message, "(log: ")
    assert not list((tmp_path / target).parent.glob(f"*{Path(target).name}*"))
    assert not list((tmp_path / target).parent.glob(f".{Path(target).name}*"))
    log = finished.stdout.split("(log: ")[1].split(")")[0]
    said = (tmp_path / log).read_text()
    assert message in said and "Traceback" not in said


# -- data that cannot be had -------------------------------------------------------------------

MNIST = MINIMAL.replace("name: digits", "name: mnist")


def _prepare(folder: Path, data: Path) -> subprocess.CompletedProcess:
    (folder / "config.yaml").write_text(MNIST)
    return snakemake(
        folder,
        "--configfile",
        folder / "config.yaml",
        LMC_DATA_DIR=str(data),
        # A closed port: no network, at once.
        http_proxy="http://127.0.0.1:9",
        https_proxy="http://127.0.0.1:9",
    )


def test_no_network_and_no_files(tmp_path):
    finished = _prepare(tmp_path, tmp_path / "nothing")
    raw = str(tmp_path / "nothing/MNIST/raw")
    fails_with_one_line(
        finished, "prepare_dataset: MNIST: cannot download", "train-images-idx3-ubyte.gz", raw,
        "LMC_DATA_DIR",
    )  # fmt: skip
    assert not list((tmp_path / "results").rglob("*.parquet"))


def test_a_corrupt_download(tmp_path):
    raw = tmp_path / "data/MNIST/raw"
    raw.mkdir(parents=True)
    with gzip.open(raw / "train-images-idx3-ubyte.gz", "wb") as file:
        file.write(b"not MNIST")
    finished = _prepare(tmp_path, tmp_path / "data")
    fails_with_one_line(finished, "train-images-idx3-ubyte.gz: corrupt", "delete it and run again")


# -- folders that cannot be written to ---------------------------------------------------------


@pytest.fixture
def mount(tmp_path):
    """Mounts a small memory file system at a folder, with options."""
    mounted = []

    def on(folder: Path, options: str) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        command = ["mount", "-t", "tmpfs", "-o", options, "tmpfs", str(folder)]
        try:
            subprocess.run(command, check=True, capture_output=True)
        except (OSError, subprocess.CalledProcessError):
            pytest.skip("cannot mount a file system here: needs root")
        mounted.append(folder)

    yield on
    for folder in mounted:
        subprocess.run(["umount", str(folder)], check=True)


def test_a_full_disk(mount, tmp_path):
    """The data set, 70 kB, does not fit; the message says so and no file has its name."""
    mount(tmp_path / "results", "size=40k")
    finished = snakemake(
        tmp_path, "results/small/datasets/digits.parquet", "--configfile", CONFIG
    )  # fmt: skip
    fails_with_one_line(finished, "prepare_dataset", "digits.parquet: cannot be written", "space")
    assert not list((tmp_path / "results").rglob("*.parquet*"))


@pytest.mark.parametrize("size", ["200k", "400k"])
def test_a_training_on_a_full_disk_goes_on_when_there_is_room(size, mount, tmp_path):
    """Its first snapshot does not fit, or its second beside the first."""
    config = yaml.safe_load(MINIMAL)
    config["experiments"]["one"]["network"]["hidden_widths"] = [200]
    (tmp_path / "config.yaml").write_text(yaml.safe_dump(config))
    run = "results/bad/one/learning_rate-1.000e-01"
    arguments = (f"{run}/checkpoints.parquet", "--configfile", tmp_path / "config.yaml")
    mount(tmp_path / "results", f"size={size}")
    finished = snakemake(tmp_path, *arguments, LMC_SNAPSHOT_SECONDS="0")
    fails_with_one_line(finished, "train: ", "snapshots", "cannot be written", "No space left")
    left = [path.name for path in (tmp_path / run).rglob("*") if path.is_file()]
    assert set(left) <= {"networks-0-1.parquet"}
    command = ["mount", "-o", "remount,size=100m", str(tmp_path / "results")]
    subprocess.run(command, check=True)
    succeeds(snakemake(tmp_path, *arguments, LMC_SNAPSHOT_SECONDS="0"))
    assert sorted(path.name for path in (tmp_path / run).iterdir()) == [
        "checkpoints.parquet",
        "history.parquet",
    ]
    tables.read_checkpoints(tmp_path / run / "checkpoints.parquet")


def test_a_read_only_folder(mount, tmp_path):
    mount(tmp_path / "results", "size=40k,ro")
    finished = snakemake(
        tmp_path, "results/small/datasets/digits.parquet", "--configfile", CONFIG
    )  # fmt: skip
    fails_with_one_line(finished, "Read-only file system", "results/small")


def test_an_unknown_experiment_of_published_numbers(tmp_path):
    config = yaml.safe_load(MINIMAL)
    config["experiments"]["one"]["published"] = "imagenet"
    (tmp_path / "config.yaml").write_text(yaml.safe_dump(config))
    finished = snakemake(tmp_path, "--configfile", tmp_path / "config.yaml")
    fails_with_one_line(finished, "no published numbers for 'imagenet'", "one of mnist-mlp")
