"""Rule measure_theory: all measurements of an experiment on a theorem."""

from adapter import execute
from lmc_ot import tables
from lmc_ot.theory import REGISTRY


def measure_theory(measurements: str, label: str, theory: dict, run: dict) -> None:
    """Measure every size and repetition of the experiment described by the block `theory`."""
    experiment = REGISTRY.build(theory)
    rows = []
    for row in experiment.measure(run["seed"]):
        rows.append({"theory": label, **row._asdict()})
        print(f"{row.quantity}, {row.series}, {row.size}, {row.repetition}: {row.value}")
    tables.write_rows("theory", measurements, rows, run)


if "snakemake" in globals():
    execute(measure_theory, snakemake)  # noqa: F821
