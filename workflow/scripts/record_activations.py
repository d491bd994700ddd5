"""Rule record_activations: the hidden activations of all networks of one setting."""

from itertools import chain
from pathlib import Path

import torch

from adapter import execute
from lmc_ot import tables
from lmc_ot.data.table import read_dataset
from lmc_ot.matching import recording
from lmc_ot.networks.build import build
from lmc_ot.networks.graph import Graph
from lmc_ot.networks.groups.table import read_groups
from lmc_ot.training.device import describe, resolve


def record_activations(
    dataset: str,
    checkpoints: str,
    groups: str,
    activations: str,
    network: dict,
    examples: int | None,
    positions: int,
    device: str,
    run: dict,
) -> None:
    """Write ``<activations>/<network>.parquet`` for every network that did not diverge."""
    data = read_dataset(dataset)
    built = build(network, data, logits=False)
    resolved = resolve(device)
    graph = Graph(built.module, built.images(torch.from_numpy(data.inputs("train")[:2])), resolved)
    found = read_groups(groups)
    taps = list({tap.value: tap for group in found for tap in group.taps}.values())
    samples = recording.chosen_samples(data, examples, positions, run["seed"])
    folder = Path(activations)
    folder.mkdir(parents=True, exist_ok=True)
    for number, parameters in tables.read_checkpoints(checkpoints, run).items():
        batches = recording.record(built, graph, taps, parameters, data, samples, resolved)
        first = next(batches)
        widths = {tap.value: part.shape[1] for tap, part in zip(taps, first[1], strict=True)}
        path = folder / f"{number}.parquet"
        with tables.activation_writer(path, widths, run, describe(resolved)) as write:
            for some, batch in chain([first], batches):
                write(vars(some), batch)
        print(f"network {number}: {len(samples.example)} samples recorded")


if "snakemake" in globals():
    execute(record_activations, snakemake)  # noqa: F821
