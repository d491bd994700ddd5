"""Seconds of the paper's whole MNIST sweep: 48 networks, 6 learning rates, 50 epochs.

The experiment is read from ``config/paper.yaml``. `lmc_ot.training.loop.train` trains all its
networks on one device, including the evaluations after every epoch. ``--stacks rate`` trains one
learning rate after another, as the workflow's jobs do. ``--stacks all`` trains all networks as one
stack, which is possible because the random streams of a network depend only on its learning rate
and number.

The share of the peak is defined as in `benchmarks/training.py`: the rate of counted operations
divided by that of the fastest float32 product. Products of several sizes are measured before every
stack and after the last one.

    .venv/bin/python benchmarks/sweep.py --output
    .venv/bin/python benchmarks/sweep.py --epochs 2 --output

The first command measures the whole sweep and writes ``results/sweep_<device>_<stacks>``. A
shortened run (``--epochs``, ``--networks``) states that it is shortened and adds a row with an
extrapolation to the whole sweep: the missing epochs take as long as those after the first, and the
time grows with the number of networks. The tables of shortened runs are called
``..._extrapolated``.
"""

import argparse
import math
import statistics
import time

import common
import pandas as pd
import torch
import yaml
from matching import dataset
from training import PRODUCTS, operations, product

from lmc_ot.config.completion import complete
from lmc_ot.networks.build import build
from lmc_ot.registries import REGISTRIES
from lmc_ot.training.device import describe, keep_large_buffers, resolve
from lmc_ot.training.loop import train
from lmc_ot.training.optimisers import REGISTRY as OPTIMISERS
from lmc_ot.training.settings import NetworkId, TrainingConfig

ROOT = common.SCRIPTS.parents[1]
CONFIG, EXPERIMENT = "config/paper.yaml", "mnist-mlp"
GOAL = 30.0  # seconds, on a GPU of the H200's class
NOTEBOOK = 25.7 * 60  # seconds of the authors' notebook, on a GPU of a cloud
LARGE = [(1, n, n, n) for n in (4096, 8192)]  # a GPU needs them to reach its peak
PRODUCT_SECONDS = 0.2


def experiment(epochs: int | None, networks: int | None) -> tuple[dict, int, int]:
    """The experiment, shortened if requested; and its full epochs and networks per rate."""
    text = yaml.safe_load((ROOT / CONFIG).read_text())
    found = complete(text, ROOT / "workflow/schemas/config.schema.yaml", REGISTRIES)
    block = found["experiments"][EXPERIMENT] | {"seed": found["seed"]}
    whole = block["training"]["epochs"], block["networks"]
    block["training"]["epochs"] = min(epochs or whole[0], whole[0])
    block["networks"] = min(networks or whole[1], whole[1])
    return block, *whole


class Peak:
    """The device's rate of float32 products.

    Parameters
    ----------
    networks
        The number of stacked networks, whose products are also measured.
    """

    def __init__(self, device: torch.device, networks: int):
        sizes = [*PRODUCTS, *((networks, 500, inputs, 512) for inputs in (784, 512))]
        if device.type != "cpu":
            sizes += LARGE
        self.device, self.rates = device, {}
        self.sizes = list(dict.fromkeys(sizes))

    def measure(self) -> None:
        """Measure every product once, each for about the same time."""
        for size in self.sizes:
            with torch.device(self.device):
                self._seconds(size, 1)
                times = max(1, round(PRODUCT_SECONDS / self._seconds(size, 1)))
                rate = times * 2 * math.prod(size) / self._seconds(size, times)
            self.rates.setdefault(size, []).append(rate)

    def _seconds(self, size, times: int) -> float:
        task = product(times, *size)
        self._wait()
        begin = time.perf_counter()
        task(0)
        self._wait()
        return time.perf_counter() - begin

    def _wait(self) -> None:
        if self.device.type == "cuda":
            torch.cuda.synchronize()

    def found(self) -> tuple[str, float]:
        """The fastest product, and its operations per second."""
        medians = {size: statistics.median(rates) for size, rates in self.rates.items()}
        size = max(medians, key=medians.get)
        return " x ".join(map(str, size)), medians[size]


