"""The environment of a run: commit of the code, package versions, device; hashes of settings."""

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
    """Return a short hash of a JSON value, independent of the order of keys."""
    return hashlib.sha256(json.dumps(value, sort_keys=True).encode()).hexdigest()[:16]


@cache
def commit() -> str:
    """Return the git commit of the code, with ``-dirty`` if the code has uncommitted changes.

    Figures and tables that a run writes into the checkout are ignored. The environment variable
    ``LMC_COMMIT`` overrides the result. The result is ``unknown`` if this folder is not the root
    of a git repository: the commit of an enclosing repository does not identify the code.
    `unknown_commit` gives the reason.
    """
    if "LMC_COMMIT" in os.environ:
        return os.environ["LMC_COMMIT"]
    if unknown_commit():
        return UNKNOWN
    changed = _git("status", "--porcelain", "--", *CODE)[0]
    return _git("rev-parse", "HEAD")[0] + ("-dirty" if changed else "")


@cache
def unknown_commit() -> str | None:
    """Explain in one line why the commit is unknown and how to set it; None if it is known."""
    if "LMC_COMMIT" in os.environ:
        return None
    root = _root()
    top, problem = _git("rev-parse", "--show-toplevel")
    if top and Path(top).resolve() != root:
        problem = f"it belongs to the repository {top}"
    elif top:
        head, problem = _git("rev-parse", "--verify", "HEAD")
        if head:
            return None
    return (
        f"{root}: the commit of the code is unknown ({problem}): set LMC_COMMIT to the commit, or "
        f"run from a git clone"
    )


def _root() -> Path:
    return Path(__file__).resolve().parents[3]


def _git(*arguments: str) -> tuple[str, str]:
    """Run git in the checkout; return its output, and if it fails, the first line of the error."""
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
    """Return the versions of Python and of the packages that results may depend on."""
    by_package = {"python": platform.python_version()}
    for package in PACKAGES:
        with contextlib.suppress(PackageNotFoundError):
            by_package[package] = version(package)
    return by_package


def environment(device: str = "cpu") -> dict:
    """Return the versions, the device and the commit of this process as a JSON object."""
    return {"versions": versions(), "device": device, "commit": commit()}
