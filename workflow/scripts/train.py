"""Rule train: all networks of one learning rate, in one ensemble."""

from pathlib import Path

from adapter import run
from lmc import device as devices
from lmc import seal, tables
from lmc.augmentation import Augmentation
from lmc.networks.build import build
from lmc.optimisers import REGISTRY as OPTIMISERS
from lmc.provenance import versions
from lmc.snapshots import Snapshots, seconds_of_environment
from lmc.training import Member, Plan
from lmc.training import train as train_ensemble


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
    data = tables.read_dataset(dataset)
    plan = {key: value for key, value in training.items() if key != "optimiser"}
    plan["augmentation"] = Augmentation(**plan["augmentation"])
    optimiser = dict(training["optimiser"])
    chosen = devices.resolve(device)
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
            [Member(number, learning_rate) for number in range(networks)],
            Plan(**plan),
            OPTIMISERS.get(optimiser.pop("name"))(**optimiser),
            provenance["seed"],
            chosen,
            snapshots=snapshots,
        )
    where = devices.describe(chosen)
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
