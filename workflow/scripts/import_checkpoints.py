"""Rule import_checkpoints: the networks of one setting, read from the user's files."""

from itertools import chain

import numpy as np

from adapter import execute
from lmc_ot import tables
from lmc_ot.data.table import read_dataset
from lmc_ot.merging.files import in_float32, read_states
from lmc_ot.networks.build import build
from lmc_ot.networks.network import stack
from lmc_ot.training.device import describe, resolve
from lmc_ot.training.evaluation import evaluate, on_device
from lmc_ot.training.history import Measured, history_rows
from lmc_ot.training.losses import loss_of
from lmc_ot.training.settings import NetworkId


def import_checkpoints(
    dataset: str,
    files: list,
    checkpoints: str,
    history: str,
    network: dict,
    device: str,
    run: dict,
    loss: str = "cross_entropy",
) -> None:
    """Read networks from `files`, see `read_states`; the history is one epoch, their losses."""
    data = read_dataset(dataset)
    measure = loss_of(loss)
    built = build(network, data, measure.has_accuracy)
    resolved = resolve(device)
    states = read_states(files, built)
    networks = {number: in_float32(state, built) for number, state in states.items()}
    splits = [
        on_device(data.inputs(split), data.splits[split].labels, resolved)
        for split in ("train", "test")
    ]
    rows = []
    for number, parameters in networks.items():
        some = stack([parameters], resolved)
        measured = Measured(*chain(*(evaluate(built, some, *split, measure) for split in splits)))
        print(f"network {number}: test loss {measured.test_loss[0]:.4g}")
        this, no_rate = [NetworkId(number, 0.0)], [0.0]
        rows += history_rows(this, 0, no_rate, measured, np.array([False]), 0.0)
    where = describe(resolved)
    tables.write_checkpoints(checkpoints, networks, run, where, diverged=[])
    tables.write_rows("history", history, rows, run, where)


if "snakemake" in globals():
    execute(import_checkpoints, snakemake)  # noqa: F821