def sweep(block: dict, data, device: torch.device, stacks: str) -> tuple[list[dict], Peak]:
    """One row per stack: its networks, its seconds, and the seconds of an epoch after the first."""
    network = build(block["network"], data)
    rates, numbers = list(block["values"].values()), range(block["networks"])
    parts = {f"learning rate {rate:.3g}": [NetworkId(n, rate) for n in numbers] for rate in rates}
    if stacks == "all":
        parts = {"one stack": [network for networks in parts.values() for network in networks]}
    peak = Peak(device, len(next(iter(parts.values()))))
    rows = []
    for name, networks in parts.items():
        peak.measure()
        begin = time.perf_counter()
        found = train(
            network,
            data,
            networks,
            TrainingConfig.of(block["training"]),
            OPTIMISERS.build(block["training"]["optimiser"]),
            block["seed"],
            device,
            report=lambda line, name=name: print(f"{name}: {line}", flush=True),
        )
        seconds = time.perf_counter() - begin
        after = {row["epoch"]: row["seconds"] for row in found.history if row["epoch"]}
        epochs = len(after)
        pace = (after[epochs] - after[1]) / (epochs - 1) if epochs > 1 else after[1]
        row = {"what": name, "networks": len(networks), "epochs": epochs, "seconds": seconds}
        rows.append({**row, "pace": pace, "diverged": len(found.diverged)})
    peak.measure()
    return rows, peak


def table(rows: list[dict], whole: tuple[int, int], step: float, top: float) -> pd.DataFrame:
    """The stacks, their sum and, for a shortened run, the extrapolation to the whole sweep.

    Parameters
    ----------
    rows
        The result of `sweep`.
    whole
        The epochs and networks of the whole sweep.
    step
        The number of operations per network and epoch.
    top
        The peak rate in operations per second.
    """
    epochs, networks = rows[0]["epochs"], sum(row["networks"] for row in rows)
    total = {key: sum(row[key] for row in rows) for key in ("seconds", "pace", "diverged")}
    cut = (epochs, networks) != whole
    name = "all of this run" if cut else "the whole sweep"
    kinds = [{"kind": "measured", **row} for row in rows]
    kinds.append({"kind": "measured", "what": name, "networks": networks, "epochs": epochs} | total)
    if cut:
        missing = (whole[0] - epochs) * total["pace"]
        seconds = (total["seconds"] + missing) * whole[1] / networks
        kinds.append(
            {
                "kind": "EXTRAPOLATED",
                "what": "the whole sweep",
                "networks": whole[1],
                "epochs": whole[0],
                "seconds": seconds,
            }
        )
    for row in kinds:
        row.pop("pace", None)
        done = row["networks"] * row["epochs"]
        row["s per network and epoch"] = row["seconds"] / done
        row["GFLOP/s"] = done * step / row["seconds"] / 1e9
        row["share of peak"] = done * step / row["seconds"] / top
        if row["what"] == "the whole sweep":
            row["time / goal"] = row["seconds"] / GOAL
            row["notebook / time"] = NOTEBOOK / row["seconds"]
    return pd.DataFrame(kinds)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--device", default="auto", help="auto, cpu or cuda")
    parser.add_argument("--stacks", choices=("rate", "all"), default="rate")
    parser.add_argument("--epochs", type=int, help="fewer epochs than in the config")
    parser.add_argument(
        "--networks", type=int, help="fewer networks per learning rate than in the config"
    )
    parser.add_argument("--threads", type=int, help="CPU threads; the default is that of torch")
    parser.add_argument("--output", action="store_true", help="write benchmarks/results/sweep_*")
    options = parser.parse_args()
    if options.threads:
        torch.set_num_threads(options.threads)
    keep_large_buffers()
    device = resolve(options.device)
    block, epochs, networks = experiment(options.epochs, options.networks)
    data, source = dataset()
    rows, peak = sweep(block, data, device, options.stacks)
    widths = [math.prod(data.shape), *block["network"]["hidden_widths"], data.classes]
    batch = block["training"]["batch_size"]
    examples = len(data.train.labels) // batch * batch
    name, top = peak.found()
    whole = epochs, networks * len(block["values"])
    frame = table(rows, whole, examples * operations(widths), top)
    cut = (frame["kind"] != "measured").any()
    notes = [
        common.machine(),
        f"{describe(device)}, {torch.get_num_threads()} threads of the CPU, {source}. The peak, "
        f"{top / 1e9:,.0f} GFLOP/s, is that of the product {name}. Goal: {GOAL:g} s on a GPU of "
        f"the H200's class; the authors' notebook took {NOTEBOOK / 60:.1f} minutes of a cloud GPU.",
    ]
    if cut:
        notes.append(
            "SHORTENED: the last row is an extrapolation, not a measurement. Missing epochs take "
            "as long as those after the first, and the time grows with the number of networks."
        )
    common.publish(
        f"sweep_{device.type}_{options.stacks}" + ("_extrapolated" if cut else ""),
        frame,
        notes,
        options.output,
    )


if __name__ == "__main__":
    main()
