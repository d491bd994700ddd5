"""The number of floating-point operations of an experiment's training, counted and not timed.

    .venv/bin/python benchmarks/operations.py config/paper.yaml cifar10-vgg16 --shape 32 32 3

PyTorch counts the operations of one forward and backward pass; only products and convolutions
count. Divide the number by the sustained rate of a device to estimate the time.
"""

import argparse
from pathlib import Path

import common
import torch
import yaml
from torch.utils.flop_counter import FlopCounterMode

from lmc_ot.config.completion import complete
from lmc_ot.networks.build import build_for
from lmc_ot.networks.network import stack
from lmc_ot.registries import REGISTRIES

EXAMPLES = 20  # in the counted batch


def per_example(network) -> tuple[float, float]:
    """The operations per example of a training step and of a forward pass."""
    parameters = stack([network.initial(0, 0.1, 0)])
    trained = {name: parameters[name].requires_grad_() for name in network.trained}
    images = torch.rand(1, EXAMPLES, torch.Size(network.shape).numel())
    with FlopCounterMode(display=False) as step:
        network.forward(trained, images, training=True).sum().backward()
    with FlopCounterMode(display=False) as forward, torch.no_grad():
        network.forward(trained, images, training=True)
    return step.get_total_flops() / EXAMPLES, forward.get_total_flops() / EXAMPLES


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("config", type=Path)
    parser.add_argument("experiment")
    parser.add_argument("--shape", type=int, nargs="+", required=True, help="shape of an image")
    parser.add_argument("--classes", type=int, default=10)
    parser.add_argument("--examples", type=int, default=50_000, help="training examples")
    given = parser.parse_args()
    config = complete(
        yaml.safe_load(given.config.read_text()),
        common.SCRIPTS.parents[1] / "workflow/schemas/config.schema.yaml",
        REGISTRIES,
    )
    block = config["experiments"][given.experiment]
    step, forward = per_example(build_for(block["network"], given.shape, given.classes))
    networks = block["networks"] * len(block["values"])
    total = step * given.examples * block["training"]["epochs"] * networks
    print(f"a step: {step / 1e9:.2f}e9 per example, a forward pass {forward / 1e9:.2f}e9")
    print(f"{networks} networks of {block['training']['epochs']} epochs: {total:.2e}")
