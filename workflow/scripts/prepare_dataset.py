"""Rule prepare_dataset: a registered data set, written as a table."""

from adapter import execute
from lmc_ot.data import REGISTRY
from lmc_ot.data.table import write_dataset


def prepare_dataset(dataset: str, block: dict, run: dict) -> None:
    """Load the data set described by a `block` of the config and write it to `dataset`."""
    write_dataset(dataset, REGISTRY.build(block), run)


if "snakemake" in globals():
    execute(prepare_dataset, snakemake)  # noqa: F821
