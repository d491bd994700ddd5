"""Rule evaluate_midpoints: losses in the middle of the paths of all pairs of one learning rate."""

import math

from adapter import run
from lmc import barrier, interpolation, measurements, permutation, tables
from lmc import device as devices
from lmc.activations import chosen_examples
from lmc.networks.build import build


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
    data = tables.read_dataset(dataset)
    built = build(network, data)
    networks = tables.read_checkpoints(checkpoints, provenance)
    chosen = devices.resolve(device)
    some = chosen_examples(data, train_examples, provenance["seed"])
    train = data.inputs("train", some), data.train.labels[some]
    test = data.inputs("test"), data.test.labels
    whole = list(measurements.whole_pairs(pairs, networks, checkpoints))
    # pi(B) computes what B does, so every network is evaluated once, whatever it is paired with.
    found = {number: (parameters, parameters, 0.0) for number, parameters in networks.items()}
    for label, path in zip(labels, permutations, strict=True):
        matches = measurements.read_permutations(path, provenance)
        for number, (a, b) in whole:
            permuted = permutation.apply(networks[b], matches[number])
            what = f"{path}: pair {number}"
            interpolation.check_same_function(built, networks[b], permuted, test[0][:256], what)
            found[label, number] = networks[a], permuted, barrier.MIDPOINT
    rows = []
    for split, examples in (("test", test), ("train", train)):
        values = dict.fromkeys(found)
        if found:
            measured = interpolation.evaluate_points(
                built, list(found.values()), *examples, chosen, train[0]
            )
            values = dict(zip(found, zip(*measured, strict=True), strict=True))
        for label in labels:
            for number, (a, b) in whole:
                for t, point in ((0.0, a), (barrier.MIDPOINT, (label, number)), (1.0, b)):
                    loss, accuracy = values[point]
                    rows.append(
                        {
                            "experiment": provenance["experiment"],
                            "learning_rate": learning_rate,
                            "matcher": label,
                            "pair": number,
                            "network_a": a,
                            "network_b": b,
                            "split": split,
                            "calibrated": bool(built.calibrated_names),
                            "t": t,
                            "loss": loss if math.isfinite(loss) else None,
                            "accuracy": accuracy,
                        }
                    )
        print(f"{split}: {len(found)} networks and midpoints done")
    tables.write_rows("path", midpoints, rows, provenance, devices.describe(chosen))


if "snakemake" in globals():
    run(evaluate_midpoints, snakemake)  # noqa: F821
