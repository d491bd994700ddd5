"""Rule evaluate_path: losses along the paths of all pairs of one learning rate and matcher."""

import math

from adapter import run
from lmc import barrier, interpolation, measurements, permutation, tables
from lmc import device as devices
from lmc.activations import chosen_examples
from lmc.networks.build import build


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
    data = tables.read_dataset(dataset)
    built = build(network, data)
    networks = tables.read_checkpoints(checkpoints, provenance)
    found = measurements.read_permutations(permutations, provenance)
    chosen = devices.resolve(device)
    t = barrier.grid(points)
    some = chosen_examples(data, train_examples, provenance["seed"])
    train = data.inputs("train", some), data.train.labels[some]
    test = data.inputs("test"), data.test.labels
    rows = []
    for number, (a, b) in measurements.whole_pairs(pairs, networks, checkpoints):
        permuted = permutation.apply(networks[b], found[number])
        what = f"{permutations}: pair {number}"
        interpolation.check_same_function(built, networks[b], permuted, test[0][:256], what)
        for split, examples in (("test", test), ("train", train)):
            values = interpolation.evaluate_path(
                built, networks[a], permuted, t, *examples, chosen, train[0]
            )
            rows += [
                {
                    "experiment": provenance["experiment"],
                    "learning_rate": learning_rate,
                    "matcher": label,
                    "pair": number,
                    "network_a": a,
                    "network_b": b,
                    "split": split,
                    "calibrated": bool(built.calibrated_names),
                    "t": x,
                    "loss": loss if math.isfinite(loss) else None,
                    "accuracy": accuracy,
                }
                for x, loss, accuracy in zip(t, *values, strict=True)
            ]
        print(f"pair {number} done")
    tables.write_rows("path", path, rows, provenance, devices.describe(chosen))


if "snakemake" in globals():
    run(evaluate_path, snakemake)  # noqa: F821
