"""The workflow as a whole: configs, a run to the last figure, and what makes it run again."""

import os
import re
import shutil
import subprocess
from pathlib import Path

import pytest
import yaml

from lmc_ot import tables
from support import REPOSITORY, snakemake, succeeds

from .conftest import clone, reduced_default, write_config

CONFIGS = sorted((REPOSITORY / "config").glob("*.yaml"))
# Recorded activations, and streamed ones; .ci/run lints all configs.
LINTED = ("config", "paper")


def planned(folder: Path) -> dict[str, int]:
    """Rule -> how many of its jobs would run now, in that checkout."""
    output = succeeds(snakemake(folder, "--dry-run", repository=folder))
    jobs = re.findall(r"^(\w+) +(\d+)$", output.split("Reasons:")[0], re.MULTILINE)
    return {rule: int(count) for rule, count in jobs if rule not in ("total", "all")}


@pytest.mark.parametrize("config", CONFIGS, ids=lambda path: path.stem)
def test_dry_run(config, tmp_path):
    output = succeeds(snakemake(tmp_path, "--dry-run", "--configfile", config))
    for rule in ("derive_groups", "train", "match", "evaluate_path", "collect", "draw_figure"):
        assert re.search(rf"^{rule} +\d+$", output, re.MULTILINE)


OVERLAYS = {
    "paper-mnist": ("paper", "overlays/paper-mnist"),
    "both": ("cifar10-small", "overlays/cifar10-bfloat16", "overlays/cifar10-parquet"),
}


@pytest.mark.parametrize("names", OVERLAYS.values(), ids=OVERLAYS)
def test_dry_run_of_overlays(names, tmp_path):
    """They follow the config that they change."""
    configs = [REPOSITORY / f"config/{name}.yaml" for name in names]
    output = succeeds(snakemake(tmp_path, "--dry-run", "--configfile", *configs))
    parquet, mnist = "overlays/cifar10-parquet" in names, "paper" in names
    assert ("prepare data set parquet-" in output) is parquet
    assert ("prepare data set mnist" in output) is mnist
    assert ("cifar10-vgg16" in output) is not mnist
    name = "paper" if mnist else "cifar10-small-parquet"
    assert f"results/{name}/results.parquet" in output


@pytest.mark.parametrize("name", LINTED)
def test_lint(name, tmp_path):
    config = REPOSITORY / f"config/{name}.yaml"
    output = succeeds(snakemake(tmp_path, "--lint", "--configfile", config))
    assert "Congratulations" in output


def test_the_default_runs_to_the_last_figure(finished):
    figures = finished / "paper_figures/default"
    for name in ("figure1", "figure2", "figure3", "figure4", "figure_d1", "figure_d2", "figure_d3"):
        for kind in ("pdf", "svg", "png"):
            assert (figures / f"{name}.{kind}").stat().st_size > 1000
    for table in ("figure1a", "figure1b", "figure2", "figure3a", "figure3b", "figure4", "results"):
        assert len((figures / f"{table}.csv").read_text().splitlines()) > 1
    results = tables.read("results", finished / "results/default/results.parquet").to_pandas()
    matchers = {"identity", "naive_wm", "sigma_wm", "am"}
    assert set(results.loc[results["experiment"] == "digits-mlp", "matcher"]) == matchers
    assert set(results["split"]) == {"train", "test"}


def test_a_run_leaves_nothing_that_git_would_commit(finished):
    status = ["git", "status", "--porcelain"]
    assert subprocess.run(status, cwd=finished, check=True, capture_output=True).stdout == b""


def test_every_job_has_a_log_and_a_benchmark(finished):
    jobs = {
        path.relative_to(finished / "logs").with_suffix("")
        for path in (finished / "logs").rglob("*.log")
    }
    timed = {
        path.relative_to(finished / "benchmark").with_suffix("")
        for path in (finished / "benchmark").rglob("*.tsv")
    }
    assert jobs == timed
    assert len(jobs) > 20


def test_every_table_says_where_it_comes_from(finished):
    for kind in ("checkpoints", "history", "permutations", "objectives", "dimensions", "path"):
        path = next((finished / "results").rglob(f"{kind}.parquet"))
        about = tables.metadata(kind, path)
        assert {"experiment", "config_hash", "seed", "versions", "device", "commit"} <= set(about)


def test_a_second_run_does_nothing(finished):
    assert "Nothing to be done" in succeeds(snakemake(finished, repository=finished))


def test_touching_files_reruns_nothing(finished):
    for name in ("Snakefile", "rules", "workflow", "config", "envs", "profiles"):
        for path in [finished / name, *(finished / name).rglob("*")]:
            os.utime(path)
    assert planned(finished) == {}


def test_restoring_results_into_a_fresh_clone_reruns_nothing(finished, tmp_path):
    fresh = clone(tmp_path / "fresh")
    write_config(fresh, reduced_default())
    for name in ("results", "paper_figures"):
        shutil.move(finished / name, fresh / name)
    assert planned(fresh) == {}


def test_figures_that_a_clone_brings_do_not_stand_in_for_results(finished, tmp_path):
    fresh = clone(tmp_path / "fresh")
    write_config(fresh, reduced_default())
    shutil.copytree(finished / "paper_figures", fresh / "paper_figures")
    jobs = planned(fresh)
    assert jobs["train"] == 7
    # Experiments of the same architecture share its groups.
    assert jobs["derive_groups"] == 4
    assert jobs["draw_figure"] == 14
    assert jobs["measure_theory"] == jobs["tabulate_theory"] == jobs["draw_theory"] == 1


