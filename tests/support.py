"""Running the workflow in a folder of its own, as a user would."""

import os
import subprocess
import sys
from pathlib import Path

REPOSITORY = Path(__file__).resolve().parents[1]


def snakemake(
    folder: Path, *arguments: str | Path, repository: Path = REPOSITORY, **environment: str
) -> subprocess.CompletedProcess:
    """Run snakemake with `folder` as its working directory; stdout and stderr come as one text.

    Parameters
    ----------
    folder
        Where ``results/``, ``paper_figures/`` and ``logs/`` are written.
    arguments
        Targets and options, after the defaults of a test: two cores.
    repository
        The checkout whose Snakefile is run.
    environment
        More environment variables.
    """
    command = [sys.executable, "-m", "snakemake", "--snakefile", repository / "Snakefile"]
    command += ["--directory", folder, "--cores", "2", *arguments]
    return subprocess.run(
        [str(part) for part in command],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=600,
        env={**os.environ, "LMC_COMMIT": "test", **environment},
    )


def succeeds(finished: subprocess.CompletedProcess) -> str:
    """The output of a run that must succeed."""
    assert finished.returncode == 0, finished.stdout[-5000:]
    return finished.stdout
