"""Shared code of the benchmarks: the library's path, the machine, interleaving and tables."""

import platform
import statistics
import sys
import time
from collections.abc import Callable
from datetime import date
from importlib.metadata import version
from pathlib import Path

import numpy as np
import pandas as pd

SCRIPTS = Path(__file__).resolve().parents[1] / "workflow" / "scripts"
RESULTS = Path(__file__).resolve().parent / "results"
sys.path.insert(0, str(SCRIPTS))

# The learning rate of training for a benchmark, and the identity of the run in its tables.
LEARNING_RATE = 0.1
RUN = {
    "experiment": "benchmark",
    "axis": "training.learning_rate",
    "value": LEARNING_RATE,
    "config_hash": "benchmark",
    "seed": 0,
}


def interleave(tasks: dict[str, Callable[[int], object]], turns: int) -> dict[str, list[float]]:
    """The seconds of every task in every turn, in the order A B C, A B C, ...

    What is compared runs side by side, so that another user of the machine slows all of it. The
    tasks get the turn's number; turn 0 is not timed.
    """
    seconds = {name: [] for name in tasks}
    for turn in range(turns + 1):
        for name, task in tasks.items():
            begin = time.perf_counter()
            task(turn)
            if turn:
                seconds[name].append(time.perf_counter() - begin)
    return seconds


def median_ratio(a: list[float], b: list[float]) -> float:
    """The median over turns of a / b, which compares measurements from the same turn."""
    return statistics.median(x / y for x, y in zip(a, b, strict=True))


def synthetic(examples: int, test_examples: int):
    """A synthetic data set of MNIST's shape: ten patterns with noise."""
    from lmc_ot.data.dataset import Dataset, Split

    stream = np.random.default_rng(0)
    patterns = stream.integers(0, 192, (10, 28, 28)) * (stream.random((10, 28, 28)) < 0.2)

    def split(count: int) -> Split:
        labels = stream.integers(0, 10, count)
        noise = stream.integers(0, 64, (count, 28, 28), np.uint8)
        return Split(patterns.astype(np.uint8)[labels] + noise, labels)

    return Dataset(split(examples), split(test_examples), classes=10, scale=255.0)


def training_block(**changes) -> dict:
    """A config's block `training`: the defaults of the schema with these changes."""
    from lmc_ot.config.completion import complete
    from lmc_ot.registries import REGISTRIES

    block = {"dataset": {"name": "digits"}, "network": {"name": "mlp"}}
    training = {"learning_rate": 0.1, **changes}
    config = {"name": "benchmark", "experiments": {"benchmark": {**block, "training": training}}}
    found = complete(config, SCRIPTS.parent / "schemas/config.schema.yaml", REGISTRIES)
    return found["experiments"]["benchmark"]["training"]


def training_config(**changes):
    """The `TrainingConfig` of such a block."""
    from lmc_ot.training.settings import TrainingConfig

    return TrainingConfig.of(training_block(**changes))


def machine() -> str:
    """The processor, the packages and the date, for the line above a table."""
    cpu = platform.processor() or platform.machine()
    information = Path("/proc/cpuinfo")
    lines = information.read_text().splitlines() if information.exists() else []
    names = [line.split(":", 1)[1].strip() for line in lines if line.startswith("model name")]
    packages = ", ".join(f"{name} {version(name)}" for name in ("torch", "numpy", "scipy"))
    return f"{len(names)} x {names[0] if names else cpu}, {packages}, {date.today()}"


def publish(name: str, frame: pd.DataFrame, notes: list[str], write: bool) -> None:
    """Print a table as Markdown below its notes, and `write` it to ``results/<name>.{md,csv}``."""
    table = frame.astype(object).where(frame.notna(), None)
    text = "\n".join(
        [*notes, "", table.to_markdown(index=False, floatfmt=".4g", missingval=""), ""]
    )
    print(text)
    if write:
        RESULTS.mkdir(exist_ok=True)
        (RESULTS / f"{name}.md").write_text(text)
        frame.to_csv(RESULTS / f"{name}.csv", index=False, float_format="%.6g")
