"""What runs again after a change, at the settings of the paper's config, its sizes reduced."""

import re
import subprocess

import pytest
import yaml

from lmc_ot import tables
from support import REPOSITORY, snakemake, succeeds

from .conftest import clone, narrow, one_setting
from .test_workflow import planned

PAPER = "config/paper.yaml"


def reduced_paper() -> dict:
    """The paper's config, its data sets replaced by the digits, at the least of work.

    It has one learning rate, and a figure of each experiment and of all pairs.
    """
    config = yaml.safe_load((REPOSITORY / PAPER).read_text())
    for experiment in config["experiments"].values():
        experiment["dataset"] = {"name": "digits"}
        experiment["training"] |= {"epochs": 1, "batch_size": 100}
        experiment["networks"] = 2
        experiment["path"] = {"points": 3, "train_examples": 100}
        one_setting(experiment)
    mlp, _, vgg = config["experiments"].values()
    mlp["network"]["hidden_widths"] = narrow(mlp["network"]["hidden_widths"])
    vgg["network"] = {"name": "convnet", "groups": [[4], [8]], "head": [8], "norm": "batch"}
    vgg["matchers"] = {"naive_wm": {}, "am": {}}
    kept = ("figure1", "figure5", "figure_d1")
    config["figures"] = {name: config["figures"][name] for name in kept}
    return config


@pytest.fixture(scope="module")
def finished_paper(tmp_path_factory):
    """A checkout in which it ran to the last figure."""
    folder = clone(tmp_path_factory.mktemp("paper") / "checkout")
    # As the default, so that commands need no --configfile.
    (folder / "config/config.yaml").write_text(yaml.safe_dump(reduced_paper(), sort_keys=False))
    succeeds(snakemake(folder, repository=folder))
    assert not list((folder / "results").rglob("activations"))
    assert planned(folder) == {}
    return folder


@pytest.fixture
def paper(finished_paper, tmp_path):
    """A copy of it, with all times of modification."""
    subprocess.run(["cp", "-a", finished_paper, tmp_path / "checkout"], check=True)
    return tmp_path / "checkout"


def change(folder, experiment: str, matchers: dict) -> None:
    path = folder / "config/config.yaml"
    config = yaml.safe_load(path.read_text())
    config["experiments"][experiment]["matchers"].update(matchers)
    path.write_text(yaml.safe_dump(config, sort_keys=False))


# Of either experiment: the jobs of one setting, which keep the rows of the other matchers.
ONE_MATCHER = {"match": 1, "evaluate_path": 1, "collect": 1}
ALL_PAIRS = {"match_all_pairs": 1, "evaluate_midpoints": 1}
DRAWN = ("tabulate_panel", "draw_figure", "compare_published")


ADDED = {"uncentred": {"name": "am", "statistic": "second_moment"}}
CHANGED = {"am": {"statistic": "second_moment"}}


@pytest.mark.parametrize("matchers", [ADDED, CHANGED], ids=["added", "changed"])
@pytest.mark.parametrize(
    ("experiment", "others"), [("mnist-mlp", ALL_PAIRS), ("cifar10-vgg16", {})]
)
def test_a_matcher_runs_the_jobs_of_its_setting_and_no_others(experiment, others, matchers, paper):
    change(paper, experiment, matchers)
    jobs = planned(paper)
    assert {rule: jobs.pop(rule) for rule in DRAWN}["compare_published"] == 1
    assert jobs == ONE_MATCHER | others


@pytest.mark.parametrize("matchers", [ADDED, CHANGED], ids=["added", "changed"])
def test_only_the_rows_of_that_matcher_are_computed(matchers, paper):
    """In all four jobs, and the rows of the others are those that were there."""
    (label,) = matchers
    others = {"identity", "naive_wm", "sigma_wm", "am"} - {label}
    before = rows_of(paper, others)
    change(paper, "mnist-mlp", matchers)
    succeeds(snakemake(paper, "--until", "evaluate_path", "evaluate_midpoints", repository=paper))
    for rule, computed in (
        ("match", r"^(\w+), pair \d+: objectives"),
        ("match_all_pairs", r"^(\w+), pair \d+: objectives"),
        ("evaluate_path", r"^(\w+), (?:test|train):"),
        ("evaluate_midpoints", r"^(\w+), (?:test|train):"),
    ):
        (log,) = (paper / "logs/paper/mnist-mlp").rglob(f"{rule}.log")
        text = log.read_text()
        assert set(re.findall(r"^(\w+): kept$", text, re.MULTILINE)) == others, rule
        assert set(re.findall(computed, text, re.MULTILINE)) == {label}, rule
    after = rows_of(paper, others)
    assert before == after and all(before.values())
    assert all(rows_of(paper, {label}).values())


def rows_of(folder, matchers: set[str]) -> dict[str, list]:
    """The rows of these matchers in all tables of the first experiment."""
    (run,) = (folder / "results/paper/mnist-mlp").iterdir()
    names = {
        **{kind: kind for kind in ("permutations", "objectives", "dimensions", "path")},
        **{f"all_pairs/{kind}": kind for kind in ("permutations", "objectives")},
        "all_pairs/midpoints": "path",
    }
    return {
        name: [
            row
            for row in tables.read(kind, run / f"{name}.parquet").to_pylist()
            if row["matcher"] in matchers
        ]
        for name, kind in names.items()
    }


def test_a_registered_matcher_that_nothing_uses_reruns_nothing(paper):
    matching = paper / "workflow/scripts/lmc_ot/matching"
    (matching / "unused.py").write_text((matching / "am.py").read_text())
    registry = matching / "__init__.py"
    line = '        "unused": MatcherEntry("unused:ActivationMatching", "a matcher"),\n'
    head, opening, rest = registry.read_text().partition("    __name__,\n    {\n")
    registry.write_text(head + opening + line + rest)
    output = succeeds(snakemake(paper, "--dry-run", repository=paper))
    assert "Nothing to be done" in output


@pytest.mark.parametrize("rule", ["match", "evaluate_path"])
def test_a_job_that_failed_runs_again_and_keeps_what_it_had(rule, paper):
    change(paper, "mnist-mlp", ADDED)
    # The adapter is in no digest of code: as a full disk, it fails and leaves the parameters alone.
    adapter = paper / "workflow/scripts/adapter.py"
    as_it_is = adapter.read_text()
    begin = "    named = inspect.signature(function).parameters\n"
    assert begin in as_it_is
    adapter.write_text(as_it_is.replace(begin, f'    1 / (snakemake.rule != "{rule}")\n{begin}'))
    assert "ZeroDivisionError" in snakemake(paper, "--until", rule, repository=paper).stdout
    adapter.write_text(as_it_is)
    assert planned(paper)[rule] == 1
    succeeds(snakemake(paper, "--until", rule, repository=paper))
    (log,) = (paper / "logs/paper/mnist-mlp").rglob(f"{rule}.log")
    assert re.findall(r"^(\w+): kept$", log.read_text(), re.MULTILINE) == [
        "identity", "naive_wm", "sigma_wm", "am",
    ]  # fmt: skip
