"""Make the stored files of the rules' tests again: run the small workflow and keep its outputs.

Run it after a change that is meant to change results, and read the difference before a commit:

    .venv/bin/python tests/rules/regenerate.py && git diff --stat tests/rules/stored
"""

import shutil
import sys
import tempfile
from pathlib import Path

import torch
from safetensors.torch import save_file

HERE = Path(__file__).parent
sys.path.insert(0, str(HERE.parent))
sys.path.insert(0, str(HERE.parents[1] / "workflow/scripts"))

from support import mlp, snakemake, succeeds  # noqa: E402


def write_given(folder: Path) -> None:
    """Write two networks as a user's training could, untrained."""
    folder.mkdir(exist_ok=True)
    network = mlp((8, 8), 10, [6])
    first, second = (
        {name: torch.from_numpy(array).half() for name, array in network.initial(0, 1.0, n).items()}
        for n in (0, 1)
    )
    save_file(first, folder / "0.safetensors")
    torch.save({"state_dict": second}, folder / "1.pt")


if __name__ == "__main__":
    write_given(HERE / "given")
    with tempfile.TemporaryDirectory() as folder:
        succeeds(snakemake(Path(folder), "--configfile", HERE / "config.yaml"))
        shutil.rmtree(HERE / "stored", ignore_errors=True)
        for kept in ("results", "paper_figures"):
            shutil.copytree(
                Path(folder) / kept,
                HERE / "stored" / kept,
                ignore=shutil.ignore_patterns("*.pdf", "*.svg", "kept"),
            )
