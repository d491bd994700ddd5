"""Snapshots: a training that is stopped anywhere ends as if it had not been."""

import contextlib
import dataclasses
import json
import os
import random
import signal
import subprocess
import sys
import time

import numpy as np
import pyarrow.parquet as pq
import pytest

from lmc_ot import tables
from lmc_ot.data.dataset import Split
from lmc_ot.data.digits import digits
from lmc_ot.data.table import write_dataset
from lmc_ot.errors import ConfigError, UserError
from lmc_ot.networks.build import build
from lmc_ot.training.loop import train
from lmc_ot.training.settings import NetworkId
from lmc_ot.training.snapshots import Snapshots, Stopped, seconds_of_environment
from support import REPOSITORY, optimiser, training_block, training_config

SETTINGS = training_config(batch_size=20, epochs=3, warmup_steps=3, initial_learning_rate=1e-3)
# The last of them diverges in the first epoch.
NETWORKS = [NetworkId(0, 0.1), NetworkId(1, 0.02), NetworkId(7, 1e12)]
NEVER = None


class Killed(Exception):
    """Stands for a kill."""


class Dying(Snapshots):
    """Snapshots of a training that dies right after the snapshot of a chosen step, counted from
    the beginning of this process."""

    def __init__(self, *arguments, after: int):
        super().__init__(*arguments, seconds=0)
        self.after = after

    def save(self, name, arrays, progress):
        super().save(name, arrays, progress)
        self.after -= 1
        if self.after == 0:
            raise Killed


def quiet(line):
    """Reports nothing."""


def outcome(trained):
    """All of an outcome but the time it took, as bits."""
    networks = {
        (number, key): array.tobytes()
        for number, parameters in trained.networks.items()
        for key, array in parameters.items()
    }
    history = [
        {k: repr(float(v)) for k, v in row.items() if k != "seconds"} for row in trained.history
    ]
    return networks, trained.diverged, history


CASES = {
    "sgd": ({"name": "mlp", "hidden_widths": [16, 12]}, optimiser("sgd", momentum=0.9), SETTINGS),
    "adam": ({"name": "mlp", "hidden_widths": [16, 12]}, optimiser("adam"), SETTINGS),
    "one at a time, dropout": (
        {"name": "module", "target": "support:dropping_module"},
        optimiser("sgd", momentum=0.9),
        SETTINGS,
    ),
    "one at a time, batch norm, augmentation": (
        {"name": "convnet", "groups": [[4, 6]], "head": [8], "norm": "batch"},
        optimiser("sgd", momentum=0.9),
        training_config(batch_size=20, epochs=3, augmentation={"zoom": [1.0, 1.2], "flip": True}),
    ),
}


@pytest.mark.parametrize("case", CASES)
def test_a_training_killed_anywhere_ends_bit_for_bit_as_one_that_is_not(case, clusters, tmp_path):
    block, optimiser, settings = CASES[case]
    network = build(block, clusters)
    networks = NETWORKS[:2] if case.startswith("one") else NETWORKS
    arguments = (network, clusters, networks, settings, optimiser, 1)
    undisturbed = outcome(train(*arguments, report=quiet))
    moments = random.Random(case)
    lines = []
    found = None
    while found is None:
        snapshots = Dying(tmp_path, "identity", after=moments.randint(1, 9))
        with contextlib.suppress(Killed):
            found = train(*arguments, report=lines.append, snapshots=snapshots)
    assert sum("continuing after step" in line for line in lines) >= 3
    assert outcome(found) == undisturbed


def test_a_snapshot_of_another_training_is_passed_over(clusters, tmp_path):
    network = build(CASES["sgd"][0], clusters)
    with pytest.raises(Killed):
        train(
            network, clusters, NETWORKS, SETTINGS, optimiser("sgd"), 1, report=quiet,
            snapshots=Dying(tmp_path, {"momentum": 0.9}, after=4),
        )  # fmt: skip
    lines = []
    half = optimiser("sgd", momentum=0.5)
    other = train(
        network, clusters, NETWORKS, SETTINGS, half, 1, report=lines.append,
        snapshots=Snapshots(tmp_path, {"momentum": 0.5}, 1000.0),
    )  # fmt: skip
    assert any("ignored" in line and "other settings" in line for line in lines)
    alone = train(network, clusters, NETWORKS, SETTINGS, half, 1, report=quiet)
    assert outcome(other) == outcome(alone)


