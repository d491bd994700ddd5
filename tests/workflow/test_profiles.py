"""The profiles without a cluster: what would be submitted, and what their pages say."""

import json
import re
import subprocess
import sys
import tempfile
from functools import cache

import pytest
import yaml

from support import REPOSITORY, snakemake, succeeds

SLURM = REPOSITORY / "profiles/slurm"
PAPER = REPOSITORY / "config/paper.yaml"
PAGES = [REPOSITORY / "profiles/README.md", SLURM / "README.md"]

# Snakemake's command line, printing what every submission of a dry run would ask for. A dry run
# would add up a group's stages as if they ran at a time.
SUBMISSIONS = """
import json, sys
from snakemake import cli, jobs
from snakemake.resources import GroupResources

def show(name, resources, rules, attempt):
    keys = ("_cores", "mem_mb", "runtime", "gpu", "gpu_model", "slurm_account")
    print(json.dumps([name, {k: resources.get(k) for k in keys}, sorted(set(rules)), len(rules)]))

def group(self):
    resources = GroupResources.basic_layered(self.toposorted, self.global_resources, False)
    show(self.groupid, resources, [job.rule.name for job in self.jobs], self.attempt)

def job(self, indent=False, printshellcmd=True):
    self.attempt = ATTEMPT
    if self.rule.name != "all":
        show(f"{self.rule.name}-{self.wildcards_dict['experiment']}", self.resources,
             [self.rule.name], self.attempt)

jobs.GroupJob.log_info, jobs.Job.log_info = group, job
sys.exit(cli.main(sys.argv[1:]))
"""


@cache
def submissions(*arguments, attempt=1, profile=SLURM):
    """(name, resources, rules, number of jobs) of every submission of the paper's config."""
    code = SUBMISSIONS.replace("ATTEMPT", str(attempt))
    command = [sys.executable, "-c", code, "--profile", profile, "--configfile", PAPER]
    with tempfile.TemporaryDirectory() as folder:
        command += ["--dry-run", "--snakefile", REPOSITORY / "Snakefile", "--directory", folder]
        done = subprocess.run(
            [*map(str, command), *arguments], cwd=REPOSITORY, capture_output=True, text=True
        )
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-3000:]
    return [json.loads(line) for line in done.stdout.splitlines() if line.startswith('["')]


def kind(name: str) -> str:
    """A submission's row in the table of profiles/slurm/README.md."""
    name = re.sub(r"-learning_rate-\d\.\d+e[+-]\d+$", "-<setting>", name)
    return {
        "train-mnist-mlp": "train, MNIST",
        "train-mnist-pair": "train, MNIST",
        "train-cifar10-vgg16": "train, CIFAR-10",
    }.get(name, name)


def table(page, first: str) -> list[list[str]]:
    """The cells of the page's table whose first column is called so."""
    text = page.read_text().split(f"\n| {first} |", 1)[1].split("\n\n")[0]
    rows = [line.strip("|").split("|") for line in text.splitlines()[2:]]
    return [[cell.strip().replace("`", "") for cell in row] for row in rows]


def test_the_paper_is_tens_of_submissions_as_the_page_says():
    found = submissions()
    jobs = sum(number for *_, number in found)
    assert len(found) < 50 < jobs
    assert f"{len(found)} submissions for {jobs} jobs" in (SLURM / "README.md").read_text()
    rows = table(SLURM / "README.md", "submission | jobs in it")
    assert sum(int(row[-1]) for row in rows) == len(found)


def test_what_submissions_ask_for_is_what_the_page_says():
    asked = {
        kind(name): [r["_cores"], r["mem_mb"], r["runtime"], r["gpu"] or 0]
        for name, r, *_ in submissions()
    }
    rows = table(SLURM / "README.md", "submission of `config/paper.yaml`")
    assert asked == {row[0]: [int(cell) for cell in row[1:]] for row in rows}


def test_a_retry_asks_for_more():
    first, third = (
        {name: (r["mem_mb"], r["runtime"]) for name, r, rules, _ in submitted if rules == ["train"]}
        for submitted in (submissions(), submissions(attempt=3))
    )
    assert third == {name: (3 * memory, 3 * time) for name, (memory, time) in first.items()}


