"""How much results change between two identical runs, and between one and two threads.

This trains pairs of the default config's network three times, twice with one thread and once with
two, matches them by naive weight matching, and compares the results with those of the first time.
"""

import argparse

import common
import numpy as np
import pandas as pd
import torch

from lmc_ot.connectivity import interpolation
from lmc_ot.data.digits import digits
from lmc_ot.matching import REGISTRY
from lmc_ot.matching.matcher import match
from lmc_ot.networks.build import build
from lmc_ot.networks.groups.apply import permute
from lmc_ot.networks.groups.derive import derive
from lmc_ot.training.loop import train
from lmc_ot.training.optimisers import REGISTRY as OPTIMISERS
from lmc_ot.training.settings import NetworkId

RATES = (1e-4, 6.3e-3, 1e-1)
SETTINGS = common.training_config(batch_size=50, epochs=50)
SGD = OPTIMISERS.build({"name": "sgd", "momentum": 0.9})


def run(rate: float, threads: int) -> dict[str, np.ndarray]:
    """The parameters, test losses (endpoints and midpoint) and permutation of a pair."""
    torch.set_num_threads(threads)
    data = digits()
    network = build({"name": "mlp", "hidden_widths": [128, 128, 128]}, data)
    networks = [NetworkId(0, rate), NetworkId(1, rate)]
    found = train(network, data, networks, SETTINGS, SGD, 0, report=lambda line: None)
    a, b = found.networks[0], found.networks[1]
    groups = derive(network.module, network.images(torch.from_numpy(data.inputs("train")[:2])))
    matched = match(REGISTRY.build({"name": "naive_wm"}), a, b, groups)
    losses, _ = interpolation.evaluate_path(
        network, a, permute(b, groups, matched.permutations), np.array([0.0, 0.5, 1.0]),
        data.inputs("test"), data.test.labels,
    )  # fmt: skip
    return {
        "parameters": np.concatenate([array.ravel() for array in a.values()]),
        "endpoint loss": losses[[0, 2]],
        "midpoint loss": losses[[1]],
        "permutations": np.concatenate(list(matched.permutations.values())),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--output", action="store_true", help="write benchmarks/results/")
    options = parser.parse_args()
    rows = []
    for rate in RATES:
        first, again, two = run(rate, 1), run(rate, 1), run(rate, 2)
        norm = np.linalg.norm(first["parameters"])
        rows.append(
            {
                "learning rate": rate,
                "again: same bits": all((first[k] == again[k]).all() for k in first),
                "two threads: parameters, relative": np.linalg.norm(
                    first["parameters"] - two["parameters"]
                )
                / norm,
                "endpoint loss, largest difference": np.abs(
                    first["endpoint loss"] - two["endpoint loss"]
                ).max(),
                "midpoint loss, difference": np.abs(
                    first["midpoint loss"] - two["midpoint loss"]
                ).max(),
                "midpoint loss": first["midpoint loss"][0],
                "units matched otherwise": np.mean(first["permutations"] != two["permutations"]),
            }
        )
    notes = [common.machine(), "Digits, MLP 128-128-128, 50 epochs, one pair per learning rate."]
    common.publish("determinism", pd.DataFrame(rows), notes, options.output)


if __name__ == "__main__":
    main()
