"""Rule train: all networks of one learning rate, in one ensemble."""

from pathlib import Path

from adapter import run
from lmc_ot import tables
from lmc_ot.data.table import read_dataset
from lmc_ot.environment import versions
from lmc_ot.networks.build import build
from lmc_ot.tables import seal
from lmc_ot.training.device import describe, resolve
from lmc_ot.training.loop import train as train_ensemble
from lmc_ot.training.optimisers import REGISTRY as OPTIMISERS
from lmc_ot.training.settings import NetworkId, TrainingConfig
from lmc_ot.training.snapshots import Snapshots, seconds_of_environment


def train(
    dataset: str,
    checkpoints: str,
    history: str,
    network: dict,
    training: dict,
    learning_rate: float,
    networks: int,
    device: str,
    provenance: dict,
    code: str,
) -> None:
    """Train networks 0 .. networks - 1 of a learning rate.

    A job that was stopped continues from its last snapshot.
    """
    data = read_dataset(dataset)
    chosen = resolve(device)
    snapshots = Snapshots(
        Path(checkpoints).parent / "snapshots",
        # The file too: images of the user's own can change, and the config does not tell.
        [
            provenance,
            network,
            training,
            learning_rate,
            code,
            chosen.type,
            versions(),
            seal.stored(dataset),
        ],
        seconds_of_environment(),
    )
    with snapshots.on_request():
        trained = train_ensemble(
            build(network, data),
            data,
            [NetworkId(number, learning_rate) for number in range(networks)],
            TrainingConfig.of(training),
            OPTIMISERS.build(training["optimiser"]),
            provenance["seed"],
            chosen,
            snapshots=snapshots,
        )
    where = describe(chosen)
    tables.write_checkpoints(checkpoints, trained.networks, provenance, where, trained.diverged)
    columns = {key: [row[key] for row in trained.history] for key in trained.history[0]}
    run_columns = {
        "experiment": [provenance["experiment"]] * len(trained.history),
        "learning_rate": [learning_rate] * len(trained.history),
    }
    tables.write("history", history, {**run_columns, **columns}, provenance, where)
    snapshots.remove()


if "snakemake" in globals():
    run(train, snakemake)  # noqa: F821