@pytest.mark.parametrize(
    ("config", "training", "streams", "records", "model"),
    [
        # The profile's own, gpu_nodes=true.
        ("", 1, 1, 0, None),
        ("gpu_nodes=a100", 1, 1, 0, "a100"),
        # Here are no GPUs either.
        ("gpu_nodes=false", 0, 0, 0, None),
        ("device=cpu gpu_nodes=true", 0, 0, 0, None),
        # A network that must run on a GPU needs one wherever it runs.
        ("device=cuda gpu_nodes=true", 1, 1, 1, None),
    ],
)
def test_who_asks_for_a_gpu(config, training, streams, records, model):
    found = submissions(*(["--config", *config.split()] if config else []))
    asked = {kind(name): (r["gpu"] or 0, r["gpu_model"]) for name, r, *_ in found}
    assert asked["train, MNIST"] == asked["train, CIFAR-10"] == (training, model)
    assert asked["cifar10-vgg16-<setting>"] == (streams, model)
    assert asked["mnist-mlp-<setting>"] == (records, model if records else None)
    assert asked["datasets"] == asked["figures"] == (0, None)


def test_gpus_of_nodes_rerun_nothing(finished):
    output = succeeds(
        snakemake(finished, "--dry-run", "--config", "gpu_nodes=true", repository=finished)
    )
    assert "Nothing to be done" in output


def test_what_the_profile_must_not_have():
    default = yaml.safe_load((REPOSITORY / "profiles/default/config.yaml").read_text())
    assert "default-resources" not in default
    slurm = yaml.safe_load((SLURM / "config.yaml").read_text())
    assert not {"slurm-array-jobs", "gres"} & set(slurm)
    assert "retries" in slurm
    for path in (REPOSITORY / "rules").glob("*.smk"):
        assert not re.search(r"^    (retries|group):|\bgres=", path.read_text(), re.MULTILINE)


def test_every_rule_is_in_a_group_or_takes_long():
    slurm = yaml.safe_load((SLURM / "config.yaml").read_text())
    parts = (REPOSITORY / "rules").glob("*.smk")
    heads = r"^(use )?rule (?:\w+ as )?(\w+)"
    found = [re.split(heads, path.read_text(), flags=re.M)[1:] for path in parts]
    # Rules without a script of their own, or another rule's, only name targets.
    rules = {
        name
        for pieces in found
        for used, name, body in zip(*(pieces[i::3] for i in range(3)), strict=True)
        if used or "    script:" in body
    }
    assert rules == set(slurm["groups"]) | {"train", "measure_theory"}
    assert set(slurm["groups"].values()) == set(slurm["group-components"])


def test_the_plugin_reads_the_partitions_from_the_profile():
    from snakemake_executor_plugin_slurm.partitions import read_partition_file

    slurm = yaml.safe_load((SLURM / "config.yaml").read_text())
    partitions = read_partition_file(SLURM / slurm["slurm-partition-config"])
    limits = {partition.name: partition.limits.max_gpu for partition in partitions}
    assert limits == {"cpu": 0, "gpu": 1}


def test_the_account_of_the_top_block_is_asked_for(tmp_path):
    text = (SLURM / "config.yaml").read_text()
    profile = tmp_path / "site"
    profile.mkdir()
    (profile / "config.yaml").write_text(text.replace("slurm_account: null", "slurm_account: mine"))
    found = submissions(profile=profile)
    assert {r["slurm_account"] for _, r, *_ in found} == {"mine"}


@pytest.fixture(scope="module")
def options() -> set[str]:
    """Those of Snakemake and of the plugins that are installed."""
    done = subprocess.run(
        [sys.executable, "-m", "snakemake", "--help"], capture_output=True, text=True
    )
    return set(re.findall(r"--[a-z][a-z0-9-]+", done.stdout))


# Plugins that only some sites install; profiles/README.md says which versions it was read against.
ELSEWHERE = ("kubernetes-", "googlebatch-", "aws-batch-", "cluster-generic-", "storage-")
OTHERS = {"--cluster", "--name", "--python"}  # pytest's here, scancel's, uv's


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.parent.name)
def test_pages_name_options_and_files_that_exist(page, options):
    text = page.read_text()
    named = set(re.findall(r"(?<![\w-])--[a-z][a-z0-9-]+", text)) - OTHERS
    for block in re.findall(r"```yaml\n(.*?)```", text, re.DOTALL):
        profile = yaml.safe_load(block)
        named |= {f"--{key}" for key in profile}
    assert {n for n in named if not n[2:].startswith(ELSEWHERE)} <= options
    for target in re.findall(r"\]\(([^)#]+)\)", text):
        assert (page.parent / target).exists(), target
