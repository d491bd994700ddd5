"""Any torch module as the network of an experiment: from its graph to the figures."""

import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from lmc_ot import tables
from lmc_ot.networks.groups.table import read_groups
from support import snakemake, succeeds

pytestmark = pytest.mark.slow

# A residual network and attention in a few lines, with a module of the package beside it.
OWN = """
from torch import nn

WIDTH = 6


class Net(nn.Module):
    def __init__(self, classes):
        super().__init__()
        self.first = nn.Conv2d(1, WIDTH, 3, 2, 1)
        self.inside = nn.Sequential(
            nn.Conv2d(WIDTH, 8, 3, 1, 1), nn.BatchNorm2d(8), nn.ReLU(), nn.Conv2d(8, WIDTH, 1)
        )
        self.head = nn.Linear(WIDTH, classes)

    def forward(self, images):
        values = self.first(images).relu()
        return self.head((values + self.inside(values)).mean((2, 3)))
"""
MATCHERS = {name: {} for name in ("identity", "naive_wm", "sigma_wm", "am", "weight_matching")}
NETWORKS = {
    "own": {"name": "module", "target": "nets/own.py:Net", "arguments": {"classes": 10}},
    "vit": {"name": "vit", "patch": 4, "depth": 1, "heads": 2, "width": 8},
    "resnet18": {
        "name": "module",
        "target": "torchvision.models:resnet18",
        "arguments": {"num_classes": 10},
        "channels": 3,
    },
}


def config() -> dict:
    """A pair of each network, a few steps each, to a figure of all of it."""
    experiments = {
        name: {
            "dataset": {"name": "digits"},
            "network": network,
            "training": {"batch_size": 400, "epochs": 1},
            "sweep": {"training.learning_rate": [0.05]},
            "networks": 2,
            "matchers": dict(MATCHERS),
            "activations": {"examples": 60},
            "path": {"points": 3, "train_examples": 60},
        }
        for name, network in NETWORKS.items()
    }
    # One start is enough for a network of eleven million parameters.
    experiments["resnet18"]["matchers"]["weight_matching"] = {"starts": 1, "sweeps": 1}
    panels = [{"name": "lmc_error", "experiment": name} for name in NETWORKS]
    layers = [{"name": "dimension_by_layer", "experiment": name} for name in NETWORKS]
    figures = {"errors": {"panels": panels}, "layers": {"panels": layers}}
    return {"name": "nets", "experiments": experiments, "figures": figures}


@pytest.fixture(scope="module")
def finished(tmp_path_factory):
    """A folder in which all networks ran, and the config."""
    folder = tmp_path_factory.mktemp("nets")
    (folder / "configs/nets").mkdir(parents=True)
    (folder / "configs/nets/own.py").write_text(OWN)
    path = folder / "configs/nets.yaml"
    path.write_text(yaml.safe_dump(config(), sort_keys=False))
    succeeds(snakemake(folder, "--configfile", path))
    return folder, path


def test_any_module_is_trained_matched_and_drawn(finished):
    folder, _ = finished
    results = tables.read("results", folder / "results/nets/results.parquet").to_pandas()
    for name in NETWORKS:
        found = results[results["experiment"] == name]
        assert set(found["matcher"]) == set(MATCHERS)
        assert found["midpoint_loss"].notna().all()
        assert found["calibrated"].eq(name != "vit").all()
        matched = found[found["matcher"] == "weight_matching"].iloc[0]
        assert sum(matched["objective"]) > sum(matched["identity_objective"])
    for figure in ("errors", "layers"):
        assert (folder / f"paper_figures/nets/{figure}.png").stat().st_size > 10_000


def test_groups_are_in_a_table_and_in_the_report(finished):
    folder, _ = finished
    expected = {"own": 2, "vit": 4, "resnet18": 12}
    for path in (folder / "results/nets/groups").iterdir():
        about = tables.metadata("groups", path)
        [name] = [n for n, block in NETWORKS.items() if _same(block, about["network"])]
        groups = read_groups(path)
        assert len(groups) == expected.pop(name)
        assert about["error"] < 1e-9
        text = (folder / f"paper_figures/nets/groups/{path.stem}.txt").read_text()
        assert "Verified" in text and all(group.name in text for group in groups)
    assert not expected


def _same(block: dict, completed: dict) -> bool:
    name = block.get("target", block["name"]).rpartition(":")[2]
    return completed.get("target", completed["name"]).rpartition(":")[2] == name


def test_an_edit_of_ones_own_file_runs_its_jobs_again_and_no_others(finished):
    folder, path = finished
    assert "Nothing to be done" in succeeds(snakemake(folder, "--configfile", path, "-n"))
    own = folder / "configs/nets/own.py"
    before = own.read_text()
    own.write_text(before.replace("WIDTH = 6", "WIDTH = 5"))
    try:
        planned = succeeds(snakemake(folder, "--configfile", path, "-n", "--quiet"))
        planned = succeeds(snakemake(folder, "--configfile", path, "-n"))
    finally:
        own.write_text(before)
    assert "train own at" in planned and "derive the groups of module-" in planned
    assert "train vit at" not in planned and "train resnet18 at" not in planned


def test_the_command_prints_the_groups_of_a_config(finished):
    folder, path = finished
    printed = subprocess.run(
        [Path(sys.executable).parent / "lmc-ot", "groups", path, "--controls", "1"],
        cwd=folder,
        capture_output=True,
        text=True,
    )
    assert printed.returncode == 0, printed.stderr
    for name in ("first", "embedding", "layer4.1.conv1", "Verified"):
        assert name in printed.stdout


@pytest.mark.parametrize(
    ("network", "named"),
    [
        ({**NETWORKS["own"], "target": "nets/none.py:Net"}, ["nets/none.py", "beside the config"]),
        ({**NETWORKS["own"], "target": "nets/own.py:Nat"}, ["Nat", "Net"]),
        ({**NETWORKS["own"], "arguments": {"class": 10}}, ["nets/own.py:Net", "class"]),
        ({**NETWORKS["resnet18"], "channels": None}, ["images of 1 x 8 x 8"]),
        ({"name": "vit", "patch": 3}, ["patch"]),
    ],
    ids=["no file", "no name", "arguments", "channels", "patch"],
)
def test_a_network_that_cannot_be_is_refused_in_one_line(network, named, finished, tmp_path):
    folder, _ = finished
    changed = config()
    changed["experiments"] = {"own": changed["experiments"]["own"] | {"network": network}}
    changed["figures"] = {}
    path = folder / "configs/bad.yaml"
    path.write_text(yaml.safe_dump(changed | {"name": "bad"}, sort_keys=False))
    run = snakemake(tmp_path, "--configfile", path)
    assert run.returncode != 0
    lines = [line for line in run.stdout.splitlines() if all(part in line for part in named)]
    assert lines, run.stdout[-2000:]
    assert not list((tmp_path / "results").rglob("checkpoints.parquet"))
