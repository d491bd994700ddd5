"""Rule train: all networks of one setting."""

from pathlib import Path

from adapter import execute
from lmc_ot import tables
from lmc_ot.config.labels import own_file
from lmc_ot.data.table import read_dataset
from lmc_ot.environment import versions
from lmc_ot.networks.build import build
from lmc_ot.training.device import describe, resolve
from lmc_ot.training.loop import train as train_ensemble
from lmc_ot.training.losses import loss_of
from lmc_ot.training.optimisers import REGISTRY as OPTIMISERS
from lmc_ot.training.settings import NetworkId, TrainingConfig
from lmc_ot.training.snapshots import Snapshots, seconds_of_environment


def train(
    dataset: str,
    checkpoints: str,
    history: str,
    network: dict,
    training: dict,
    networks: int,
    device: str,
    run: dict,
    code: str,
    loss: str = "cross_entropy",
) -> None:
    """Train networks 0 .. networks - 1 of a setting.

    An interrupted job resumes from its last snapshot.
    """
    data = read_dataset(dataset)
    resolved = resolve(device)
    minimised = loss_of(loss)
    built = build(network, data, minimised.has_accuracy)
    own = [own_file(block) for block in (network, {"target": loss})]
    snapshots = Snapshots(
        Path(checkpoints).parent / "snapshots",
        # Users' own files can change while the config stays the same: data, modules and losses.
        [
            run,
            network,
            training,
            code,
            resolved.type,
            versions(),
            tables.digest("dataset", dataset),
            loss,
            *(Path(file).read_text(encoding="utf-8") if file else None for file in own),
        ],
        seconds_of_environment(),
    )
    with snapshots.on_request():
        trained = train_ensemble(
            built,
            data,
            [NetworkId(number, training["learning_rate"]) for number in range(networks)],
            TrainingConfig.of(training),
            OPTIMISERS.build(training["optimiser"]),
            run["seed"],
            resolved,
            snapshots=snapshots,
            loss=minimised,
        )
    where = describe(resolved)
    tables.write_checkpoints(checkpoints, trained.networks, run, where, trained.diverged)
    columns = {key: [row[key] for row in trained.history] for key in trained.history[0]}
    tables.write("history", history, columns, run, where)
    snapshots.remove()


if "snakemake" in globals():
    execute(train, snakemake)  # noqa: F821
