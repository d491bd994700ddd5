"""A real SLURM on this machine, and the real workflow run on it with the shipped profile."""

import os
import re
import shutil
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path

import pytest

from support import REPOSITORY

from .slurm import Node, Slurm, command, kill, missing

HERE = Path(__file__).parent
CONFIG = HERE / "digits.yaml"
# The profile's partitions. Nodes are larger than the machine, as the profile's requests are.
NODES = [Node("c1", "cpu", cpus=16, memory_mb=64_000), Node("g1", "gpu", 8, 64_000, gpus=4)]


def pytest_addoption(parser):
    parser.addoption("--cluster", action="store_true", help="start a real SLURM, as root")


@pytest.fixture(scope="session")
def slurm(request):
    """A cluster that runs until the tests end."""
    if not request.config.getoption("--cluster", default=False):
        pytest.skip("a real SLURM is started with: pytest tests/cluster --cluster")
    if reason := missing():
        pytest.skip(f"no SLURM can be started: {reason}")
    with Slurm(NODES) as slurm:
        yield slurm


class Run:
    """A snakemake of its own on the cluster, with the shipped profile."""

    def __init__(self, folder: Path, *arguments: str | Path):
        self.log = folder / f"{time.monotonic_ns()}.out"
        options = ["--profile", REPOSITORY / "profiles/slurm"]
        # So that the tests do not wait for the first look at a job's state.
        options += ["--slurm-init-seconds-before-status-checks", 1]
        with open(self.log, "w") as output:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "snakemake", *map(str, [*options, *arguments])],
                cwd=folder,
                stdout=output,
                stderr=subprocess.STDOUT,
                env={**os.environ, "LMC_COMMIT": "test"},
            )

    @property
    def output(self) -> str:
        return self.log.read_text()

    @property
    def name(self) -> str:
        """The name of its jobs."""
        return re.search(r"SLURM run ID: (\S+)", self.output)[1]

    def wait(self, seconds: float = 480) -> int:
        try:
            return self.process.wait(seconds)
        except subprocess.TimeoutExpired:
            kill(self.process)
            raise AssertionError(f"still running\n{self.output[-5000:]}") from None


def until(condition, what: str, seconds: float = 60):
    """Wait for a condition, and give its value."""
    end = time.monotonic() + seconds
    while not (value := condition()):
        assert time.monotonic() < end, f"no {what}"
        time.sleep(0.2)
    return value


def jobs_of(slurm: Slurm, run: Run) -> list[dict[str, str]]:
    return [job for job in slurm.jobs() if job["JobName"] == run.name]


@pytest.fixture(scope="session")
def late(slurm, tmp_path_factory):
    """A run whose job goes over its time limit; it waits beside the others."""
    folder = tmp_path_factory.mktemp("late")
    run = Run(folder, "--snakefile", HERE / "late.smk", "--retries", 0)
    yield run
    kill(run.process)


@dataclass
class Story:
    """What the runs of one checkout did."""

    folder: Path
    killed: Run
    left: list[dict[str, str]]
    locked: Run
    recovered: Run


@pytest.fixture(scope="session")
def story(slurm, late, tmp_path_factory):
    """A run whose main process dies in training, and the recovery of profiles/slurm/README.md.

    After that one training starts with too little memory.
    """
    folder = tmp_path_factory.mktemp("story") / "checkout"
    made = {"results", "logs", "benchmark", "data", "paper_figures", "shared"}

    def skipped(place, names):
        made_here = made if Path(place) == REPOSITORY else set()
        return {n for n in names if n.startswith(".") or n == "__pycache__" or n in made_here}

    shutil.copytree(REPOSITORY, folder, ignore=skipped)
    common = ["--configfile", CONFIG]
    killed = Run(folder, *common)
    until(lambda: "SLURM run ID" in killed.output, "run id")

    def training():
        found = [job for job in jobs_of(slurm, killed) if "rule_train" in job["Comment"]]
        return found and all(job["JobState"] == "RUNNING" for job in found)

    until(training, "training")
    kill(killed.process)
    left = [job for job in jobs_of(slurm, killed) if job["JobState"] == "RUNNING"]
    locked = Run(folder, *common)
    locked.wait(60)
    command("scancel", f"--name={killed.name}")
    until(lambda: not set(slurm.queue()) & {job["JobId"] for job in left}, "end of the old jobs")
    unlock = Run(folder, *common, "--unlock")
    assert unlock.wait(60) == 0, unlock.output
    setting = "wildcards.setting == 'learning_rate-1.000e-01'"
    memory = f"train:mem_mb=300 * attempt ** 3 if {setting} else 2400"
    recovered = Run(folder, *common, "--rerun-incomplete", "--set-resources", memory)
    recovered.wait()
    return Story(folder, killed, left, locked, recovered)
