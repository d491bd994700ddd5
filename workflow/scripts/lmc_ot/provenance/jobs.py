"""The jobs of a run with their inputs, outputs and usage, from Snakemake's records."""

import base64
import csv
import json
import re
from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path

from ..errors import TableError


@dataclass(frozen=True)
class Job:
    """Snakemake's record of one job."""

    rule: str
    script: str
    log: str
    start: float
    end: float
    inputs: tuple[str, ...]
    outputs: tuple[str, ...]

    @property
    def name(self) -> str:
        """The path of the log without the run's name: such as experiment, setting and rule."""
        return str(Path(*Path(self.log).parts[2:]).with_suffix(""))


def read_jobs(folder: Path, name: str) -> tuple[list[Job], dict[str, str]]:
    """Return the jobs behind a run's tables and figures, and the hashes of their input files.

    Parameters
    ----------
    folder
        The folder in which the workflow ran.
    name
        The name of the run.

    Returns
    -------
    jobs
        The jobs in the order of their start times.
    hashes
        Input file -> its SHA-256, as far as Snakemake recorded it.

    Raises
    ------
    TableError
        There is no finished run of that name in the folder.
    """
    records = _records(folder / ".snakemake/metadata")
    figures = folder / "paper_figures" / name
    last = [str(path.relative_to(folder)) for path in sorted(figures.glob("*")) if path.is_file()]
    last = [path for path in last if path in records]
    results = f"results/{name}/results.parquet"
    if not (last and results in records and (folder / results).is_file()):
        raise TableError(
            f"{results}: not the result of a run in {folder}: run the workflow there first"
        )

    jobs: dict[tuple, dict] = {}
    for output, record in sorted(records.items()):
        # Snakemake keeps one record per output; all records of a job contain the same log.
        key = (record["rule"], *record["log"])
        job = jobs.setdefault(key, {**record, "outputs": []})
        job["outputs"].append(output)
        job["endtime"] = max(job["endtime"], record["endtime"])
    made_by = {output: key for key, job in jobs.items() for output in job["outputs"]}
    # Only jobs behind the results count; Snakemake also keeps records of removed settings.
    to_trace, behind = [*last, results], set()
    while to_trace:
        key = made_by.get(to_trace.pop())
        if key and key not in behind:
            behind.add(key)
            to_trace += jobs[key]["input"]
    recorded = [
        Job(
            rule=jobs[key]["rule"],
            script=re.search(r"workflow/scripts/\w+\.py", jobs[key]["code"])[0],
            log=jobs[key]["log"][0],
            start=jobs[key]["starttime"],
            end=jobs[key]["endtime"],
            inputs=tuple(jobs[key]["input"]),
            outputs=tuple(jobs[key]["outputs"]),
        )
        for key in behind
    ]
    hashes = {}
    for key in behind:
        for path, value in (jobs[key].get("input_checksums") or {}).items():
            if value.startswith("sha256:"):
                hashes[path] = value.removeprefix("sha256:")
    return sorted(recorded, key=lambda job: (job.start, job.log)), hashes


def _records(folder: Path) -> dict[str, dict]:
    """Return Snakemake's record of each output.

    The name of a record's file is the path of the output in base64, split if it is too long.
    """
    records = {}
    for path in folder.rglob("*"):
        if path.is_file():
            parts = path.relative_to(folder).parts
            output = base64.urlsafe_b64decode("".join(part.lstrip("@") for part in parts)).decode()
            records[output] = json.loads(path.read_text(encoding="utf-8"))
    return records


def read_usage(
    folder: Path, jobs: list[Job], columns: Collection[str]
) -> dict[str, dict[str, str]]:
    """Read the usage of jobs from Snakemake's benchmark files.

    Parameters
    ----------
    folder
        The folder in which the workflow ran.
    jobs
        The jobs to look up.
    columns
        The columns to read.

    Returns
    -------
    dict
        Log -> column -> value, as text. Jobs without a benchmark file and columns without a value
        are left out.
    """
    by_log = {}
    for job in jobs:
        path = folder / "benchmark" / Path(job.log).relative_to("logs").with_suffix(".tsv")
        if path.is_file():
            with open(path, newline="", encoding="utf-8") as file:
                row = list(csv.DictReader(file, delimiter="\t"))[-1]
            # Jobs that end before the first measurement have no value for memory.
            by_log[job.log] = {key: row[key] for key in columns if row[key] not in ("-", "NA")}
    return by_log
