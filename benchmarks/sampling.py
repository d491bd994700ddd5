"""The error of recorded positions of convolutions, compared with activations at all positions.

Activation matching from recorded activations uses some positions of every image; activations that
are computed on the fly cover all positions. For the first pair of a finished run, this measures by
layer and number of recorded positions per image: the relative error of the cross covariance
(Frobenius norm), the share of units with the same match, and the objective of the permutation,
scaled so that 0 is the mean over random permutations and 1 is the optimum.

    .venv/bin/python benchmarks/sampling.py [config file] [experiment]
"""

import argparse
from pathlib import Path

import numpy as np
import pandas as pd
import torch
import yaml
from common import machine, publish
from scipy.optimize import linear_sum_assignment

from lmc_ot import tables
from lmc_ot.config.completion import complete
from lmc_ot.data.table import read_dataset
from lmc_ot.matching.forward import StreamedMoments
from lmc_ot.matching.moments import InMemory, NetworkMoments
from lmc_ot.matching.recording import chosen_samples, record
from lmc_ot.networks.build import build
from lmc_ot.networks.graph import Graph
from lmc_ot.networks.groups.derive import derive
from lmc_ot.registries import REGISTRIES

ROOT = Path(__file__).resolve().parents[1]
POSITIONS = (1, 4, 16)


def rows(config: str, experiment: str) -> list[dict]:
    """One row for every number of positions and hidden layer."""
    text = yaml.safe_load((ROOT / config).read_text())
    block = complete(text, ROOT / "workflow/schemas/config.schema.yaml", REGISTRIES)["experiments"][
        experiment
    ]
    folder = ROOT / "results" / text["name"]
    data = read_dataset(next((folder / "datasets").glob(f"{block['dataset']['name']}*.parquet")))
    network = build(block["network"], data)
    path = max((folder / experiment).glob("*/checkpoints.parquet"), key=_rate)
    a, b = list(tables.read_checkpoints(path).values())[:2]
    inputs = data.inputs("train")
    example = network.images(torch.from_numpy(inputs[:2]))
    groups, graph = derive(network.module, example), Graph(network.module, example)
    streamed = [StreamedMoments(network, graph, groups, one, inputs) for one in (a, b)]
    found = []
    for positions in POSITIONS:
        samples = chosen_samples(data, None, positions, 0)
        taps = [tap for group in groups for tap in group.taps]
        recorded = [_recorded(network, graph, taps, one, data, samples) for one in (a, b)]
        for layer, group in enumerate(groups, start=1):
            tap, units = group.taps[0], group.units
            exact, estimate = (
                moments[0].cross(tap, moments[1]).at(tap.places).covariance
                for moments in (streamed, recorded)
            )
            best, ours = (linear_sum_assignment(s, maximize=True)[1] for s in (exact, estimate))
            mean, top = exact.sum() / units, exact[np.arange(units), best].sum()
            found.append(
                {
                    "positions": positions,
                    "layer": layer,
                    "relative error": np.linalg.norm(estimate - exact) / np.linalg.norm(exact),
                    "same match": float(np.mean(best == ours)),
                    "objective": (exact[np.arange(units), ours].sum() - mean) / (top - mean),
                }
            )
    return found


def _rate(path: Path) -> float:
    return float(path.parent.name.split("-", 1)[1])


def _recorded(network, graph, taps, parameters, data, samples) -> NetworkMoments:
    batches = [values for _, values in record(network, graph, taps, parameters, data, samples)]
    values = [np.concatenate(parts) for parts in zip(*batches, strict=True)]
    names = [tap.value for tap in taps]
    return NetworkMoments(InMemory(dict(zip(names, values, strict=True))))


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("config", nargs="?", default="config/config.yaml")
    parser.add_argument("experiment", nargs="?", default="digits-convnet")
    parser.add_argument("--output", action="store_true", help="write benchmarks/results/")
    arguments = parser.parse_args()
    frame = pd.DataFrame(rows(arguments.config, arguments.experiment))
    publish("sampling", frame, [machine()], arguments.output)
