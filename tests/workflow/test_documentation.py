"""What the documentation says can be done, done: commands, tutorials, examples, links.

Tutorials and examples run as they are written. Other commands run on a small finished run, and
those that train for hours, or need a cluster, run dry: Snakemake's with ``-n``, scripts with
``--help``.
"""

import ast
import os
import re
import shlex
import shutil
import subprocess
import sys
from functools import cache
from pathlib import Path

import pandas as pd
import pytest
import torch
import yaml

from lmc_ot import tables
from lmc_ot.config.completion import complete
from lmc_ot.registries import REGISTRIES
from support import REPOSITORY, snakemake, succeeds

from .conftest import clone, reduced_default, write_config


@cache
def elsewhere() -> dict[str, str]:
    """Pages of the site whose source is outside docs/, as the site's hook lists them."""
    text = (REPOSITORY / "docs/hooks.py").read_text()
    return ast.literal_eval(re.search(r"^ELSEWHERE = (\{.*?^\})", text, re.M | re.S)[1])


DOCS = sorted((REPOSITORY / "docs").rglob("*.md"))
PAGES = [*DOCS, *(REPOSITORY / path for path in elsewhere().values())]
TUTORIALS = REPOSITORY / "docs/tutorials"
README = REPOSITORY / "README.md"
# A fenced block: its language, title and text.
BLOCK = re.compile(r'^```(\w*)(?: title="([^"]*)")?\n(.*?)^```$', re.MULTILINE | re.DOTALL)
COMMAND = re.compile(r"(\.venv/bin/|(PYTHON=\S+ )?envs/\w+\.sh|pip install|tests/\S+\.sh|\.ci/run)")


def name(page: Path) -> str:
    return str(page.relative_to(REPOSITORY))


def blocks(page: Path, language: str) -> list[str]:
    return [text for kind, _, text in BLOCK.findall(page.read_text()) if kind == language]


def commands(page: Path) -> list[str]:
    """Every command of a page, in blocks and in running text."""
    text = page.read_text()
    lines = [
        line
        for kind, _, block in BLOCK.findall(text)
        if kind in ("", "bash")
        for line in block.replace("\\\n", " ").splitlines()
    ]
    lines += re.findall(r"(?<!`)`([^`]+)`(?!`)", BLOCK.sub("", text))
    lines = [" ".join(line.split()) for line in lines]
    return [line for line in lines if COMMAND.match(line)]


# These need the files that the reader writes, and run as a whole.
WRITING = ["own-images", "own-network", "own-data", "own-checkpoints", "new-matcher"]
ALL_COMMANDS = sorted(
    {command for page in PAGES if page.stem not in WRITING for command in commands(page)}
)


# -- the commands --------------------------------------------------------------------------------

# Pattern -> why it is not run here.
NOT_HERE = {
    r"\.venv/bin/(ruff|snakefmt|pre-commit)\b.*": "part of .ci/run",
    r"\.venv/bin/snakemake --lint.*": "part of .ci/run",
    r"git diff .*": "only shows",
    r".*<(a|the|your) .*": "a blank to fill in",
    r".* --configfile own\.yaml": "part of the tutorial on checkpoints",
    r"\.venv/bin/lmc-ot crate\|usage\|reference": "three commands, that are run",
}


@pytest.fixture(scope="module")
def done(finished_once, tmp_path_factory) -> Path:
    """A finished run of the default config, with all that commands need beside it."""
    folder = tmp_path_factory.mktemp("done") / "checkout"
    subprocess.run(["cp", "-a", finished_once[0], folder], check=True)
    return equipped(folder)


def equipped(folder: Path) -> Path:
    """A checkout with what is not code: .venv, tests, benchmarks."""
    (folder / ".venv").symlink_to(Path(sys.prefix))
    ignored = shutil.ignore_patterns("__pycache__")
    for part in ("tests", "benchmarks"):
        shutil.copytree(REPOSITORY / part, folder / part, ignore=ignored)
    pages = [path for path in elsewhere().values() if "/" not in path]
    for file in {"pyproject.toml", "CITATION.cff", "mkdocs.yml", *pages}:
        shutil.copyfile(REPOSITORY / file, folder / file)
    shutil.copytree(REPOSITORY / "docs", folder / "docs", ignore=ignored)
    return folder


def shell(folder: Path, command: str) -> str:
    """The output of a command that must succeed, without the caller's data folder."""
    environment = {k: v for k, v in os.environ.items() if k != "LMC_DATA_DIR"}
    finished = subprocess.run(
        ["bash", "-c", command],
        cwd=folder,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=600,
        env={**environment, "LMC_COMMIT": "test"},
    )
    assert finished.returncode == 0, f"{command}\n{finished.stdout[-5000:]}"
    return finished.stdout


