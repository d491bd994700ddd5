"""What ran: the commit of the code, the versions of packages, the device; hashes of settings."""

import contextlib
import hashlib
import json
import os
import platform
import subprocess
from functools import cache
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from .errors import one_line

UNKNOWN = "unknown"
CODE = ("Snakefile", "rules", "workflow")
PACKAGES = ("numpy", "scipy", "pyarrow", "pandas", "torch", "torchvision", "snakemake")


def digest(value) -> str:
    """A short hash of a JSON value: equal values, equal hash, whatever the order of keys."""
    return hashlib.sha256(json.dumps(value, sort_keys=True).encode()).hexdigest()[:16]


@cache
def commit() -> str:
    """The git commit of the code, with ``-dirty`` if the code has uncommitted changes.

    Figures and tables that a run leaves in the checkout do not make it dirty. ``LMC_COMMIT``
    overrides it. It is ``unknown`` where git does not know this checkout, for which
    `unknown_commit` gives the reason: a commit of a repository around it says nothing of the code.
    """
    if "LMC_COMMIT" in os.environ:
        return os.environ["LMC_COMMIT"]
    if unknown_commit():
        return UNKNOWN
    changed = _git("status", "--porcelain", "--", *CODE)[0]
    return _git("rev-parse", "HEAD")[0] + ("-dirty" if changed else "")


@cache
def unknown_commit() -> str | None:
    """Why the commit is unknown and how to set it, in one line; None where it is known."""
    if "LMC_COMMIT" in os.environ:
        return None
    root = _root()
    top, problem = _git("rev-parse", "--show-toplevel")
    if top and Path(top).resolve() != root:
        problem = f"the repository around it is {top}"
    elif top:
        head, problem = _git("rev-parse", "--verify", "HEAD")
        if head:
            return None
    return (
        f"{root}: the commit of the code is unknown ({problem}): set LMC_COMMIT to the commit, or "
        f"run a clone of your own"
    )


def _root() -> Path:
    return Path(__file__).resolve().parents[3]


def _git(*arguments: str) -> tuple[str, str]:
    """What git answers, and if it fails the first line of its complaint."""
    try:
        answer = subprocess.run(
            ["git", "-C", str(_root()), *arguments], capture_output=True, text=True, timeout=20
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        return "", f"git cannot be run: {one_line(error)}"
    if answer.returncode:
        return "", (answer.stderr.strip().splitlines() or ["git failed"])[0]
    return answer.stdout.strip(), ""


def versions() -> dict[str, str]:
    """Python's version, and those of the packages that results may depend on."""
    by_package = {"python": platform.python_version()}
    for package in PACKAGES:
        with contextlib.suppress(PackageNotFoundError):
            by_package[package] = version(package)
    return by_package


def environment(device: str = "cpu") -> dict:
    """Package versions, Python, device and commit of this process."""
    return {"versions": versions(), "device": device, "commit": commit()}
