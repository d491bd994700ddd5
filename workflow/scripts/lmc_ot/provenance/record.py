"""The record of a run as JSON: config, code, versions, machine, and the cost of each rule."""

import json
import os
import platform
import subprocess
from collections.abc import Iterator
from pathlib import Path

from ..config.labels import belongs
from ..environment import commit, digest, versions
from ..errors import TableError


def of_run(config: dict, config_files: list[str], results: str | Path, usage: list[dict]) -> dict:
    """Return the record of a finished run.

    Parameters
    ----------
    config
        The completed config.
    config_files
        The config files in the order of the command line. Files in the current folder are recorded
        relative to it, so that the record does not depend on the location of the checkout.
    results
        Folder of the run's tables. Their metadata tell how they were made, possibly by several
        invocations and commits. Tables that no longer belong to the config are ignored.
    usage
        Rows from `usage.roll_up`.

    Returns
    -------
    dict
        A JSON object: name, seed, config_files, config_hash (of the completed config), commit (of
        this invocation), made_by (commits, devices and versions of the tables), hardware (of this
        machine), versions (of this process), rules.

    Raises
    ------
    TableError
        A table of the run is damaged.
    """
    made: dict[str, set] = {"commit": set(), "device": set(), "versions": set()}
    for metadata in _metadata(Path(results), config):
        for name, values in made.items():
            if name in metadata:
                values.add(json.dumps(metadata[name], sort_keys=True))
    return {
        "name": config["name"],
        "seed": config["seed"],
        "config_files": [_from_here(path) for path in config_files],
        "config_hash": digest(config),
        "commit": commit(),
        "made_by": {name: [json.loads(v) for v in sorted(values)] for name, values in made.items()},
        "hardware": hardware(),
        "versions": versions(),
        "rules": usage,
    }


def _from_here(path: str | Path) -> str:
    path, here = Path(path), Path.cwd()
    return (path.relative_to(here) if path.is_relative_to(here) else path).as_posix()


def _metadata(folder: Path, config: dict) -> Iterator[dict]:
    import pyarrow as pa
    import pyarrow.parquet as pq

    from ..tables import METADATA_KEY

    for path in sorted(folder.rglob("*.parquet")):
        if not belongs(config, path.relative_to(folder)):
            continue
        try:
            stored = pq.read_schema(path).metadata or {}
        except (OSError, pa.ArrowException) as error:
            raise TableError(f"{path}: damaged: delete it and run again") from error
        if METADATA_KEY in stored:
            yield json.loads(stored[METADATA_KEY])


def hardware() -> dict:
    """Return processor, cores, memory (GiB) and GPUs of this machine, as far as available."""
    return {
        "processor": _processor(),
        "cores": len(os.sched_getaffinity(0))
        if hasattr(os, "sched_getaffinity")
        else os.cpu_count(),
        "memory_gib": _memory(),
        "gpus": _gpus(),
        "system": "{0.system} {0.machine}".format(platform.uname()),
    }


def _processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        return platform.processor()
    names = [line.split(":", 1)[1].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.processor()


def _memory() -> float | None:
    try:
        return round(os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30, 1)
    except (AttributeError, OSError, ValueError):
        return None


def _gpus() -> list[str]:
    command = ["nvidia-smi", "--query-gpu=name", "--format=csv,noheader"]
    try:
        answer = subprocess.run(command, capture_output=True, text=True, timeout=20)
    except (OSError, subprocess.TimeoutExpired):
        return []
    return answer.stdout.split("\n")[:-1] if answer.returncode == 0 else []


def write(path: str | Path, record: dict) -> None:
    """Write the record as indented JSON."""
    from ..tables import write_text

    write_text(path, json.dumps(record, indent=2, sort_keys=True) + "\n")