@pytest.mark.parametrize("command", ALL_COMMANDS)
def test_a_command_of_the_documentation(command, done):
    for part in command.replace("<name>", "default").split(" && "):
        if not any(re.fullmatch(pattern, part) for pattern in NOT_HERE):
            check(part, done)


def check(command: str, done: Path) -> None:
    command, _, file = command.partition(" > ")
    if file:
        assert (REPOSITORY / file).exists()
    if command.startswith("pip install"):
        (extra,) = re.fullmatch(r'pip install "?\.(?:\[(\w+)\])?"?', command).groups()
        assert extra is None or f"\n{extra} = [" in (REPOSITORY / "pyproject.toml").read_text()
    elif script := re.match(r"(?:PYTHON=\S+ )?(\S+\.sh|\.ci/run)$", command):
        assert os.access(REPOSITORY / script[1], os.X_OK)
        shell(REPOSITORY, f"bash -n {script[1]}")
    elif command.startswith(".venv/bin/snakemake"):
        whole = {"--report", "--unlock"} & set(command.split())
        assert "Error" not in shell(done, command if whole else f"{command} -n --quiet")
    elif command.startswith(".venv/bin/pytest"):
        # In the checkout itself: nothing runs, and a copy has no git, no results, no figures.
        assert re.search(r"^tests/\S+\.py: \d+$", shell(REPOSITORY, f"{command} --co -qq"), re.M)
    elif command.startswith(".venv/bin/python "):
        _, script, *arguments = shlex.split(command)
        if "argparse" in (REPOSITORY / script).read_text():
            told = shell(REPOSITORY, f"{command} --help")
            assert all(option in told for option in arguments if option.startswith("-"))
        else:
            compile((REPOSITORY / script).read_text(), script, "exec")
    elif command.startswith(".venv/bin/lmc-ot"):
        assert shell(done, command)
    else:
        raise AssertionError(f"{command}: nothing here runs it")


# -- the tutorials -------------------------------------------------------------------------------


def registered(folder: Path, path: str, line: str) -> None:
    """Add a line to a registry, as its first."""
    file = folder / path
    changed, count = re.subn(r"(__name__,\n    {)", rf"\1\n{line}", file.read_text(), count=1)
    assert count == 1
    file.write_text(changed)


def write_files(folder: Path, page: Path) -> None:
    """All files that a tutorial tells to write, and all lines that it tells to add."""
    for _, title, text in BLOCK.findall(page.read_text()):
        if title.startswith("add to "):
            registered(folder, title.removeprefix("add to "), text)
        elif title:
            (folder / title).write_text(text)


@pytest.mark.parametrize(
    ("tutorial", "made"),
    [
        ("own-images", ["error.png", "dimension.png", "results.csv"]),
        ("own-network", ["error.png", "error.csv"]),
        ("own-data", ["error.png", "results.csv"]),
        ("new-matcher", ["error.png", "error.csv"]),
    ],
)
def test_a_tutorial_as_it_is_written(tutorial, made, tmp_path):
    page = TUTORIALS / f"{tutorial}.md"
    folder = equipped(clone(tmp_path / "checkout"))
    write_files(folder, page)
    for block in blocks(page, "bash"):
        for command in block.splitlines():
            shell(folder, command)
    (config,) = re.findall(r'title="config/([\w-]+)\.yaml"', page.read_text())
    for file in made:
        assert (folder / "paper_figures" / config / file).stat().st_size
        shown = f"paper_figures/{config}/{file}"
        assert shown in page.read_text() or file.endswith(".csv")


def test_the_tutorial_on_checkpoints_as_it_is_written(tmp_path):
    """Matching lowers the barrier, and what is written and printed agrees."""
    page = TUTORIALS / "own-checkpoints.md"
    folder = equipped(clone(tmp_path / "checkout"))
    write_files(folder, page)
    printed = [
        shell(folder, command) for block in blocks(page, "bash") for command in block.splitlines()
    ]
    before, after = (
        float(re.search(r"^midpoint_barrier: (\S+)$", printed[i], re.MULTILINE)[1]) for i in (2, 4)
    )
    assert after < before
    assert (folder / "paper_figures/own/path.png").stat().st_size
    merged = pd.read_csv(folder / "paper_figures/own/merged.csv")
    midpoints = merged.query("network == 'midpoint' and split == 'train'").set_index("matcher")
    assert midpoints["loss"]["am"] < midpoints["loss"]["identity"]
    assert all((folder / "results/own/mine/checkpoints-1/merged" / f).exists() for f in merged.file)
    (example,) = [text for text in blocks(page, "python") if "lmc_ot.match" in text]
    (folder / "example.py").write_text(example)
    scripts = folder / "workflow/scripts"
    output = shell(folder, f"PYTHONPATH={scripts} .venv/bin/python example.py")
    assert "enter 16" in output and "'merged'" in output
    shown = re.search(r"'merged': ([\d.e-]+)", output)[1]
    row = re.search(r"^merged +(\S+)$", printed[5], re.MULTILINE)[1]
    assert float(row) == pytest.approx(float(shown), rel=1e-3)


