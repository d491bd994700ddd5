"""Seconds of a training step of VGG16 with this library and with PyTorch's own modules.

A step has 100 images of 32 x 32 x 3, LayerNorm over channels, and SGD with momentum and weight
decay. It is measured by width and precision. The reference is an efficient version of the usual
loop: `nn.Conv2d` in channels-last layout, `zero_grad(set_to_none=True)` and `SGD(foreach=True)`.
Both apply the same augmentation. The images are random, since the time of a step does not depend on
them.

    .venv/bin/python benchmarks/convolutional.py
"""

import argparse
import statistics

import numpy as np
import pandas as pd
import torch
import torch.nn.functional as F
from common import interleave, machine, median_ratio, publish
from torch import nn

from lmc_ot.data.augmentation import Augmentation
from lmc_ot.networks.build import build_for
from lmc_ot.networks.network import stack
from lmc_ot.networks.vgg16 import GROUPS
from lmc_ot.training.device import keep_large_buffers
from lmc_ot.training.optimisers import REGISTRY as OPTIMISERS
from lmc_ot.training.step import training_step

IMAGES, SIDE, CLASSES = 2000, 32, 10
BATCH, LEARNING_RATE, MOMENTUM, WEIGHT_DECAY = 100, 1e-3, 0.9, 5e-4
PRECISIONS = {"float32": torch.float32, "bfloat16": torch.bfloat16}


class ChannelNorm(nn.LayerNorm):
    """LayerNorm over the channels of (n, channels, height, width)."""

    def forward(self, values):
        return super().forward(values.movedim(1, -1)).movedim(-1, 1)


def reference(width: int, data, changes, dtype):
    """A training step of the same network built from PyTorch's modules."""
    modules, below = [], 3
    for group in GROUPS:
        for units in (width * factor for factor in group):
            modules += [nn.Conv2d(below, units, 3, padding=1), ChannelNorm(units)]
            modules += [nn.ReLU(inplace=True)]
            below = units
        modules += [nn.MaxPool2d(2)]
    modules += [nn.Flatten(), nn.Linear(below, below), nn.ReLU(inplace=True)]
    modules += [nn.Linear(below, below), nn.ReLU(inplace=True), nn.Linear(below, CLASSES)]
    network = nn.Sequential(*modules).to(memory_format=torch.channels_last)
    optimiser = torch.optim.SGD(
        network.parameters(), LEARNING_RATE, MOMENTUM, weight_decay=WEIGHT_DECAY, foreach=True
    )

    def step(turn: int) -> None:
        batch = _batch(turn)
        images = data[0].index_select(0, batch).view(BATCH, SIDE, SIDE, 3)
        images = Augmentation.apply(images, changes[batch]).permute(0, 3, 1, 2)
        optimiser.zero_grad(set_to_none=True)
        with torch.autocast("cpu", torch.bfloat16, enabled=dtype == torch.bfloat16):
            logits = network(images)
        F.cross_entropy(logits.float(), data[1][batch]).backward()
        optimiser.step()

    return step


def stacked(width: int, data, changes, dtype):
    """A training step of one network with this library."""
    network = build_for({"name": "vgg16", "width": width}, (SIDE, SIDE, 3), CLASSES)
    parameters = stack([network.initial(0, LEARNING_RATE, 0)])
    tensors = [tensor.requires_grad_() for tensor in parameters.values()]
    options = {"momentum": MOMENTUM, "weight_decay": WEIGHT_DECAY}
    optimiser = OPTIMISERS.build({"name": "sgd", **options})
    state, rates = optimiser.initial_state(tensors), torch.tensor([LEARNING_RATE])

    def step(turn: int) -> None:
        training_step(
            network, parameters, optimiser, state, data, _batch(turn)[None], rates, turn,
            changes[None], dtype,
        )  # fmt: skip

    return step


def _batch(turn: int) -> torch.Tensor:
    return torch.from_numpy(np.random.default_rng(turn).permutation(IMAGES)[:BATCH])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--widths", type=int, nargs="+", default=[8, 16, 32])
    parser.add_argument("--precisions", nargs="+", choices=PRECISIONS, default=["float32"])
    parser.add_argument("--turns", type=int, default=15)
    parser.add_argument(
        "--output", action="store_true", help="write benchmarks/results/convolutional.*"
    )
    options = parser.parse_args()

    torch.set_num_threads(1)
    keep_large_buffers()
    stream = np.random.default_rng(0)
    data = (
        torch.from_numpy(stream.random((IMAGES, SIDE * SIDE * 3), np.float32)),
        torch.from_numpy(stream.integers(0, CLASSES, IMAGES)),
    )
    augmentation = Augmentation(flip=True, zoom=(0.8, 1.2), rotation=30.0)
    changes = torch.from_numpy(augmentation.draw(stream, IMAGES))
    rows = []
    for width in options.widths:
        tasks = {
            (kind.__name__, precision): kind(width, data, changes, PRECISIONS[precision])
            for precision in options.precisions
            for kind in (reference, stacked)
        }
        seconds = interleave(tasks, options.turns)
        for precision in options.precisions:
            ours, theirs = seconds["stacked", precision], seconds["reference", precision]
            rows.append(
                {
                    "width": width,
                    "precision": precision,
                    "ms a step": 1000 * statistics.median(ours),
                    "ms a step, modules": 1000 * statistics.median(theirs),
                    "ratio": median_ratio(ours, theirs),
                    "over float32": median_ratio(ours, seconds["stacked", "float32"])
                    if "float32" in options.precisions
                    else None,
                }
            )
    notes = [
        machine(),
        f"1 thread, medians of {options.turns} interleaved turns. A step has {BATCH} images, "
        "and an epoch of CIFAR-10 has 500. `ratio` is the time of the library's step divided by "
        "that of PyTorch's modules; `over float32` is its time divided by that in float32.",
    ]
    publish("convolutional", pd.DataFrame(rows), notes, options.output)


if __name__ == "__main__":
    main()
