"""Rule evaluate_path: losses along the paths of all pairs of one learning rate and matcher."""

from adapter import run
from lmc_ot import tables
from lmc_ot.connectivity import barrier, interpolation
from lmc_ot.connectivity.pairs import evaluation_examples, path_rows, permuted_pairs
from lmc_ot.data.table import read_dataset
from lmc_ot.matching.table import whole_pairs
from lmc_ot.networks.build import build
from lmc_ot.training.device import describe, resolve


def evaluate_path(
    dataset: str,
    checkpoints: str,
    permutations: str,
    path: str,
    label: str,
    network: dict,
    pairs: list,
    points: int,
    train_examples: int | None,
    learning_rate: float,
    device: str,
    provenance: dict,
) -> None:
    """Evaluate (1 - t) A + t pi(B) on both splits, after checking that pi(B) computes B."""
    data = read_dataset(dataset)
    built = build(network, data)
    networks = tables.read_checkpoints(checkpoints, provenance)
    chosen = resolve(device)
    splits = evaluation_examples(data, train_examples, provenance["seed"])
    whole = whole_pairs(pairs, networks, checkpoints)
    t = barrier.grid(points)
    columns = {
        "experiment": provenance["experiment"],
        "learning_rate": learning_rate,
        "matcher": label,
        "calibrated": bool(built.calibrated_names),
    }
    rows = []
    for number, (a, b), permuted in permuted_pairs(
        built, networks, whole, permutations, splits["test"][0], provenance
    ):
        for split, examples in splits.items():
            values = interpolation.evaluate_path(
                built, networks[a], permuted, t, *examples, chosen, splits["train"][0]
            )
            rows += path_rows({**columns, "split": split}, number, (a, b), t, *values)
        print(f"pair {number} done")
    tables.write_rows("path", path, rows, provenance, describe(chosen))


if "snakemake" in globals():
    run(evaluate_path, snakemake)  # noqa: F821