def test_other_tutorials_are_of_commands_alone():
    """Their commands are among those that run above."""
    for page in TUTORIALS.glob("*.md"):
        titles = [title for _, title, _ in BLOCK.findall(page.read_text()) if title]
        assert bool(titles) == (page.stem in WRITING), page


def test_a_new_matcher_network_and_data_set_run_and_nothing_old_does(finished):
    write_files(finished, TUTORIALS / "new-matcher.md")
    config = reduced_default()
    pair = config["experiments"]["digits-pair"]
    pair["matchers"] |= {"sign": {}, "marginals": {}}
    network = {"name": "tanh", "hidden_widths": [6]}
    config["experiments"]["parity"] = pair | {"dataset": {"name": "parity"}, "network": network}
    write_config(finished, config)
    target = "results/default/results.parquet"
    output = succeeds(snakemake(finished, target, repository=finished))
    # The new matchers on the old experiment, and all of the new one: nothing old runs again.
    for rule, jobs in {"derive_groups": 1, "train": 1, "match": 2}.items():
        assert re.search(rf"^{rule} +{jobs}$", output, re.MULTILINE), rule
    results = tables.read("results", finished / "results/default/results.parquet").to_pandas()
    both = {(name, new) for name in ("digits-pair", "parity") for new in ("sign", "marginals")}
    assert both | {("parity", "naive_wm")} <= set(
        zip(results["experiment"], results["matcher"], strict=True)
    )


# -- examples of the library -----------------------------------------------------------------------


def test_the_example_of_the_readme():
    (block,) = blocks(README, "python")
    torch.manual_seed(0)
    nets = [torch.nn.Sequential(*map(torch.nn.Linear, (6, 5), (5, 3))) for _ in range(3)]
    inputs, targets = torch.randn(2, 20, 6), torch.randint(3, (2, 20))
    names = dict(zip("abc", nets, strict=True)) | {
        "loader": list(zip(inputs, targets, strict=True))
    }
    exec(block, names)
    assert torch.allclose(names["matched"].permuted(inputs[0]), nets[1](inputs[0]), atol=1e-5)
    assert len(names["path"].loss) == 25 and set(names["merged"].losses) > {"average", "merged"}


def test_the_config_of_the_readme_is_one():
    (block,) = blocks(README, "yaml")
    schema = REPOSITORY / "workflow/schemas/config.schema.yaml"
    found = complete(yaml.safe_load(block), schema, REGISTRIES)
    (setting,) = found["experiments"]["mine"]["settings"].values()
    assert setting["checkpoints"] == ["a.pt", "b.pt"] and len(setting["matchers"]) == 4


def test_the_examples_of_the_library():
    names = {}
    for block in blocks(REPOSITORY / "docs/api.md", "python"):
        exec(block, names)
    assert set(names["found"].permutations) == {"0"}
    assert 1 <= names["dimension"] <= 20
    assert names["barrier"] == pytest.approx(0.25)


# -- what the pages name -------------------------------------------------------------------------


def test_the_readme_is_short():
    assert len(README.read_text().splitlines()) <= 120


def test_the_readme_has_the_two_commands():
    first, second = blocks(README, "bash")
    assert first == "envs/setup.sh && .venv/bin/snakemake --cores all\n"
    assert second == "envs/setup.sh && .venv/bin/pytest -n auto --dist loadfile\n"


@pytest.mark.parametrize("page", PAGES, ids=name)
def test_links_lead_to_files(page):
    text = BLOCK.sub("", page.read_text())
    for target in re.findall(r"\]\(([^)#\s]+)(?:#[^)]*)?\)", text):
        if not re.match(r"\w+:", target):
            assert (page.parent / target).exists(), target


FOLDERS = "config|envs|rules|tests|workflow|benchmarks|docs|profiles|paper_figures"
# What a run makes, and what a tutorial tells to write.
MADE = re.compile(
    r"(paper_figures/(default|my-data|my-images|my-network|own|quick|signs|width)|results/own)\b"
    r"|benchmarks/results/$"
)


@pytest.mark.parametrize("page", [*DOCS, README], ids=name)
def test_paths_that_are_named_exist(page):
    text = page.read_text()
    written = re.findall(r'title="(?:add to )?([^"]+)"', text)
    for path in re.findall(rf"`((?:{FOLDERS})/[\w./-]*)`", text):
        assert MADE.match(path) or path in written or (REPOSITORY / path).exists(), path


def test_configs_that_are_listed_are_all_there_are():
    listed = (REPOSITORY / "docs/getting-started.md").read_text()
    for config in (REPOSITORY / "config").glob("*.yaml"):
        assert f"`config/{config.name}`" in listed, config.name
