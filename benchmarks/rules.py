"""Wall time and peak memory of every rule of a run, from the workflow's own benchmark files."""

import argparse
from pathlib import Path

import common
import pandas as pd

# Files named after their rule lie beside each other; these rules have a folder of their own.
FOLDERS = {
    "datasets": "prepare_dataset",
    "tabulate_panel": "tabulate_panel",
    "draw_figure": "draw_figure",
}


def read(folder: Path) -> pd.DataFrame:
    """One row a job: its rule and Snakemake's measurements. ``-`` is what it could not take."""
    jobs = []
    for path in sorted(folder.rglob("*.tsv")):
        rule = FOLDERS.get(path.parent.name, path.stem)
        jobs.append(pd.read_csv(path, sep="\t", na_values="-").assign(rule=rule))
    if not jobs:
        raise SystemExit(f"{folder}: no benchmark files: run the workflow first")
    return pd.concat(jobs, ignore_index=True)


def roll_up(jobs: pd.DataFrame) -> pd.DataFrame:
    """One row a rule, and one for all of them; the rule that takes longest first."""
    columns = {
        "jobs": ("s", "size"),
        "median wall s": ("s", "median"),
        "longest wall s": ("s", "max"),
        "total wall s": ("s", "sum"),
        "total CPU s": ("cpu_time", "sum"),
        "peak memory MB": ("max_rss", "max"),
    }
    rules = jobs.groupby("rule").agg(**columns).sort_values("total wall s", ascending=False)
    total = jobs.assign(rule="all rules").groupby("rule").agg(**columns)
    return pd.concat([rules, total]).round(2).reset_index()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("name", nargs="?", default="default", help="the config's name")
    parser.add_argument("--output", action="store_true", help="write benchmarks/results/rules-*")
    options = parser.parse_args()

    folder = common.SCRIPTS.parents[1] / "benchmark" / options.name
    notes = [
        common.machine(),
        f"Config {options.name}. Memory is resident (max_rss), the largest of any job; jobs of "
        "less than a second are too short for Snakemake to sample their CPU time well.",
    ]
    common.publish(f"rules-{options.name}", roll_up(read(folder)), notes, options.output)


if __name__ == "__main__":
    main()
