"""Seconds of training a network for an epoch: stacked, and one nn.Sequential at a time.

The sizes are those of MNIST: 784-512-512-512-10, batches of 500, and 60,000 examples. The rate is
compared with that of matrix products on the same machine at the same time.

Only the operations of matrix products are counted, with 2 operations per multiply-add. For one
example and weights of shape (m_l, m_{l-1}), l = 1 .. L + 1:

    forward                2 sum_{l >= 1} m_l m_{l-1}
    gradient of weights    the same number
    gradient of inputs     2 sum_{l >= 2} m_l m_{l-1}: the first layer needs none

which is 4.78 million here. Everything else (biases, relu, the loss, gathering the batch, the
update) is not counted and therefore lowers the share of the peak.
"""

import argparse
import math
import statistics
from collections.abc import Callable
from itertools import pairwise

import common
import pandas as pd
import torch
import torch.nn.functional as F

from lmc_ot.networks.build import build_for
from lmc_ot.networks.network import stack
from lmc_ot.training.device import keep_large_buffers
from lmc_ot.training.optimisers import REGISTRY as OPTIMISERS
from lmc_ot.training.progress import Progress
from lmc_ot.training.step import training_step

WIDTHS = [784, 512, 512, 512, 10]
BATCH, EXAMPLES = 500, 60_000
RATE, MOMENTUM = 0.01, 0.9
PRODUCTS = [(1, n, n, n) for n in (512, 1024, 2048)] + [
    (networks, BATCH, inputs, 512) for networks in (1, 8) for inputs in (784, 512)
]


def operations(widths: list[int] = WIDTHS) -> int:
    """The floating-point operations of training on one example, by the formula above."""
    products = [2 * inputs * units for inputs, units in pairwise(widths)]
    return 3 * sum(products) - products[0]


def product(
    times: int, networks: int, rows: int, inner: int, columns: int
) -> Callable[[int], None]:
    """Repeated products of shape (rows, inner) x (inner, columns), one per network."""
    a = torch.randn(networks, rows, inner)
    b = torch.randn(networks, columns, inner).transpose(1, 2)
    bias, out = torch.zeros(networks, 1, columns), torch.empty(networks, rows, columns)

    def run(turn: int) -> None:
        for _ in range(times):
            if networks == 1:
                torch.mm(a[0], b[0], out=out[0])
            else:
                torch.baddbmm(bias, a, b, out=out)

    return run


def sequential(images, labels, orders, steps: int) -> Callable[[int], None]:
    """The usual loop for one network: nn.Sequential and torch.optim.SGD with foreach."""
    layers = []
    for inputs, units in pairwise(WIDTHS):
        layers += [torch.nn.Linear(inputs, units), torch.nn.ReLU(inplace=True)]
    model = torch.nn.Sequential(*layers[:-1])
    optimiser = torch.optim.SGD(model.parameters(), lr=RATE, momentum=MOMENTUM, foreach=True)
    correct = torch.zeros(())

    def run(turn: int) -> None:
        for batch in batches(orders[0], turn, steps):
            wanted = labels[batch]
            logits = model(images.index_select(0, batch))
            loss = F.cross_entropy(logits, wanted)
            optimiser.zero_grad(set_to_none=True)
            loss.backward()
            optimiser.step()
            correct.add_((logits.detach().argmax(1) == wanted).sum())

    return run


def stacked(images, labels, orders, steps: int) -> Callable[[int], None]:
    """The training step of the library, with one network per order of the examples."""
    block = {"name": "mlp", "hidden_widths": WIDTHS[1:-1]}
    network = build_for(block, (28, 28), WIDTHS[-1])
    count = len(orders)
    parameters = stack([network.initial(0, RATE, k) for k in range(count)])
    optimiser = OPTIMISERS.build({"name": "sgd", "momentum": MOMENTUM})
    progress = Progress.begin(network, parameters, optimiser)
    rates = torch.full((count,), RATE)

    def run(turn: int) -> None:
        for batch in batches(orders, turn, steps):
            training_step(
                network,
                progress.parameters,
                optimiser,
                progress.state,
                (images, labels),
                batch,
                rates,
                turn,
            )

    return run


def batches(order: torch.Tensor, turn: int, steps: int) -> list[torch.Tensor]:
    """The batches of this turn, which are the next ones of a random order."""
    every = order.split(BATCH, dim=-1)
    return [every[(turn * steps + index) % len(every)] for index in range(steps)]


def measure(counts: list[int], threads: int, steps: int, turns: int) -> list[dict]:
    """One row of the table for every product, for nn.Sequential and for every K."""
    torch.set_num_threads(threads)
    torch.manual_seed(0)
    images, labels = torch.rand(EXAMPLES, WIDTHS[0]), torch.randint(0, WIDTHS[-1], (EXAMPLES,))
    orders = torch.stack([torch.randperm(EXAMPLES) for _ in range(max(counts))])

    # All tasks have about as many operations, so that a disturbance affects them equally.
    step = BATCH * operations()
    tasks, work, network_steps = {}, {}, {}
    for size in PRODUCTS:
        name, once = f"product {' x '.join(map(str, size))}", 2 * math.prod(size)
        times = max(1, round(steps * step / once))
        tasks[name], work[name] = product(times, *size), times * once
    products = list(tasks)
    for count in (0, *counts):
        name, make = (f"stacked, K = {count}", stacked) if count else ("nn.Sequential", sequential)
        count = count or 1
        each = max(1, steps // count)
        tasks[name] = make(images, labels, orders[:count], each)
        network_steps[name] = each * count
        work[name] = each * count * step

    seconds = common.interleave(tasks, turns)
    rates = {name: [work[name] / s / 1e9 for s in taken] for name, taken in seconds.items()}
    peak = max(products, key=lambda name: statistics.median(rates[name]))
    rows = []
    for name in tasks:
        row = {
            "threads": threads,
            "what": name + (" (the peak)" if name == peak else ""),
            "GFLOP/s": statistics.median(rates[name]),
            "share of peak": common.median_ratio(rates[name], rates[peak]),
        }
        if name in network_steps:
            epoch = EXAMPLES // BATCH / network_steps[name]
            row["s per network and epoch"] = statistics.median(seconds[name]) * epoch
            row["time / nn.Sequential"] = common.median_ratio(rates["nn.Sequential"], rates[name])
        rows.append(row)
    return rows


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--networks", type=int, nargs="+", default=[1, 2, 4, 8])
    parser.add_argument("--threads", type=int, nargs="+", default=[1, 2])
    parser.add_argument("--steps", type=int, default=8, help="steps x networks in a turn")
    parser.add_argument("--turns", type=int, default=15, help="turns after one warm-up turn")
    parser.add_argument("--output", action="store_true", help="write benchmarks/results/training.*")
    options = parser.parse_args()

    keep_large_buffers()
    rows = []
    for threads in options.threads:
        rows += measure(options.networks, threads, options.steps, options.turns)
    notes = [
        common.machine(),
        f"Medians of {options.turns} interleaved turns. A turn is {options.steps} steps of one "
        f"network, {options.steps} / K of K, scaled to an epoch of {EXAMPLES // BATCH}; evaluation "
        "is not in it. Shares and ratios are medians of those within a turn.",
    ]
    common.publish("training", pd.DataFrame(rows), notes, options.output)


if __name__ == "__main__":
    main()
