"""Make the stored files of the rules' tests again: run the small workflow and keep its outputs.

Run it after a change that is meant to change results, and read the difference before a commit:

    .venv/bin/python tests/rules/regenerate.py && git diff --stat tests/rules/stored
"""

import shutil
import sys
import tempfile
from pathlib import Path

HERE = Path(__file__).parent
sys.path.insert(0, str(HERE.parent))

from support import snakemake, succeeds  # noqa: E402

if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as folder:
        succeeds(snakemake(Path(folder), "--configfile", HERE / "config.yaml"))
        shutil.rmtree(HERE / "stored", ignore_errors=True)
        for kept in ("results", "paper_figures"):
            shutil.copytree(
                Path(folder) / kept,
                HERE / "stored" / kept,
                ignore=shutil.ignore_patterns("*.pdf", "*.svg", "kept"),
            )