@pytest.mark.parametrize("damage", ["cut", "flipped", "empty", "another kind"])
def test_a_broken_snapshot_is_passed_over(damage, tmp_path):
    snapshots = Snapshots(tmp_path, "identity")
    snapshots.save("networks-0-1", {"a": np.arange(500.0)}, {"step": 3})
    path = tmp_path / "networks-0-1.parquet"
    whole = path.read_bytes()
    if damage == "another kind":
        row = {"unit": [0], "permuted_unit": [0], "layer": [1], "pair": [0], "matcher": ["m"]}
        row |= {"group": ["g"]}
        row |= {
            "network_a": [0],
            "network_b": [1],
            "experiment": ["e"],
            "axis": ["a"],
            "value": [0.1],
        }
        tables.write("permutations", path, row, {})
    else:
        middle = len(whole) // 2
        flipped = whole[:middle] + bytes([whole[middle] ^ 1]) + whole[middle + 1 :]
        path.write_bytes({"cut": whole[:middle], "flipped": flipped, "empty": b""}[damage])
    lines = []
    assert snapshots.load("networks-0-1", lines.append) is None
    assert len(lines) == 1 and "\n" not in lines[0] and str(path) in lines[0]


def test_a_snapshot_gives_back_what_it_was_given(tmp_path):
    arrays = {
        "matrix": np.array([[1.5, np.nan], [-np.inf, -0.0]], np.float32),
        "wide": np.float64([1 / 3]),
        "integers": np.arange(3),
        "nothing": np.empty((0, 4), np.float32),
        "scalar": np.float32(2.0),
    }
    progress = {"step": 3, "history": [{"loss": 0.1 + 0.2, "missing": float("nan")}]}
    Snapshots(tmp_path / "deep/folder", ["identity", 1.0]).save("part", arrays, progress)
    found, about = Snapshots(tmp_path / "deep/folder", ["identity", 1.0]).load("part")
    for name, array in arrays.items():
        assert found[name].tobytes() == np.asarray(array).tobytes()
        assert found[name].shape == np.shape(array)
    assert about["step"] == 3
    assert about["history"][0]["loss"] == 0.1 + 0.2
    assert np.isnan(about["history"][0]["missing"])
    assert Snapshots(tmp_path / "deep/folder", ["identity", 2.0]).load("part", quiet) is None
    assert Snapshots(tmp_path / "deep/folder", ["identity", 1.0]).load("other part") is None


def test_the_last_snapshot_is_whole_when_writing_the_next_one_fails(tmp_path, monkeypatch):
    snapshots = Snapshots(tmp_path, "identity")
    snapshots.save("part", {"a": np.arange(4.0)}, {"step": 1})
    before = (tmp_path / "part.parquet").read_bytes()

    def broken(*_, **__):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(pq.ParquetWriter, "write_table", broken)
    with pytest.raises(UserError, match="No space left on device"):
        snapshots.save("part", {"a": np.arange(4.0)}, {"step": 2})
    assert [path.name for path in tmp_path.iterdir()] == ["part.parquet"]
    assert (tmp_path / "part.parquet").read_bytes() == before


def test_when_a_snapshot_is_due(tmp_path):
    assert Snapshots(tmp_path, "", 0).due()
    assert not Snapshots(tmp_path, "", 1000.0).due()
    assert not Snapshots(tmp_path, "", NEVER).due()


def test_without_a_cadence_nothing_is_written(clusters, tmp_path):
    network = build(CASES["sgd"][0], clusters)
    snapshots = Snapshots(tmp_path / "snapshots", "", NEVER)
    sgd = optimiser("sgd")
    train(network, clusters, NETWORKS, SETTINGS, sgd, 1, report=quiet, snapshots=snapshots)
    assert not (tmp_path / "snapshots").exists()


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_asks_for_a_last_snapshot(number, tmp_path):
    snapshots = Snapshots(tmp_path, "identity", NEVER)
    before = signal.getsignal(number)
    with snapshots.on_request():
        os.kill(os.getpid(), number)
        assert snapshots.due()
        with pytest.raises(Stopped, match=f"stopped by {number.name}.*to continue from"):
            snapshots.save("part", {"a": np.zeros(2)}, {"step": 5})
    assert signal.getsignal(number) is before
    assert Snapshots(tmp_path, "identity").load("part")[1] == {"step": 5}


def test_removing(tmp_path):
    snapshots = Snapshots(tmp_path / "snapshots", "identity")
    snapshots.save("part", {"a": np.zeros(2)}, {})
    snapshots.remove()
    assert list(tmp_path.iterdir()) == []
    snapshots.remove()


