"""Rule prepare_dataset: a registered data set, as a table."""

from adapter import run
from lmc import tables
from lmc.datasets import REGISTRY


def prepare_dataset(dataset: str, name: str, options: dict, provenance: dict) -> None:
    """Load data set `name` with its options and write it to `dataset`."""
    tables.write_dataset(dataset, REGISTRY.get(name)(**options), provenance)


if "snakemake" in globals():
    run(prepare_dataset, snakemake)  # noqa: F821
