"""Where a file comes from: what every table carries in its metadata."""

import contextlib
import hashlib
import json
import os
import platform
import subprocess
from functools import cache
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

PACKAGES = ("numpy", "scipy", "pyarrow", "pandas", "torch", "torchvision", "snakemake")


def digest(value) -> str:
    """A short hash of a JSON value: equal values, equal hash, whatever the order of keys."""
    return hashlib.sha256(json.dumps(value, sort_keys=True).encode()).hexdigest()[:16]


@cache
def commit() -> str:
    """The git commit of the code, with ``-dirty`` if it has uncommitted changes.

    ``LMC_COMMIT`` overrides it; ``unknown`` outside a checkout.
    """
    if "LMC_COMMIT" in os.environ:
        return os.environ["LMC_COMMIT"]
    git = ["git", "-C", str(Path(__file__).parent), "describe", "--always", "--abbrev=40"]
    try:
        answer = subprocess.run(
            [*git, "--dirty", "--exclude", "*"], capture_output=True, text=True, timeout=20
        )
    except (OSError, subprocess.TimeoutExpired):
        return "unknown"
    return answer.stdout.strip() or "unknown"


def environment(device: str = "cpu") -> dict:
    """Package versions, Python, device and commit of this process."""
    versions = {"python": platform.python_version()}
    for package in PACKAGES:
        with contextlib.suppress(PackageNotFoundError):
            versions[package] = version(package)
    return {"versions": versions, "device": device, "commit": commit()}
