"""Checkpoints of one's own, through the workflow: trained elsewhere, merged, and loaded again."""

import importlib.util
import os
import pickle
import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch
import torch.nn.functional as F
import yaml
from safetensors.torch import load_file, save_file

from lmc_ot import tables
from lmc_ot.data import REGISTRY
from support import REPOSITORY, snakemake, succeeds

pytestmark = pytest.mark.slow

CLASSES = '''
"""A residual network with batch norm, and a vision transformer."""

import torch
from torch import nn


class Residual(nn.Module):
    def __init__(self, width=8):
        super().__init__()
        self.enter = nn.Sequential(nn.Conv2d(1, width, 3, 2, 1, bias=False), nn.BatchNorm2d(width))
        self.inside = nn.Sequential(
            nn.Conv2d(width, width, 3, 1, 1), nn.BatchNorm2d(width), nn.ReLU(),
            nn.Conv2d(width, width, 3, 1, 1),
        )
        self.head = nn.Linear(width, 10)

    def forward(self, images):
        values = self.enter(images).relu()
        return self.head((values + self.inside(values)).relu().mean((2, 3)))


class Transformer(nn.Module):
    def __init__(self, width=8):
        super().__init__()
        self.patches = nn.Conv2d(1, width, 4, 4)
        self.places = nn.Parameter(torch.zeros(4, width))
        self.block = nn.TransformerEncoderLayer(width, 2, 16, 0.0, batch_first=True)
        self.head = nn.Linear(width, 10)

    def forward(self, images):
        return self.head(self.block(self.patches(images).flatten(2).mT + self.places).mean(1))
'''
MATCHERS = ["identity", "naive_wm", "sigma_wm", "am", "weight_matching"]


def config(**experiments) -> dict:
    common = {"dataset": {"name": "digits"}, "path": {"points": 3}, "activations": {"examples": 99}}
    return {
        "name": "own",
        "experiments": {name: {**common, **block} for name, block in experiments.items()},
        "figures": {
            "path": {"panels": [{"name": "along_path", "experiment": name} for name in experiments]}
        },
    }


def network(name: str) -> dict:
    return {"name": "module", "target": f"classes.py:{name}"}


def trained(network, seed: int) -> dict:
    """A state dict, trained for an epoch by a loop that knows nothing of this project."""
    torch.manual_seed(seed)
    optimiser = torch.optim.SGD(network.parameters(), lr=0.05, momentum=0.9)
    images, labels = examples("train")
    for part in torch.randperm(len(images)).split(50):
        optimiser.zero_grad()
        F.cross_entropy(network(images[part]), labels[part]).backward()
        optimiser.step()
    return network.state_dict()


def examples(split: str):
    data = REGISTRY.build({"name": "digits"})
    images = torch.from_numpy(data.inputs(split)).reshape(-1, 1, 8, 8)
    return images, torch.from_numpy(data.splits[split].labels)


