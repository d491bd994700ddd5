"""What a person sees of a run: the jobs, how far it is, why one failed, what it cost."""

import csv
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
import yaml

from support import REPOSITORY, snakemake, succeeds

from .conftest import reduced_default, write_config

CONFIG = yaml.safe_load("""
name: small
seed: 5
device: cpu
experiments:
  digits:
    dataset: {name: digits}
    network: {name: mlp, hidden_widths: [64, 64]}
    training: {batch_size: 50, epochs: 5}
    sweep: {training.learning_rate: [1.0e-1]}
    networks: 4
    matchers: {naive_wm: {}}
    path: {points: 3}
""")
RUN = "results/small/digits/learning_rate-1.000e-01"


@pytest.fixture(scope="module")
def config(tmp_path_factory):
    path = tmp_path_factory.mktemp("config") / "config.yaml"
    path.write_text(yaml.safe_dump(CONFIG))
    return path


@pytest.fixture(scope="module")
def undisturbed(config, tmp_path_factory):
    """A folder in which the networks were trained."""
    folder = tmp_path_factory.mktemp("undisturbed")
    succeeds(snakemake(folder, f"{RUN}/checkpoints.parquet", "--configfile", config))
    return folder


def test_progress_names_the_experiment_and_the_setting(finished_once):
    _, said = finished_once
    assert "train digits-mlp at learning_rate-1.000e-01" in said
    assert "match digits-mlp at learning_rate-1.000e-01" in said
    assert re.search(r"\d+ of \d+ steps \(\d+%\) done", said)
    # The reasons of a first run are hundreds of files.
    assert "Reason: " not in said


def test_the_benchmarks_are_rolled_up_into_one_table(finished_once):
    folder, said = finished_once
    with open(folder / "benchmark/default.csv", newline="") as file:
        rows = {row["rule"]: row for row in csv.DictReader(file)}
    benchmarks = list((folder / "benchmark/default").rglob("*.tsv"))
    assert int(rows["all"]["jobs"]) == len(benchmarks)
    assert int(rows["train"]["jobs"]) == len([p for p in benchmarks if p.stem == "train"])
    for rule, row in rows.items():
        assert float(row["seconds"]) > 0
        assert re.search(rf"^{rule} +{row['jobs']} +{row['seconds']}", said, re.MULTILINE)


def test_a_job_that_fails_says_where_its_log_is_and_shows_it(config, undisturbed, tmp_path):
    """A fault of the code, with its traceback; a killed job, with what it said until then."""
    target = f"{RUN}/checkpoints.parquet"
    folder, broken = tmp_path / "run", tmp_path / "broken"
    subprocess.run(["cp", "-a", undisturbed, folder], check=True)
    broken.mkdir()
    (broken / "sitecustomize.py").write_text(
        "import sys\n"
        "if any('train' in a for a in sys.argv):\n"
        "    import numpy\n"
        "    numpy.stack = None\n"
    )
    (folder / target).unlink()
    finished = snakemake(
        folder,
        target,
        "--configfile",
        config,
        PYTHONPATH=str(broken),
        LMC_SNAPSHOT_SECONDS="null",
    )
    assert finished.returncode != 0
    log = "logs/small/digits/learning_rate-1.000e-01/train.log"
    assert f"(log: {log})" in finished.stdout
    shown = finished.stdout.split(f"Logfile {log}:")[1]
    assert "Traceback (most recent call last)" in shown
    assert "TypeError" in shown
    assert not (folder / target).exists()


