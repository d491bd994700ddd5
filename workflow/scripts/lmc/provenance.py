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

CODE = ("Snakefile", "rules", "workflow")
PACKAGES = ("numpy", "scipy", "pyarrow", "pandas", "torch", "torchvision", "snakemake")


def digest(value) -> str:
    """A short hash of a JSON value: equal values, equal hash, whatever the order of keys."""
    return hashlib.sha256(json.dumps(value, sort_keys=True).encode()).hexdigest()[:16]


@cache
def commit() -> str:
    """The git commit of the code, with ``-dirty`` if the code has uncommitted changes.

    Figures and tables that a run leaves in the checkout do not make it dirty. ``LMC_COMMIT``
    overrides it; ``unknown`` outside a checkout.
    """
    if "LMC_COMMIT" in os.environ:
        return os.environ["LMC_COMMIT"]
    head = _git("rev-parse", "HEAD")
    if not head:
        return "unknown"
    return head + ("-dirty" if _git("status", "--porcelain", "--", *CODE) else "")


def _git(*arguments: str) -> str:
    git = ["git", "-C", str(Path(__file__).resolve().parents[3]), *arguments]
    try:
        return subprocess.run(git, capture_output=True, text=True, timeout=20).stdout.strip()
    except (OSError, subprocess.TimeoutExpired):
        return ""


def versions() -> dict[str, str]:
    """Python's version, and those of the packages that results may depend on."""
    found = {"python": platform.python_version()}
    for package in PACKAGES:
        with contextlib.suppress(PackageNotFoundError):
            found[package] = version(package)
    return found


def environment(device: str = "cpu") -> dict:
    """Package versions, Python, device and commit of this process."""
    return {"versions": versions(), "device": device, "commit": commit()}
