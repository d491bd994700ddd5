"""What an import costs: the Snakefile and the numeric jobs must not load what they don't use."""

import itertools
import json
import subprocess
import sys

import numpy as np
import pytest

from lmc_ot import matching, tables
from lmc_ot.data.dataset import Dataset, Split
from lmc_ot.data.table import write_dataset
from lmc_ot.networks.groups.chain import chain as chain_of
from lmc_ot.networks.groups.table import write_groups
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
        (
            "lmc_ot.networks.groups.table, lmc_ot.matching.sources",
            TORCH | DRAWING | {"pandas", "sklearn"},
        ),
        (all_of(matching), TORCH | DRAWING | {"pandas", "sklearn"}),
        ("match", TORCH | DRAWING | {"pandas", "sklearn"}),
        (
            "lmc_ot.reporting.results, lmc_ot.reporting.comparison, lmc_ot.matching.table",
            TORCH | DRAWING | {"sklearn"},
        ),
        (all_of(panels), TORCH | DRAWING | {"sklearn"}),
        ("collect, compare_published, tabulate_panel", TORCH | DRAWING | {"sklearn"}),
    ],
    "networks": [
        (
            "train, evaluate_path, record_activations, derive_groups",
            DRAWING | {"torchvision", "sklearn", "pandas"},
        )
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


RUN = {
    "experiment": "e", "axis": "training.learning_rate", "value": 0.1,
    "config_hash": "0" * 16, "seed": 0,
}  # fmt: skip
# A job of rule match, called as by the adapter.
MATCH = """
import json, sys
sys.path.insert(0, sys.argv[1])
from match import match
match(**json.loads(sys.argv[2]))
print(*sys.modules)
"""


@pytest.mark.parametrize("names", [["naive_wm", "weight_matching"], matching.REGISTRY.names])
def test_a_job_that_reads_weights_and_recorded_activations_loads_no_torch(
    repository, tmp_path, stream, names
):
    weights = {"1.weight": (5, 16), "2.weight": (4, 5), "3.weight": (3, 4)}
    networks = {
        number: {k: stream.normal(size=s).astype(np.float32) for k, s in weights.items()}
        for number in (0, 1)
    }
    kinds = ("checkpoints", "groups", "dataset", "permutations", "objectives", "dimensions")
    paths = {kind: str(tmp_path / f"{kind}.parquet") for kind in kinds}
    tables.write_checkpoints(paths["checkpoints"], networks, RUN, "cpu", [])
    write_groups(paths["groups"], chain_of({name: len(w) for name, w in networks[0].items()}), {})
    if "am" in names:
        split = Split(stream.integers(0, 256, (30, 4, 4)).astype(np.uint8), np.arange(30) % 3)
        write_dataset(paths["dataset"], Dataset(split, split, classes=3, scale=255.0), {})
        for number in networks:
            path = tmp_path / f"activations/{number}.parquet"
            path.parent.mkdir(exist_ok=True)
            with tables.activation_writer(path, {"phi_1": 5, "phi_2": 4}, RUN, "cpu") as write:
                samples = {"example": np.arange(30), "y": np.zeros(30), "x": np.zeros(30)}
                write(samples, [stream.random((30, n)).astype(np.float32) for n in (5, 4)])
        paths["activations"] = str(tmp_path / "activations")
    else:
        del paths["dataset"]
    called = {
        "matchers": {name: {"name": name} for name in names}, "code": dict.fromkeys(names, "code"),
        "freeze": [], "pairs": [[0, 1]], "streamed": {}, "recording": [], "run": RUN,
    }  # fmt: skip
    scripts = repository / "workflow" / "scripts"
    command = [sys.executable, "-c", MATCH, str(scripts), json.dumps({**paths, **called})]
    answer = subprocess.run(command, capture_output=True, text=True)
    assert answer.returncode == 0, answer.stderr
    assert (TORCH | DRAWING) & set(answer.stdout.splitlines()[-1].split()) == set()
    found = tables.read("permutations", paths["permutations"], ["matcher"])["matcher"].to_pylist()
    assert set(found) == set(names)