def _start(folder, config, target):
    return subprocess.Popen(
        [
            sys.executable, "-m", "snakemake", target, "--snakefile", REPOSITORY / "Snakefile",
            "--directory", folder, "--cores", "2", "--configfile", config,
        ],
        env={**os.environ, "LMC_COMMIT": "test", "LMC_SNAPSHOT_SECONDS": "0"},
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, start_new_session=True,
    )  # fmt: skip


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM, signal.SIGINT])
def test_a_training_that_is_stopped_goes_on_and_ends_with_the_same_bits(
    number, config, undisturbed, tmp_path
):
    """The whole session gets the signal, as from a power cut, a batch system or Ctrl-C."""
    target = f"{RUN}/checkpoints.parquet"
    stopped = tmp_path / "stopped"
    stopped.mkdir()
    run = _start(stopped, config, target)
    snapshot = stopped / RUN / "snapshots/networks-0-3.parquet"
    while run.poll() is None and not snapshot.exists():
        time.sleep(0.01)
    os.killpg(run.pid, number)
    said = run.communicate()[0]
    assert run.returncode != 0, said
    assert not (stopped / target).exists()
    assert snapshot.exists()
    if number == signal.SIGINT:
        assert "train: stopped by SIGINT: run snakemake again" in said

    if number == signal.SIGKILL:
        succeeds(snakemake(stopped, "--unlock", "--configfile", config))
    succeeds(snakemake(stopped, target, "--configfile", config))
    log = (stopped / "logs/small/digits/learning_rate-1.000e-01/train.log").read_text()
    assert re.search(r"^continuing after step [1-9]\d* of \d+$", log, re.MULTILINE), log
    assert not snapshot.parent.exists()
    one, other = (folder / target for folder in (undisturbed, stopped))
    assert one.read_bytes() == other.read_bytes()


def test_the_record_names_configs_in_the_order_in_which_they_apply(tmp_path):
    """Snakemake loads the default after one that has no experiments, and applies it before."""
    shutil.copytree(REPOSITORY / "config", tmp_path / "config")
    (tmp_path / "mine.yaml").write_text("name: mine\nseed: 7\n")
    target = "results/mine/datasets/digits.parquet"
    succeeds(snakemake(tmp_path, target, "--configfile", tmp_path / "mine.yaml"))
    found = json.loads((tmp_path / "benchmark/mine.json").read_text())
    assert [Path(name).name for name in found["config_files"]] == ["config.yaml", "mine.yaml"]
    assert (found["name"], found["seed"]) == ("mine", 7)


def test_what_a_finished_run_cannot_record_is_said_in_one_line(tmp_path):
    table = tmp_path / "results/default/digits-mlp/learning_rate-1.000e-01/path.parquet"
    table.parent.mkdir(parents=True)
    table.write_bytes(b"PAR1 and no more")
    shutil.copytree(REPOSITORY / "config", tmp_path / "config")
    said = succeeds(snakemake(tmp_path, "results/default/datasets/digits.parquet"))
    (line,) = [line for line in said.splitlines() if line.startswith("no record of the run: ")]
    assert "path.parquet: damaged" in line
    assert "Traceback" not in said


def would_do(folder):
    """What the jobs of a dry run say, sorted."""
    said = succeeds(snakemake(folder, "--dry-run", repository=folder))
    return sorted(re.findall(r"^Job \d+: (.+)$", said, re.MULTILINE))


def test_standardising_a_data_set_runs_what_is_behind_it_again_and_no_other_experiment(finished):
    config = reduced_default()
    config["experiments"]["digits-pair"]["dataset"]["standardise"] = "measured"
    write_config(finished, config)
    jobs = would_do(finished)
    (prepared,) = [job for job in jobs if job.startswith("prepare ")]
    assert re.fullmatch("prepare data set digits-[0-9a-f]{16}", prepared)
    pair = "digits-pair at learning_rate-3.000e-02"
    assert [job for job in jobs if "learning_rate" in job] == [
        f"evaluate paths of {pair}",
        f"match {pair}",
        f"train {pair}",
    ]
    # The groups of a network are those of its images, too.
    (derived,) = [job for job in jobs if job.startswith("derive ")]
    assert re.fullmatch("derive the groups of mlp-[0-9a-f]{8}", derived)
    assert {"tabulate figure1a", "draw figure1", "collect the results"} < set(jobs)
    # Panels of another experiment that are not made of the results of all of them.
    assert not {"tabulate figure1b", "tabulate figure4", "draw figure4"} & set(jobs)


def test_writing_out_that_a_data_set_is_not_standardised_runs_nothing_again(finished):
    config = reduced_default()
    for experiment in config["experiments"].values():
        experiment["dataset"]["standardise"] = None
    write_config(finished, config)
    assert would_do(finished) == []
