"""Rule record_activations: the hidden activations of all networks of one setting."""

from pathlib import Path

from adapter import execute
from lmc_ot import tables
from lmc_ot.data.table import read_dataset
from lmc_ot.matching import recording
from lmc_ot.networks.build import build
from lmc_ot.training.device import describe, resolve


def record_activations(
    dataset: str,
    checkpoints: str,
    activations: str,
    network: dict,
    examples: int | None,
    positions: int,
    device: str,
    run: dict,
) -> None:
    """Write ``<activations>/<network>.parquet`` for every network that did not diverge."""
    data = read_dataset(dataset)
    built = build(network, data)
    resolved = resolve(device)
    samples = recording.chosen_samples(data, examples, positions, run["seed"])
    folder = Path(activations)
    folder.mkdir(parents=True, exist_ok=True)
    for number, parameters in tables.read_checkpoints(checkpoints, run).items():
        with tables.activation_writer(
            folder / f"{number}.parquet",
            built.hidden_widths,
            run,
            describe(resolved),
        ) as write:
            for some, batch in recording.record(built, parameters, data, samples, resolved):
                write(vars(some), batch)
        print(f"network {number}: {len(samples.example)} samples recorded")


if "snakemake" in globals():
    execute(record_activations, snakemake)  # noqa: F821
