"""Rule prepare_dataset: a registered data set, as a table."""

from adapter import run
from lmc_ot.data import REGISTRY
from lmc_ot.data.table import write_dataset


def prepare_dataset(dataset: str, block: dict, provenance: dict) -> None:
    """Load the data set that a config's `block` describes and write it to `dataset`."""
    write_dataset(dataset, REGISTRY.build(block), provenance)


if "snakemake" in globals():
    run(prepare_dataset, snakemake)  # noqa: F821
