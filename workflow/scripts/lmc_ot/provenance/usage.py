"""The cost of a run: a table with one row per rule, from the benchmark files of its jobs."""

import csv
import re
from collections.abc import Callable, Iterable
from pathlib import Path

from ..errors import TableError

COLUMNS = (
    "rule",
    "jobs",
    "seconds",
    "longest_seconds",
    "cpu_seconds",
    "peak_memory_mib",
    "gpu_memory_mib",
)
RULES = (
    "prepare_dataset",
    "derive_groups",
    "train",
    "import_checkpoints",
    "record_activations",
    "match",
    "evaluate_path",
    "match_all_pairs",
    "evaluate_midpoints",
    "merge",
    "collect",
    "collect_merged",
    "tabulate_panel",
    "draw_figure",
    "compare_published",
    "measure_theory",
    "tabulate_theory",
    "draw_theory",
)
# The line that the scripts' adapter writes to the log of a job that used a GPU.
_GPU = re.compile(r"^gpu memory: ([0-9]+) MiB", re.MULTILINE)


def roll_up(
    benchmarks: Path, logs: Path, belongs: Callable[[Path], bool] = lambda _: True
) -> list[dict]:
    """Return one row per rule, in the order of the workflow, and one for all rules.

    Parameters
    ----------
    benchmarks, logs
        Folders of a run: Snakemake's benchmark files, and the logs of the same names.
    belongs
        Tells whether a benchmark file, relative to its folder, counts.

    Returns
    -------
    list of dict
        Rows with `COLUMNS`: sums of seconds and of CPU seconds over the jobs of the rule, seconds
        of the longest job, and peak memory of a job (resident, in MiB) and on the GPU (allocated,
        in MiB; empty if no job used a GPU).

    Raises
    ------
    TableError
        A file is not a benchmark file of Snakemake.
    """
    jobs: dict[str, list[dict]] = {}
    for path in sorted(benchmarks.rglob("*.tsv")):
        inside = path.relative_to(benchmarks)
        if not belongs(inside):
            continue
        first, *rest = inside.with_suffix("").parts
        # The rule is the name of the file, or of its folder if the file has the label of a table,
        # a figure or an architecture.
        rule = first if first in RULES and len(rest) == 1 else (first, *rest)[-1]
        log = logs / inside.with_suffix(".log")
        jobs.setdefault(rule, []).append({**_measured(path), "gpu": _gpu(log)})
    known = {rule: i for i, rule in enumerate(RULES)}
    order = sorted(jobs, key=lambda rule: (known.get(rule, len(known)), rule))
    rows = [_row(rule, jobs[rule]) for rule in order]
    return [*rows, _row("all", [job for rule in order for job in jobs[rule]])] if rows else []


def _measured(path: Path) -> dict[str, float]:
    """Return means over the repetitions of a job."""
    with open(path, newline="", encoding="utf-8") as file:
        repetitions = list(csv.DictReader(file, delimiter="\t"))
    try:
        return {
            name: sum(_number(row[name]) for row in repetitions) / len(repetitions)
            for name in ("s", "cpu_time", "max_rss")
        }
    except (KeyError, TypeError, ValueError, ZeroDivisionError) as error:
        raise TableError(f"{path}: not a benchmark file of Snakemake: delete it") from error


def _number(text: str) -> float:
    # Jobs that end before the first measurement have no value.
    return 0.0 if text in ("-", "NA") else float(text)


def _gpu(log: Path) -> int | None:
    if not log.is_file():
        return None
    peaks = _GPU.findall(log.read_text(encoding="utf-8", errors="replace"))
    return max(map(int, peaks)) if peaks else None


def _row(rule: str, jobs: list[dict]) -> dict:
    gpu = [job["gpu"] for job in jobs if job["gpu"] is not None]
    return {
        "rule": rule,
        "jobs": len(jobs),
        "seconds": round(sum(job["s"] for job in jobs), 2),
        "longest_seconds": round(max(job["s"] for job in jobs), 2),
        "cpu_seconds": round(sum(job["cpu_time"] for job in jobs), 2),
        "peak_memory_mib": round(max(job["max_rss"] for job in jobs)),
        "gpu_memory_mib": max(gpu) if gpu else "",
    }


def write(path: str | Path, rows: Iterable[dict]) -> None:
    """Write the table as csv."""
    from ..tables import write_text

    lines = [",".join(COLUMNS), *(",".join(str(row[c]) for c in COLUMNS) for row in rows)]
    write_text(path, "\n".join(lines) + "\n")


def text(rows: list[dict]) -> str:
    """Format the table for a terminal."""
    cells = [[name.replace("_", " ") for name in COLUMNS]]
    cells += [[str(row[name]) for name in COLUMNS] for row in rows]
    widths = [max(len(row[i]) for row in cells) for i in range(len(COLUMNS))]
    return "\n".join(
        "  ".join(
            cell.ljust(width) if i == 0 else cell.rjust(width)
            for i, (cell, width) in enumerate(zip(row, widths, strict=True))
        ).rstrip()
        for row in cells
    )
