"""What surrounds a run: folders, configs, copies of the library, other workflows."""

import json
import os
import re
import shutil
import subprocess
import sys

import pyarrow.parquet as pq
import pytest
import yaml

from lmc_ot.cli import main
from support import REPOSITORY, snakemake, succeeds

from .conftest import clone

NANO = {
    "name": "nano",
    "device": "cpu",
    "experiments": {
        "d": {
            "dataset": {"name": "digits"},
            "network": {"name": "mlp", "hidden_widths": [8]},
            "training": {"batch_size": 100, "epochs": 1},
            "sweep": {"training.learning_rate": [0.1]},
            "networks": 2,
            "matchers": {"naive_wm": {}},
            "activations": {"examples": 50},
            "path": {"points": 3, "train_examples": 50},
        }
    },
    "figures": {"f": {"panels": [{"name": "lmc_error", "experiment": "d"}]}},
}
MATCHED = "results/nano/d/learning_rate-1.000e-01/permutations.parquet"


def run(folder, *arguments):
    """Snakemake as a user calls it in a folder, without a directory of its own."""
    command = [sys.executable, "-m", "snakemake", "--cores", "2", *map(str, arguments)]
    return subprocess.run(
        command,
        cwd=folder,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        env={**os.environ, "LMC_COMMIT": "test"},
    )


# -- other folders and configs -----------------------------------------------------------------


def test_the_default_config_is_found_from_any_folder(tmp_path):
    there = succeeds(run(tmp_path, "-n", "--quiet", "rules", "-s", REPOSITORY / "Snakefile"))
    here = succeeds(run(REPOSITORY, "-n", "--quiet", "rules", "--directory", tmp_path))
    for output in (there, here):
        assert "draw_figure" in output


def test_an_overlay_alone_changes_the_default_config_from_any_folder(tmp_path):
    (tmp_path / "overlay.yaml").write_text("name: other\n")
    output = succeeds(
        run(
            tmp_path, "-n", "-s", REPOSITORY / "Snakefile",
            "--configfile", "overlay.yaml",
        )
    )  # fmt: skip
    assert "paper_figures/other/figure1.png" in output
    assert re.search(r"^train +19$", output, re.MULTILINE)


def test_a_partial_config_is_told_to_be_given_after_the_one_it_changes(tmp_path):
    (tmp_path / "part.yaml").write_text("experiments: {digits-mlp: {networks: 2}}\n")
    answer = run(tmp_path, "-n", "-s", REPOSITORY / "Snakefile", "--configfile", "part.yaml")
    assert answer.returncode and "Traceback" not in answer.stdout
    (line,) = [line for line in answer.stdout.splitlines() if "config: " in line]
    assert "the key 'name' is missing" in line
    assert line.endswith("--configfile config/config.yaml, then this file")


def test_a_key_that_yaml_does_not_read_as_text_is_refused(tmp_path):
    (tmp_path / "c.yaml").write_text(yaml.safe_dump(NANO) + "001: 1\n")
    answer = run(tmp_path, "-n", "-s", REPOSITORY / "Snakefile", "--configfile", "c.yaml")
    assert answer.returncode and "Traceback" not in answer.stdout
    assert "YAML reads the key 001 as int, not as text: put it in quotes" in answer.stdout


# -- other copies of the library -----------------------------------------------------------------


@pytest.fixture(scope="module")
def nano_run(tmp_path_factory):
    """A checkout, a folder in which it ran to the last figure, and the environment of the run.

    The environment has a copy of the library installed.
    """
    folder = tmp_path_factory.mktemp("nano")
    (folder / "nano.yaml").write_text(yaml.safe_dump(NANO))
    checkout = clone(tmp_path_factory.mktemp("clone") / "checkout")
    installed = tmp_path_factory.mktemp("site-packages")
    shutil.copytree(checkout / "workflow/scripts/lmc_ot", installed / "lmc_ot")
    environment = {"PYTHONPATH": str(installed)}
    succeeds(
        snakemake(
            folder, "--configfile", folder / "nano.yaml", repository=checkout, **environment
        )
    )  # fmt: skip
    return checkout, folder, environment


def objectives(folder):
    table = pq.read_table((folder / MATCHED).with_name("objectives.parquet"))
    return table["objective"].to_pylist()


def test_jobs_run_the_checkout_and_not_an_installed_copy(nano_run, tmp_path):
    checkout, folder, environment = nano_run
    for part in (checkout, folder):
        subprocess.run(["cp", "-a", part, tmp_path / part.name], check=True)
    checkout, edited = tmp_path / checkout.name, tmp_path / folder.name
    matcher = checkout / "workflow/scripts/lmc_ot/matching/naive_wm.py"
    before, after = "return a @ b.T", "return 1000 * a @ b.T"
    assert before in matcher.read_text()
    matcher.write_text(matcher.read_text().replace(before, after))
    arguments = ("--configfile", edited / "nano.yaml", "--", MATCHED)
    succeeds(snakemake(edited, *arguments, repository=checkout, **environment))
    assert objectives(edited) == pytest.approx([1000 * value for value in objectives(folder)])


def test_a_run_in_another_folder_has_its_crate_there(nano_run, tmp_path, monkeypatch, capsys):
    """With the config where it was in that folder, as the record of the run names it."""
    folder = tmp_path / "folder"
    subprocess.run(["cp", "-a", nano_run[1], folder], check=True)
    monkeypatch.chdir(folder)
    assert main(["crate", "nano.yaml"]) == 0
    made = folder / capsys.readouterr().out.strip()
    files = {str(path.relative_to(made)) for path in made.rglob("*")}
    assert {"Snakefile", "rules/train.smk", "paper_figures/nano/f.png", "nano.yaml"} <= files
    assert "ro-crate-metadata.json" in files
    record = json.loads((made / "benchmark/nano.json").read_text())
    assert record["config_files"] == ["nano.yaml"]


# -- other workflows -------------------------------------------------------------------------------

OUTER = """
import yaml

module first:
    snakefile:
        "{repository}/workflow/Snakefile"
    config:
        yaml.safe_load(open("nano.yaml"))
    prefix:
        "study"

use rule * from first as first_*

module second:
    snakefile:
        "{repository}/Snakefile"
    config:
        yaml.safe_load(open("second.yaml"))

use rule * from second as second_*

rule everything:
    default_target: True
    input:
        rules.first_all.input,
        rules.second_all.input,

onsuccess:
    first.onsuccess()
    second.onsuccess()
"""


def test_the_workflow_is_a_module_twice_with_a_prefix_and_other_names(tmp_path):
    for name in ("nano", "second"):
        (tmp_path / f"{name}.yaml").write_text(yaml.safe_dump(NANO | {"name": name}))
    (tmp_path / "Snakefile").write_text(OUTER.format(repository=REPOSITORY))
    succeeds(run(tmp_path))
    for place, name in ((tmp_path / "study", "nano"), (tmp_path, "second")):
        assert (place / f"paper_figures/{name}/f.png").stat().st_size
        record = json.loads((place / f"benchmark/{name}.json").read_text())
        assert record["name"] == name
        assert {row["rule"] for row in record["rules"]} >= {"train", "match", "draw_figure"}
