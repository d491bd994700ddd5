"""How far results move when nothing changes, and when only the number of threads does.

Runs a workflow three times, each in a folder of its own: twice with one thread a job, as it ships,
and once with two. Compares the result tables of all runs with those of the first.
"""

import argparse
import os
import subprocess
import sys
import tempfile
from pathlib import Path

import common
import numpy as np
import pandas as pd

REPOSITORY = common.SCRIPTS.parents[1]
COMPUTING = ("train", "record_activations", "match", "approximate_dimension", "evaluate_path")

MEASURES = {
    "endpoint loss": ["endpoint_a_loss", "endpoint_b_loss"],
    "midpoint loss": ["midpoint_loss"],
    "LMC error, loss": ["barrier_loss"],
    "midpoint accuracy": ["midpoint_accuracy"],
    "approximate dimension": ["dimension"],
}


def run(folder: Path, threads: int, config: Path) -> pd.DataFrame:
    """The result table of a run in that folder, with so many threads for every job."""
    command = [sys.executable, "-m", "snakemake", "--snakefile", REPOSITORY / "Snakefile"]
    command += ["--directory", folder, "--cores", "2", "--quiet", "--configfile", config]
    if threads != 1:
        command += ["--set-threads", *(f"{rule}={threads}" for rule in COMPUTING)]
    environment = {**os.environ, "LMC_COMMIT": "benchmark"}
    subprocess.run([str(part) for part in command], check=True, env=environment)
    (path,) = folder.glob("results/*/results.parquet")
    return pd.read_parquet(path)


def compare(first: pd.DataFrame, other: pd.DataFrame) -> pd.DataFrame:
    """One row an experiment and measure: differences, absolute and relative to the value."""
    rows = []
    for experiment, at in first.groupby("experiment").groups.items():
        for measure, columns in MEASURES.items():
            a, b = (
                np.concatenate([_flat(frame.loc[at, c]) for c in columns])
                for frame in (first, other)
            )
            difference = np.abs(a - b)
            relative = difference / np.maximum(np.abs(a), 1e-12)
            rows.append(
                {
                    "experiment": experiment,
                    "measure": measure,
                    "values": len(a),
                    "equal bits": f"{np.mean(a == b):.0%}",
                    "median relative": np.median(relative),
                    "largest relative": relative.max(),
                    "largest": difference.max(),
                    "standard deviation over pairs": _spread(first.loc[at], columns),
                }
            )
    return pd.DataFrame(rows)


def _flat(column: pd.Series) -> np.ndarray:
    values = [np.atleast_1d(value) for value in column if value is not None]
    flat = np.concatenate(values).astype(float)
    return flat[np.isfinite(flat)]


def _spread(frame: pd.DataFrame, columns: list[str]) -> float:
    """What another seed changes: between the pairs of a rate and matcher; the median of these."""
    if frame[columns[0]].map(np.ndim).max() > 0:
        return np.nan
    groups = frame.groupby(["learning_rate", "matcher", "split"])
    return float(groups[columns[0]].std().median())


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--config", type=Path, default=Path(__file__).with_suffix(".yaml"))
    parser.add_argument(
        "--output", action="store_true", help="write benchmarks/results/determinism-*"
    )
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as scratch:
        tables = {}
        for name, threads in (("first", 1), ("again", 1), ("two threads", 2)):
            folder = Path(scratch, name.replace(" ", "-"))
            folder.mkdir()
            tables[name] = run(folder, threads, options.config)
    same = tables["again"].equals(tables["first"])
    notes = [
        common.machine(),
        f"The same run again, one thread a job: tables {'identical' if same else 'DIFFERENT'}.",
        "Below: two threads a job beside one. The last column is what another seed changes.",
    ]
    frame = compare(tables["first"], tables["two threads"])
    common.publish("determinism", frame, notes, options.output)


if __name__ == "__main__":
    main()