@pytest.mark.parametrize(("text", "seconds"), [("0", 0.0), ("2.5", 2.5), ("null", None)])
def test_the_cadence_of_the_environment(text, seconds, monkeypatch):
    monkeypatch.setenv("LMC_SNAPSHOT_SECONDS", text)
    assert seconds_of_environment() == seconds


@pytest.mark.parametrize("text", ["-1", "often", "nan", ""])
def test_a_cadence_that_is_none(text, monkeypatch):
    monkeypatch.setenv("LMC_SNAPSHOT_SECONDS", text)
    with pytest.raises(ConfigError, match=r"LMC_SNAPSHOT_SECONDS: .* or null"):
        seconds_of_environment()


TRAINING = training_block(batch_size=50, epochs=4, precision="float32")
SCRIPT = """
import json
import sys
from train import train
train(
    dataset=sys.argv[1], checkpoints=sys.argv[2] + "/checkpoints.parquet",
    history=sys.argv[2] + "/history.parquet",
    network={"name": "mlp", "hidden_widths": [8], "initialiser": "lecun_normal"},
    training=json.loads(sys.argv[3]), networks=3, device="cpu", code="c",
    run={"experiment": "e", "axis": "a", "value": 0.1, "config_hash": "h", "seed": 3},
)
"""


def start(folder, dataset):
    """A process that trains in a folder and takes a snapshot after every step."""
    environment = {
        **os.environ,
        "PYTHONPATH": str(REPOSITORY / "workflow/scripts"),
        "LMC_SNAPSHOT_SECONDS": "0",
        "LMC_COMMIT": "test",
        "OMP_NUM_THREADS": "1",
    }
    return subprocess.Popen(
        [sys.executable, "-c", SCRIPT, dataset, folder, json.dumps(TRAINING)],
        env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
    )  # fmt: skip


def start_and_kill(folder, dataset, number, later):
    """Send a signal to a training that has taken a new snapshot, some seconds later; its output."""
    snapshot = folder / "snapshots/networks-0-2.parquet"
    before = snapshot.stat().st_mtime_ns if snapshot.exists() else 0
    job = start(folder, dataset)
    while job.poll() is None and not (snapshot.exists() and snapshot.stat().st_mtime_ns > before):
        time.sleep(0.01)
    time.sleep(later)
    job.send_signal(number)
    said = job.communicate()[0]
    assert job.returncode != 0, said
    assert not (folder / "checkpoints.parquet").exists()
    return said


def finish(folder, dataset):
    """The output of a training that runs to its end."""
    job = start(folder, dataset)
    said = job.communicate()[0]
    assert job.returncode == 0, said
    return said


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory):
    """The folder of a training that nothing interrupts, with its data, ``digits.parquet``."""
    folder = tmp_path_factory.mktemp("undisturbed")
    write_dataset(folder / "digits.parquet", digits(), {})
    finish(folder, folder / "digits.parquet")
    return folder


def assert_same_outcome(found, expected):
    one, other = (folder / "checkpoints.parquet" for folder in (found, expected))
    assert one.read_bytes() == other.read_bytes()
    one, other = (
        tables.read("history", folder / "history.parquet").drop_columns("seconds")
        for folder in (found, expected)
    )
    assert one.equals(other)


@pytest.mark.slow
def test_a_training_does_not_continue_on_other_data(undisturbed, tmp_path):
    data = digits()
    relabelled = Split(data.train.images, data.train.labels[::-1].copy())
    other = tmp_path / "digits.parquet"
    write_dataset(other, dataclasses.replace(data, train=relabelled), {})
    start_and_kill(tmp_path / "killed", other, signal.SIGKILL, later=0)
    said = finish(tmp_path / "killed", undisturbed / "digits.parquet")
    assert "continuing after step" not in said
    assert_same_outcome(tmp_path / "killed", undisturbed)


@pytest.mark.slow
def test_a_job_that_is_killed_at_random_moments(undisturbed, tmp_path):
    moments, said = random.Random(9), []
    for number in (signal.SIGKILL, signal.SIGTERM):
        later = moments.uniform(0, 0.15)
        said.append(start_and_kill(tmp_path / "job", undisturbed / "digits.parquet", number, later))
    said.append(finish(tmp_path / "job", undisturbed / "digits.parquet"))
    assert ["continuing after step" in text for text in said] == [False, True, True]
    assert ["stopped by SIGTERM" in text for text in said] == [False, True, False]
    assert sorted(path.name for path in (tmp_path / "job").iterdir()) == [
        "checkpoints.parquet",
        "history.parquet",
    ]
    assert_same_outcome(tmp_path / "job", undisturbed)