def test_an_option_of_a_matcher_reruns_what_depends_on_it(finished):
    config = reduced_default()
    config["experiments"]["digits-mlp"]["matchers"] = {
        "identity": {}, "naive_wm": {}, "sigma_wm": {}, "am": {"statistic": "second_moment"},
    }  # fmt: skip
    write_config(finished, config)
    jobs = planned(finished)
    # All panels of that experiment, and those of others that are made of the result table.
    assert jobs.pop("tabulate_panel") == 12
    assert jobs.pop("draw_figure") == 9
    assert jobs == {
        "match": 1, "evaluate_path": 1, "collect": 1, "match_all_pairs": 1, "evaluate_midpoints": 1,
    }  # fmt: skip


def test_editing_a_matcher_reruns_what_depends_on_it(finished):
    module = finished / "workflow/scripts/lmc_ot/matching/sigma_wm.py"
    module.write_text(module.read_text() + "\n# edited\n")
    jobs = planned(finished)
    assert (jobs["match"], jobs["evaluate_path"]) == (6, 6)
    assert "train" not in jobs
    assert "record_activations" not in jobs


def test_editing_a_figure_redraws_that_figure(finished):
    module = finished / "workflow/scripts/lmc_ot/reporting/figures/ranking.py"
    module.write_text(module.read_text() + "\n# edited\n")
    assert planned(finished) == {"draw_figure": 1}


def test_a_learning_rate_more_trains_that_one_only(finished):
    config = reduced_default()
    config["experiments"]["digits-mlp"]["sweep"] = {"training.learning_rate": [1e-2, 1e-1]}
    write_config(finished, config)
    assert planned(finished)["train"] == 1


SWEPT = """
name: swept
device: cpu
experiments:
  widths: &small
    dataset: {name: digits}
    network: {name: mlp}
    training: {batch_size: 200, epochs: 1, learning_rate: 0.1}
    sweep: {network.hidden_widths: [[4, 4], [8, 8]]}
    networks: 2
    matchers: {naive_wm: {}}
    path: {points: 3, train_examples: 100}
  epochs:
    <<: *small
    network: {name: mlp, hidden_widths: [4]}
    training: {batch_size: 200, learning_rate: 0.1}
    sweep: {training.epochs: [1, 2]}
"""


def test_experiments_sweep_over_widths_and_epochs(tmp_path):
    """To the table of results; another value trains its own networks, and keeps the others'."""
    config = yaml.safe_load(SWEPT)
    path, table = tmp_path / "swept.yaml", "results/swept/results.parquet"
    path.write_text(yaml.safe_dump(config))
    succeeds(snakemake(tmp_path, table, "--configfile", path))
    run = tmp_path / "results/swept"
    folders = {
        f"{folder.parent.name}/{folder.name}" for folder in run.glob("*/*-*") if folder.is_dir()
    }
    expected = {"widths/hidden_widths-4", "widths/hidden_widths-8"}
    assert folders == expected | {"epochs/epochs-1", "epochs/epochs-2"}
    results = tables.read("results", tmp_path / table).to_pandas()
    rows = results.groupby(["experiment", "axis", "value", "matcher", "split"]).size()
    assert rows.to_dict() == {
        (experiment, axis, value, "naive_wm", split): 1
        for experiment, axis, values in (
            ("widths", "network.hidden_widths", (4, 8)), ("epochs", "training.epochs", (1, 2))
        )
        for value in values
        for split in ("test", "train")
    }  # fmt: skip
    for width in (4, 8):
        checkpoints = run / f"widths/hidden_widths-{width}/checkpoints.parquet"
        network = tables.read_checkpoints(checkpoints)[0]
        assert [network[f"layers.{i}.bias"].shape for i in (0, 1)] == [(width,)] * 2
    for epochs in (1, 2):
        history = tables.read("history", run / f"epochs/epochs-{epochs}/history.parquet")
        assert max(history["epoch"].to_pylist()) == epochs

    before = {file: file.read_bytes() for file in run.glob("*/*-*/*.parquet")}
    config["experiments"]["widths"]["sweep"] = {"network.hidden_widths": [[6, 6], [4, 4], [8, 8]]}
    config["experiments"]["epochs"]["sweep"] = {"training.epochs": [1, 2, 3]}
    path.write_text(yaml.safe_dump(config))
    said = succeeds(snakemake(tmp_path, table, "--configfile", path))
    trained = re.findall(r"^Job \d+: train (.+)$", said, re.MULTILINE)
    assert sorted(trained) == ["epochs at epochs-3", "widths at hidden_widths-6"]
    assert before == {file: file.read_bytes() for file in before}
    results = tables.read("results", tmp_path / table).to_pandas()
    assert set(results.loc[results["experiment"] == "widths", "value"]) == {4, 6, 8}


def test_the_report_is_one_file_with_all_figures(finished):
    succeeds(snakemake(finished, "--report", "report.html", repository=finished))
    page = (finished / "report.html").read_text()
    for name in ("figure1", "figure2", "figure3", "figure4", "figure_d1", "figure_d2", "figure_d3"):
        assert f"{name}.png" in page
    assert "LMC error (loss at the midpoint of the path)" in page
    assert not re.search(r"<(script|link|img)[^>]+(src|href)=[\"']https?:", page)
