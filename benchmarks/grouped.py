"""Is it faster to train several convolutional networks as one grouped convolution?

This measures the seconds per network of a forward and backward pass of VGG16's convolutions (width
8, without normalisation) with 100 images of 32 x 32 per network. K networks run one after another,
or as one convolution with K groups.

    .venv/bin/python benchmarks/grouped.py
"""

import argparse
import statistics

import pandas as pd
import torch
import torch.nn.functional as F
from common import interleave, machine, publish

from lmc_ot.networks.vgg16 import GROUPS

WIDTH, IMAGES, SIDE = 8, 100, 32


def step(networks: int, layout: torch.memory_format):
    """A forward and backward pass of several networks as one grouped convolution."""
    widths = [[WIDTH * factor for factor in group] for group in GROUPS]
    inputs = torch.randn(IMAGES, 3 * networks, SIDE, SIDE).contiguous(memory_format=layout)
    kernels, below = [], 3
    for width in (width for group in widths for width in group):
        kernel = torch.randn(networks * width, below, 3, 3) / (9 * below) ** 0.5
        kernels.append(kernel.contiguous(memory_format=layout).requires_grad_())
        below = width

    def run(turn: int) -> None:
        values, remaining = inputs, iter(kernels)
        for group in widths:
            for _ in group:
                values = F.relu(F.conv2d(values, next(remaining), padding=1, groups=networks))
            values = F.max_pool2d(values, 2)
        torch.autograd.grad(values.sum(), kernels)

    return run


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--turns", type=int, default=5)
    parser.add_argument("--output", action="store_true", help="write benchmarks/results/")
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    layouts = {"channels last": torch.channels_last, "channels first": torch.contiguous_format}
    tasks = {(k, name): step(k, layout) for k in (1, 2, 4) for name, layout in layouts.items()}
    seconds = interleave(tasks, arguments.turns)
    frame = pd.DataFrame(
        {
            "groups": networks,
            "layout": layout,
            "ms per network": 1000 * statistics.median(times) / networks,
        }
        for (networks, layout), times in seconds.items()
    )
    publish("grouped", frame, [machine(), "1 thread."], arguments.output)
