"""Rule record_activations: the hidden layers of all networks of one learning rate."""

from pathlib import Path

from adapter import run
from lmc import activations as recording
from lmc import device as devices
from lmc import tables
from lmc.networks.build import build


def record_activations(
    dataset: str,
    checkpoints: str,
    activations: str,
    network: dict,
    examples: int | None,
    positions: int,
    device: str,
    provenance: dict,
) -> None:
    """Write ``<activations>/<network>.parquet`` for every network that did not diverge."""
    data = tables.read_dataset(dataset)
    built = build(network, data)
    chosen = devices.resolve(device)
    samples = recording.chosen_samples(data, examples, positions, provenance["seed"])
    folder = Path(activations)
    folder.mkdir(parents=True, exist_ok=True)
    for number, parameters in tables.read_checkpoints(checkpoints, provenance).items():
        with tables.activation_writer(
            folder / f"{number}.parquet",
            built.hidden_widths,
            provenance,
            devices.describe(chosen),
        ) as write:
            for some, batch in recording.record(built, parameters, data, samples, chosen):
                write(vars(some), batch)
        print(f"network {number}: {len(samples.example)} samples")


if "snakemake" in globals():
    run(record_activations, snakemake)  # noqa: F821
