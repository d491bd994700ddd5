"""Seconds of every matcher on one pair at width 512, including moments over 60,000 examples.

The files are realistic. The workflow's own scripts write two networks 784-512-512-512-10, trained
for an epoch so that their approximate dimension is low, which makes an assignment slow, their
groups and their recorded activations. The matchers then make the calls of
``workflow/scripts/match.py``, one after the other with the same moments, as in one job.
"""

import argparse
import statistics
import tempfile
import time
from pathlib import Path

import common
import pandas as pd
import pyarrow
from threadpoolctl import threadpool_limits

from lmc_ot import tables
from lmc_ot.data.dataset import Dataset
from lmc_ot.data.folder import data_folder
from lmc_ot.data.mnist import mnist
from lmc_ot.data.table import write_dataset
from lmc_ot.matching import REGISTRY, layerwise
from lmc_ot.matching.matcher import match
from lmc_ot.matching.sources import of_networks
from lmc_ot.networks.groups.table import read_groups

NETWORK = {"name": "mlp", "hidden_widths": [512, 512, 512]}
MATCHERS = ("naive_wm", "sigma_wm", "am")


def dataset() -> tuple[Dataset, str]:
    """MNIST if its files are present, otherwise a synthetic data set; and its name."""
    if (data_folder() / "MNIST" / "raw").is_dir():
        return mnist(), "MNIST"
    return common.synthetic(60_000, 10_000), "synthetic images"


def prepare(folder: Path) -> str:
    """Write the data set, the checkpoints and the activations; return the data set's name."""
    from derive_groups import derive_groups
    from record_activations import record_activations
    from train import train

    data, name = dataset()
    write_dataset(folder / "dataset.parquet", data, {})
    inputs = {
        "dataset": folder / "dataset.parquet",
        "checkpoints": folder / "checkpoints.parquet",
        "network": NETWORK,
        "device": "cpu",
        "run": common.RUN,
    }
    train(
        **inputs,
        history=folder / "history.parquet",
        training=common.training_block(batch_size=500, epochs=1),
        networks=2,
        code="benchmark",
    )
    groups = folder / "groups.parquet"
    derive_groups(inputs["dataset"], groups, folder / "groups.txt", NETWORK, {})
    record_activations(
        **inputs, groups=groups, activations=folder / "activations", examples=None, positions=1
    )
    return name


class Stopwatch:
    """Calls a function and adds up the seconds of all calls."""

    def __init__(self, function):
        self.function, self.seconds = function, 0.0

    def __call__(self, *arguments, **options):
        begin = time.perf_counter()
        try:
            return self.function(*arguments, **options)
        finally:
            self.seconds += time.perf_counter() - begin


def measure(folder: Path) -> list[dict]:
    """The seconds of each part of matching networks 0 and 1, matcher by matcher."""
    networks = tables.read_checkpoints(folder / "checkpoints.parquet")
    groups = read_groups(folder / "groups.parquet")
    files = folder / "dataset.parquet", networks, groups, folder / "activations"
    moments = of_networks(*files, {}, {})
    rows, original = [], layerwise.assign
    assignment = layerwise.assign = Stopwatch(original)
    try:
        for name in MATCHERS:
            matcher, before = REGISTRY.build({"name": name}), assignment.seconds
            similarity = matcher.similarity = Stopwatch(matcher.similarity)
            both = networks[0], networks[1], groups, moments(0), moments(1)
            total = Stopwatch(lambda matcher=matcher, both=both: match(matcher, *both))
            total()
            rows.append(
                {
                    "moments s": similarity.seconds,
                    "assignments s": assignment.seconds - before,
                    "total s": total.seconds,
                }
            )
    finally:
        layerwise.assign = original
    return rows


def median(turns: list[dict[str, float]]) -> dict[str, float]:
    """The median of every part."""
    return {part: statistics.median(turn[part] for turn in turns) for part in turns[0]}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--threads", type=int, nargs="+", default=[1, 2])
    parser.add_argument("--turns", type=int, default=3)
    parser.add_argument("--output", action="store_true", help="write benchmarks/results/matching.*")
    options = parser.parse_args()

    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch)
        data = prepare(folder)
        taken: dict[tuple[int, str], list[dict]] = {}
        for _ in range(options.turns):
            for threads in options.threads:
                pyarrow.set_cpu_count(threads)
                with threadpool_limits(threads):
                    for name, row in zip(MATCHERS, measure(folder), strict=True):
                        taken.setdefault((threads, name), []).append(row)
    rows = []
    for threads in options.threads:
        medians = [median(taken[threads, name]) for name in MATCHERS]
        for name, parts in zip(MATCHERS, medians, strict=True):
            rows.append({"threads": threads, "matcher": name, **parts})
        total = {part: sum(parts[part] for parts in medians) for part in medians[0]}
        rows.append({"threads": threads, "matcher": "all three", **total})
    notes = [
        common.machine(),
        f"One pair on {data}, medians of {options.turns} interleaved turns. Moments: reading the "
        "examples and activations, computing their moments and the similarity of units.",
    ]
    common.publish("matching", pd.DataFrame(rows), notes, options.output)


if __name__ == "__main__":
    main()
