"""Rule tabulate_theory: the curves and slopes of an experiment on a theorem."""

from adapter import execute
from lmc_ot import tables
from lmc_ot.tables.csv import write_csv
from lmc_ot.theory import REGISTRY, rates


def tabulate_theory(
    measurements: str, curves: str, slopes: str, digests: list, theory: dict, run: dict
) -> None:
    """Write the means by size, and the fitted and predicted slopes."""
    experiment = REGISTRY.build(theory)
    measured = tables.read("theory", measurements, run=run).to_pandas()
    write_csv(curves, rates.curves(measured), digests[0])
    write_csv(slopes, rates.slopes(measured, experiment.predictions()), digests[1])


if "snakemake" in globals():
    execute(tabulate_theory, snakemake)  # noqa: F821
