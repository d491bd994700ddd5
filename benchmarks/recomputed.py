"""The effect of recomputed running statistics on the midpoint of networks with batch normalisation.

This needs a finished run of config/cifar10-small.yaml with both of its overlays in the checkout:

    .venv/bin/python benchmarks/recomputed.py learning_rate-1.000e-01

For each matcher, it prints the loss and accuracy of pair 0 at the midpoint on 2,000 test images:
with interpolated running statistics, and with statistics computed on 500 training images.
"""

import sys
from pathlib import Path

import common  # noqa: F401, it finds the library
import numpy as np
import torch

from lmc_ot import tables
from lmc_ot.connectivity.interpolation import interpolate
from lmc_ot.data.table import read_dataset
from lmc_ot.matching.table import read_permutations
from lmc_ot.networks.build import build
from lmc_ot.networks.groups.apply import permute
from lmc_ot.networks.groups.table import read_groups
from lmc_ot.networks.network import stack
from lmc_ot.training.evaluation import evaluate

RUN = Path("results/cifar10-small-parquet")

if __name__ == "__main__":
    data = read_dataset(next(RUN.glob("datasets/*.parquet")))
    network = build({"name": "vgg16", "width": 16, "norm": "batch"}, data)
    groups = read_groups(next(RUN.glob("groups/vgg16-*.parquet")))
    images = torch.from_numpy(data.inputs("test", np.arange(2000)))
    labels = torch.from_numpy(data.test.labels[:2000])
    some = torch.from_numpy(data.inputs("train", np.arange(500)))
    for setting in sys.argv[1:]:
        folder = RUN / "cifar10-vgg16" / setting
        networks = tables.read_checkpoints(folder / "checkpoints.parquet")
        found = read_permutations(folder / "permutations.parquet")
        for matcher, of_pairs in found.items():
            permuted = permute(networks[1], groups, of_pairs[0])
            midpoint = stack([interpolate(networks[0], permuted, 0.5)])
            for how, given in (
                ("interpolated", midpoint),
                ("recomputed", network.with_recomputed_statistics(midpoint, some)),
            ):
                (loss,), (accuracy,) = evaluate(network, given, images, labels)
                print(f"{setting} {matcher}, {how}: loss {loss:.2f}, accuracy {accuracy:.3f}")