def opened(folder: Path):
    spec = importlib.util.spec_from_file_location("classes", folder / "classes.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="module")
def run(tmp_path_factory) -> Path:
    """A folder with two classes, two checkpoints of each in different formats, and the run."""
    folder = tmp_path_factory.mktemp("own")
    (folder / "classes.py").write_text(CLASSES)
    classes = opened(folder)
    first, second = (trained(classes.Residual(), seed) for seed in (0, 1))
    torch.save(first, folder / "residual-0.pt")
    wrapped = {f"module.{name}": tensor for name, tensor in second.items()}
    torch.save({"epoch": 1, "state_dict": wrapped}, folder / "residual-1.pth")
    first, second = (trained(classes.Transformer(), seed) for seed in (0, 1))
    save_file({n: t.bfloat16() for n, t in first.items()}, folder / "transformer-0.safetensors")
    torch.save({n: t.half() for n, t in second.items()}, folder / "transformer-1.pt")
    everything = config(
        residual={
            "network": network("Residual"),
            "checkpoints": "residual-*.pt*",
            "matchers": {name: {} for name in MATCHERS},
        },
        transformer={
            "network": network("Transformer"),
            "checkpoints": ["transformer-0.safetensors", "transformer-1.pt"],
            "matchers": {"identity": {}, "weight_matching": {}},
        },
    )
    (folder / "config.yaml").write_text(yaml.safe_dump(everything))
    succeeds(snakemake(folder, "--configfile", folder / "config.yaml"))
    return folder


@pytest.fixture(scope="module")
def merged(run) -> pd.DataFrame:
    return pd.read_csv(run / "paper_figures/own/merged.csv")


def test_every_matcher_writes_what_the_table_says(run, merged):
    """Loaded strictly into the class it came from, every file reaches the loss in the table."""
    classes = {"residual": opened(run).Residual, "transformer": opened(run).Transformer}
    assert set(merged["matcher"]) == set(MATCHERS)
    assert len(merged) == (len(MATCHERS) + 2) * 2 * 2
    for row in merged.itertuples():
        file = run / f"results/own/{row.experiment}/checkpoints-1/merged" / row.file
        module = classes[row.experiment]()
        module.load_state_dict(load_file(file), strict=True)
        images, labels = examples(row.split)
        with torch.no_grad():
            logits = module.eval()(images)
        assert float(F.cross_entropy(logits, labels)) == pytest.approx(row.loss, rel=1e-4)
        assert float((logits.argmax(1) == labels).float().mean()) == pytest.approx(row.accuracy)


def test_permuted_networks_compute_what_the_given_ones_do(run, merged):
    for experiment in ("residual", "transformer"):
        rows = merged[(merged["experiment"] == experiment) & (merged["network"] == "permuted")]
        for _, of_split in rows.groupby("split"):
            np.testing.assert_allclose(of_split["loss"], of_split["loss"].iloc[0], rtol=1e-3)
    history = tables.read("history", run / "results/own/residual/checkpoints-1/history.parquet")
    (given,) = history.to_pandas().query("network == 1")["test_loss"]
    (same,) = merged.query("file == 'am/0-1/permuted.safetensors' and split == 'test'")["loss"]
    assert given == pytest.approx(same, rel=1e-5)


def test_files_are_in_the_types_they_came_in(run):
    folder = run / "results/own/transformer/checkpoints-1/merged/weight_matching/0-1"
    assert {t.dtype for t in load_file(folder / "midpoint.safetensors").values()} == {
        torch.bfloat16
    }
    assert {t.dtype for t in load_file(folder / "permuted.safetensors").values()} == {torch.half}
    folder = run / "results/own/residual/checkpoints-1/merged/am/0-1"
    state = load_file(folder / "permuted.safetensors")
    assert state["enter.1.num_batches_tracked"].dtype == torch.int64
    assert int(state["enter.1.num_batches_tracked"]) > 0


def test_results_and_figures_are_those_of_any_run(run):
    results = pd.read_csv(run / "paper_figures/own/results.csv")
    assert set(results["experiment"]) == {"residual", "transformer"}
    assert not results["midpoint_loss"].isna().any()
    test = results[(results["split"] == "test") & (results["experiment"] == "residual")]
    barriers = test.set_index("matcher")["barrier_loss"]
    assert barriers.drop("identity").min() < barriers["identity"]
    assert (run / "paper_figures/own/path.png").stat().st_size


def test_a_table_of_the_workflow_is_a_checkpoint_and_a_changed_file_is_imported_again(run):
    given = {"network": network("Residual"), "matchers": {"am": {}}}
    table = "results/own/residual/checkpoints-1/checkpoints.parquet"
    again = config(residual={**given, "checkpoints": ["residual-0.pt", table], "pairs": "first"})
    again["name"] = "again"
    (run / "again.yaml").write_text(yaml.safe_dump(again))
    target = "results/again/residual/checkpoints-1/merged.parquet"
    succeeds(snakemake(run, target, "--configfile", run / "again.yaml"))
    whole = tables.read_checkpoints(run / Path(target).parent / "checkpoints.parquet")
    assert list(whole) == [0, 1, 2]
    for name, array in whole[0].items():
        np.testing.assert_array_equal(array, whole[1][name])
    assert (run / Path(target).parent / "merged/am/0-2/midpoint.safetensors").exists()
    first = torch.load(run / "residual-0.pt", weights_only=True)
    torch.save({name: tensor + 0 for name, tensor in first.items()} | {
        "head.bias": first["head.bias"] + 1}, run / "residual-0.pt")  # fmt: skip
    planned = succeeds(snakemake(run, target, "-n", "--configfile", run / "again.yaml"))
    assert "import_checkpoints" in planned and "derive_groups" not in planned


def test_another_order_of_the_same_files_is_another_run(run):
    given = yaml.safe_load((run / "config.yaml").read_text())
    given["experiments"]["transformer"]["checkpoints"].reverse()
    (run / "reversed.yaml").write_text(yaml.safe_dump(given))
    planned = succeeds(snakemake(run, "-n", "--configfile", run / "reversed.yaml"))
    assert "import_checkpoints" in planned and "derive_groups" not in planned


def test_a_module_with_a_prefix_finds_the_files(run):
    (run / "Snakefile").write_text(
        "import yaml\n"
        f'module one:\n    snakefile: "{REPOSITORY}/Snakefile"\n'
        '    config: yaml.safe_load(open("config.yaml"))\n    prefix: "one"\n'
        "use rule * from one as one_*\n"
    )
    command = [sys.executable, "-m", "snakemake", "--cores", "1", "-n", "one_all"]
    environment = {**os.environ, "LMC_COMMIT": "test"}
    planned = subprocess.run(command, cwd=run, env=environment, capture_output=True, text=True)
    assert planned.returncode == 0, planned.stdout + planned.stderr
    assert "one_import_checkpoints" in planned.stdout + planned.stderr


def test_networks_that_all_diverged_are_written_nowhere(tmp_path):
    given = config(mlp={"network": {"name": "mlp", "hidden_widths": [4]}, "networks": 2})
    given["experiments"]["mlp"] |= {"training": {"learning_rate": 1e30, "epochs": 1}, "merge": True}
    given["experiments"]["mlp"]["matchers"] = {"naive_wm": {}}
    (tmp_path / "config.yaml").write_text(yaml.safe_dump(given))
    succeeds(snakemake(tmp_path, "--configfile", tmp_path / "config.yaml"))
    assert (tmp_path / "paper_figures/own/merged.csv").read_text().startswith("experiment,")


class Evil:
    def __reduce__(self):
        return Path.touch, (Path("evil"),)


def of_wrong_shape(state):
    return state | {"head.weight": torch.zeros(3, 8)}


@pytest.mark.parametrize(
    ("broken", "parts"),
    [
        (lambda state: {**state, "evil": Evil()}, ["never loaded"]),
        (lambda state: state | {"head.bias": torch.full((10,), torch.nan)}, ["head.bias"]),
        (of_wrong_shape, ["head.weight is (3, 8), expected (10, 8)"]),
        (lambda state: {f"x{name}": tensor for name, tensor in state.items()}, ["missing"]),
        (lambda state: [1, 2], ["no state dict"]),
    ],
    ids=["code", "not a number", "other shapes", "other names", "a list"],
)
def test_a_file_that_cannot_be_used_is_refused_in_one_line(broken, parts, run, tmp_path):
    state = torch.load(run / "residual-0.pt", weights_only=True)
    (tmp_path / "classes.py").write_text(CLASSES)
    for number in (0, 1):
        torch.save(state if number else broken(state), tmp_path / f"{number}.pt")
    given = config(residual={"network": network("Residual"), "checkpoints": "*.pt"})
    (tmp_path / "config.yaml").write_text(yaml.safe_dump(given))
    target = "results/own/residual/checkpoints-1/checkpoints.parquet"
    finished = snakemake(tmp_path, target, "--configfile", tmp_path / "config.yaml")
    assert finished.returncode == 1
    (line,) = [s for s in finished.stdout.splitlines() if s.startswith("import_checkpoints: ")]
    assert "0.pt" in line and all(part in line for part in parts)
    assert not (tmp_path / target).exists() and not list(tmp_path.rglob("evil"))


def test_a_pickle_was_dangerous(run, tmp_path, monkeypatch):
    """The control: loaded without protection, the file above does run its code."""
    monkeypatch.chdir(tmp_path)
    pickle.loads(pickle.dumps(Evil()))
    assert (tmp_path / "evil").exists()
