"""Rule prepare_dataset: a registered data set, as a table."""

from adapter import run
from lmc import tables
from lmc.datasets import REGISTRY


def prepare_dataset(
    dataset: str, name: str, options: dict, standardise: str | dict | None, provenance: dict
) -> None:
    """Load data set `name` with its options and write it to `dataset`."""
    data = REGISTRY.get(name)(**options)
    if standardise is not None:
        data = data.standardised(**({} if standardise == "measured" else standardise))
    tables.write_dataset(dataset, data, provenance)


if "snakemake" in globals():
    run(prepare_dataset, snakemake)  # noqa: F821
