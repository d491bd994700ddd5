"""Rule evaluate_midpoints: losses in the middle of the paths of all pairs of one learning rate."""

from adapter import run
from lmc_ot import tables
from lmc_ot.connectivity import barrier, interpolation
from lmc_ot.connectivity.pairs import evaluation_examples, path_rows, permuted_pairs
from lmc_ot.data.table import read_dataset
from lmc_ot.matching.table import whole_pairs
from lmc_ot.networks.build import build
from lmc_ot.training.device import describe, resolve


def evaluate_midpoints(
    dataset: str,
    checkpoints: str,
    permutations: list,
    midpoints: str,
    labels: list,
    network: dict,
    pairs: list,
    train_examples: int | None,
    learning_rate: float,
    device: str,
    provenance: dict,
) -> None:
    """Evaluate every network and, for every matcher, (A + pi(B)) / 2 of every pair.

    `labels` are the matchers' labels, in the order of their files `permutations`.
    """
    data = read_dataset(dataset)
    built = build(network, data)
    networks = tables.read_checkpoints(checkpoints, provenance)
    chosen = resolve(device)
    splits = evaluation_examples(data, train_examples, provenance["seed"])
    whole = list(whole_pairs(pairs, networks, checkpoints))
    # pi(B) computes what B does, so every network is evaluated once, whatever it is paired with.
    points = {number: (parameters, parameters, 0.0) for number, parameters in networks.items()}
    for label, path in zip(labels, permutations, strict=True):
        for number, (a, _), permuted in permuted_pairs(
            built, networks, whole, path, splits["test"][0], provenance
        ):
            points[label, number] = networks[a], permuted, barrier.MIDPOINT
    columns = {
        "experiment": provenance["experiment"],
        "learning_rate": learning_rate,
        "calibrated": bool(built.calibrated_names),
    }
    rows = []
    for split, examples in splits.items():
        values = {}
        if points:
            measured = interpolation.evaluate_points(
                built, list(points.values()), *examples, chosen, splits["train"][0]
            )
            values = dict(zip(points, zip(*measured, strict=True), strict=True))
        for label in labels:
            of_all = {**columns, "matcher": label, "split": split}
            for number, (a, b) in whole:
                found = zip(values[a], values[label, number], values[b], strict=True)
                rows += path_rows(of_all, number, (a, b), (0.0, barrier.MIDPOINT, 1.0), *found)
        print(f"{split}: {len(points)} networks and midpoints done")
    tables.write_rows("path", midpoints, rows, provenance, describe(chosen))


if "snakemake" in globals():
    run(evaluate_midpoints, snakemake)  # noqa: F821
