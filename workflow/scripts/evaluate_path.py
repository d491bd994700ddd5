"""Rules evaluate_path and evaluate_midpoints: losses along the paths of one setting."""

from adapter import execute
from lmc_ot import tables
from lmc_ot.connectivity import barrier
from lmc_ot.connectivity.pairs import PathEvaluation, evaluation_examples
from lmc_ot.data.table import read_dataset
from lmc_ot.environment import digest, versions
from lmc_ot.matching.table import permutations_as_json, read_permutations, whole_pairs
from lmc_ot.networks.build import build
from lmc_ot.networks.groups.table import read_groups
from lmc_ot.training.device import describe, resolve
from lmc_ot.training.losses import loss_of


def evaluate_path(
    dataset: str,
    checkpoints: str,
    groups: str,
    permutations: str,
    path: str,
    labels: list,
    network: dict,
    pairs: list,
    points: int,
    train_examples: int | None,
    device: str,
    run: dict,
    code: str,
    loss: str = "cross_entropy",
) -> None:
    """Evaluate (1 - t) A + t pi(B) on both splits, after checking that pi(B) is equivalent to B.

    `labels` are the labels of the matchers. Rows of a matcher in an existing table `path` are kept
    if they were computed from the same networks and permutations in the same way.
    """
    data = read_dataset(dataset)
    networks = tables.read_checkpoints(checkpoints, run)
    resolved = resolve(device)
    settings = [run, network, pairs, points, train_examples, code, resolved.type, versions()]
    settings += [tables.digest("dataset", dataset), tables.digest("checkpoints", checkpoints)]
    settings += [tables.digest("groups", groups), loss]
    measured = loss_of(loss)
    by_matcher = read_permutations(permutations, run)
    made_from = {
        label: digest([*settings, permutations_as_json(by_matcher.get(label, {}))])
        for label in labels
    }
    kept = tables.kept_rows("path", path, run, made_from)
    evaluation = PathEvaluation(
        build(network, data, measured.has_accuracy),
        read_groups(groups),
        networks,
        whole_pairs(pairs, networks, checkpoints),
        barrier.grid(points),
        evaluation_examples(data, train_examples, run["seed"]),
        resolved,
        measured,
    )
    rows = []
    for label in labels:
        if label in kept:
            print(f"{label}: kept")
            rows += kept[label]
        else:
            rows += evaluation.rows(label, by_matcher.get(label, {}), permutations)
    tables.write_rows("path", path, rows, run, describe(resolved), made_from=made_from)
    tables.keep(path)


if "snakemake" in globals():
    execute(evaluate_path, snakemake)  # noqa: F821
