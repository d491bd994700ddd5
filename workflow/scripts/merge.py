"""Rule merge: the merged networks of one setting as files, and the losses of these files."""

from pathlib import Path

from adapter import execute
from lmc_ot import tables
from lmc_ot.connectivity.pairs import evaluation_examples
from lmc_ot.data.table import read_dataset
from lmc_ot.matching.table import read_permutations, whole_pairs
from lmc_ot.merging.files import read_states
from lmc_ot.merging.pairs import Writer
from lmc_ot.networks.build import build
from lmc_ot.networks.groups.table import read_groups
from lmc_ot.training.device import describe, resolve
from lmc_ot.training.losses import loss_of


def merge(
    dataset: str,
    checkpoints: str,
    groups: str,
    permutations: str,
    folder: str,
    losses: str,
    labels: list,
    network: dict,
    pairs: list,
    train_examples: int | None,
    device: str,
    run: dict,
    files: list = (),
    loss: str = "cross_entropy",
) -> None:
    """Write permuted and midpoint networks to `folder`, and what they reach to `losses`.

    `files` are the checkpoints that the networks were read from, in whose types they are written.
    """
    data = read_dataset(dataset)
    measured = loss_of(loss)
    built = build(network, data, measured.has_accuracy)
    resolved = resolve(device)
    networks = tables.read_checkpoints(checkpoints, run)
    writer = Writer(
        built,
        read_groups(groups),
        networks,
        read_states(files, built),
        evaluation_examples(data, train_examples, run["seed"]),
        resolved,
        measured,
    )
    by_matcher = read_permutations(permutations, run)
    rows = []
    Path(folder).mkdir(parents=True, exist_ok=True)  # also if all networks diverged
    for label in labels:
        for number, pair in whole_pairs(pairs, networks, checkpoints):
            found = by_matcher.get(label, {}).get(number)
            rows += writer.write(Path(folder), label, number, pair, found)
    tables.write_rows("merged", losses, rows, run, describe(resolved))


if "snakemake" in globals():
    execute(merge, snakemake)  # noqa: F821
