"""What an import costs: the Snakefile and the numeric jobs must not load what they don't use."""

import itertools
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


# What must not be loaded by which modules. One process imports all of a chain, one after another:
# each may load whatever those before it may.
CHAINS = {
    "nothing heavy, then numbers, then drawing": [
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
        ("draw_figure", TORCH | {"scipy", "sklearn"}),
    ],
    "matching, then reporting": [
        ("lmc_ot.matching.solver", TORCH | DRAWING | {"pandas", "sklearn"}),
        (all_of(matching), TORCH | DRAWING | {"pandas", "sklearn"}),
        ("match, approximate_dimension", TORCH | DRAWING | {"pandas", "sklearn"}),
        (
            "lmc_ot.reporting.results, lmc_ot.reporting.comparison, lmc_ot.matching.table",
            TORCH | DRAWING | {"sklearn"},
        ),
        (all_of(panels), TORCH | DRAWING | {"sklearn"}),
        ("collect, compare_published, tabulate_panel", TORCH | DRAWING | {"sklearn"}),
    ],
    "networks": [
        ("train, evaluate_path, record_activations", DRAWING | {"torchvision", "sklearn", "pandas"})
    ],
}

PROGRAM = """
import sys
sys.path.insert(0, sys.argv[1])
for names in sys.argv[2:]:
    for name in names.split(", "):
        __import__(name)
    print(*sys.modules)
"""


@pytest.mark.parametrize(
    "chain",
    [
        pytest.param(chain, marks=pytest.mark.slow if chain == "networks" else ())
        for chain in CHAINS
    ],
)
def test_importing_loads_nothing_heavy(repository, chain):
    imported, heavy = zip(*CHAINS[chain], strict=True)
    assert all(later <= earlier for earlier, later in itertools.pairwise(heavy))
    scripts = repository / "workflow" / "scripts"
    command = [sys.executable, "-c", PROGRAM, str(scripts), *imported]
    answer = subprocess.run(command, capture_output=True, text=True)
    assert answer.returncode == 0, answer.stderr
    for names, forbidden, loaded in zip(imported, heavy, answer.stdout.splitlines(), strict=True):
        assert forbidden & set(loaded.split()) == set(), names
