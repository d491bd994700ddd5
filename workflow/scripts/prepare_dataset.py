"""Rule prepare_dataset: a registered data set, as a table."""

from adapter import execute
from lmc_ot.data import REGISTRY
from lmc_ot.data.table import write_dataset


def prepare_dataset(
    dataset: str, name: str, options: dict, standardise: str | dict | None, run: dict
) -> None:
    """Load data set `name` with its options and write it to `dataset`."""
    data = REGISTRY.get(name)(**options)
    if standardise is not None:
        data = data.standardised(**({} if standardise == "measured" else standardise))
    write_dataset(dataset, data, run)


if "snakemake" in globals():
    execute(prepare_dataset, snakemake)  # noqa: F821
