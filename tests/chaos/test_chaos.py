"""A round of chaos; that it recovers by the documented command, and would notice a fault.

``LMC_CHAOS=20 pytest tests/chaos`` plays that many rounds; `chaos.py` says more of them.
"""

import os
from pathlib import Path

import chaos
import pytest

from lmc_ot import tables

ROUNDS = os.environ.get("LMC_CHAOS", "1")


def test_killed_runs_recover():
    assert chaos.main(["--rounds", ROUNDS, "--seed", "1"]) == 0


def test_the_documentation_has_the_command_of_recovery():
    page = chaos.REPOSITORY / "docs/getting-started.md"
    assert f"\n{chaos.RECOVER}\n" in page.read_text()


@pytest.fixture
def reference(tmp_path) -> Path:
    return _run(tmp_path / "reference", seconds=1.0)


def _run(folder: Path, seconds: float, loss: float = 0.5) -> Path:
    row = {
        "experiment": "mlp", "axis": "training.learning_rate", "value": 0.1,
        "network": 0, "epoch": 1,
        "step_learning_rate": 0.1, "train_loss": loss, "train_accuracy": 0.5, "test_loss": 0.5,
        "test_accuracy": 0.5, "seconds": seconds, "diverged": False,
    }  # fmt: skip
    tables.write_rows("history", folder / "results/history.parquet", [row], {})
    tables.write_text(folder / "paper_figures/results.csv", "a,b\n1,2\n")
    return folder


def test_seconds_are_no_difference(reference, tmp_path):
    assert chaos.differences(_run(tmp_path / "run", seconds=2.0), reference) == []


def test_a_number_is_a_difference(reference, tmp_path):
    found = chaos.differences(_run(tmp_path / "run", seconds=1.0, loss=0.6), reference)
    assert found == ["results/history.parquet: other rows"]


@pytest.mark.parametrize("name", ["results/history.parquet", "paper_figures/results.csv"])
def test_half_a_file_is_noticed(reference, tmp_path, name):
    run = _run(tmp_path / "run", seconds=1.0)
    content = (run / name).read_bytes()
    (run / name).write_bytes(content[: len(content) // 2])
    assert [line.split(":")[0] for line in chaos.faults(run, reference)] == [name]


@pytest.mark.parametrize("name", ["results/.history.parquet.abc", "results/snapshots/0.parquet"])
def test_what_is_left_over_is_noticed_in_the_end(reference, tmp_path, name):
    run = _run(tmp_path / "run", seconds=1.0)
    (run / name).parent.mkdir(exist_ok=True)
    (run / name).write_bytes((run / "results/history.parquet").read_bytes())
    assert chaos.faults(run, reference) == []
    assert chaos.differences(run, reference) == [f"{name}: left over"]
