"""What an import costs: the Snakefile and the numeric jobs must not load what they don't use."""

import subprocess
import sys

import pytest

from lmc_ot import matching
from lmc_ot.reporting import panels

TORCH = {"torch", "torchvision"}
DRAWING = {"matplotlib"}
NUMBERS = {"numpy", "pandas", "scipy", "pyarrow", "sklearn"}


def all_of(package):
    """The modules of all that is registered there."""
    return ", ".join(sorted({package.REGISTRY.module(name) for name in package.REGISTRY.names}))


MODULES = [
    ("lmc_ot, lmc_ot.cli", TORCH | DRAWING | NUMBERS | {"yaml", "jsonschema"}),
    (
        "lmc_ot.errors, lmc_ot.environment, lmc_ot.reporting.published, lmc_ot.provenance.code",
        TORCH | DRAWING | NUMBERS,
    ),
    ("lmc_ot.config.completion", TORCH | DRAWING | NUMBERS),
    (
        "lmc_ot.registries, lmc_ot.data, lmc_ot.networks, lmc_ot.training.optimisers, "
        "lmc_ot.matching, lmc_ot.reporting.panels, lmc_ot.reporting.figures",
        TORCH | DRAWING | NUMBERS,
    ),
    ("lmc_ot.tables", TORCH | DRAWING | {"pandas", "scipy", "sklearn"}),
    ("lmc_ot.matching.solver", TORCH | DRAWING | {"pandas", "sklearn"}),
    (
        "lmc_ot.reporting.results, lmc_ot.reporting.comparison, lmc_ot.matching.table",
        TORCH | DRAWING | {"sklearn"},
    ),
    (all_of(matching), TORCH | DRAWING | {"pandas", "sklearn"}),
    (all_of(panels), TORCH | DRAWING | {"sklearn"}),
    # scripts
    ("match", TORCH | DRAWING | {"pandas", "sklearn"}),
    ("approximate_dimension", TORCH | DRAWING | {"pandas", "sklearn"}),
    ("collect, compare_published, tabulate_panel", TORCH | DRAWING | {"sklearn"}),
    ("draw_figure", TORCH | {"scipy", "sklearn"}),
    ("train, evaluate_path, record_activations", DRAWING | {"torchvision", "sklearn", "pandas"}),
]

PROGRAM = """
import sys
sys.path.insert(0, sys.argv[1])
for name in sys.argv[2].split(", "):
    __import__(name)
print("\\n".join(sys.modules))
"""


@pytest.mark.parametrize(("imported", "heavy"), MODULES, ids=[m for m, _ in MODULES])
def test_importing_loads_nothing_heavy(repository, imported, heavy):
    scripts = repository / "workflow" / "scripts"
    command = [sys.executable, "-c", PROGRAM, str(scripts), imported]
    answer = subprocess.run(command, capture_output=True, text=True)
    assert answer.returncode == 0, answer.stderr
    assert heavy & set(answer.stdout.split()) == set()
