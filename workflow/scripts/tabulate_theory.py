"""Rule tabulate_theory: curves and slopes of an experiment on a theorem."""

from adapter import run
from lmc import frames, tables
from lmc.theory import REGISTRY, rates


def tabulate_theory(
    measurements: str, curves: str, slopes: str, digests: list, theory: dict, provenance: dict
) -> None:
    """Tabulate means by size, and fitted slopes beside the predicted ones."""
    options = dict(theory)
    experiment = REGISTRY.get(options.pop("theory"))(**options)
    measured = tables.read("theory", measurements, provenance=provenance).to_pandas()
    frames.write_csv(curves, rates.curves(measured), digests[0])
    frames.write_csv(slopes, rates.slopes(measured, experiment.predictions()), digests[1])


if "snakemake" in globals():
    run(tabulate_theory, snakemake)  # noqa: F821
