"""The shipped profile on a real SLURM: the real workflow, killed jobs, a killed main process."""

import re
import subprocess
import sys

from support import REPOSITORY

from .conftest import CONFIG, jobs_of

FIGURES = ("figure1", "figure2", "theory_isotropic")
MEASURED = ["evaluate_path", "match"]
# Of networks without convolutions, here also all pairs.
ALL_PAIRS = sorted([*MEASURED, "evaluate_midpoints", "match_all_pairs"])


def named(jobs, pattern):
    """Those whose comment, in which the plugin names rule or group, matches."""
    return [job for job in jobs if re.search(pattern, job["Comment"])]


def gpus(job) -> str:
    return job.get("TresPerJob", "")


def test_all_figures_arrive(story):
    assert story.recovered.process.returncode == 0, story.recovered.output[-5000:]
    folder = story.folder / "paper_figures/cluster"
    for name in FIGURES:
        for kind in ("pdf", "svg", "png"):
            assert (folder / f"{name}.{kind}").stat().st_size > 1000
    for name in ("results.csv", "comparison.md"):
        assert (folder / name).stat().st_size > 0


def test_what_trains_or_streams_asks_for_a_gpu_and_nothing_else_does(slurm, story):
    jobs = jobs_of(slurm, story.recovered)
    asking = named(jobs, "^rule_train_|^rule_convnet-")
    others = [job for job in jobs if job not in asking]
    assert len(named(others, "match")) == 2
    assert {(gpus(job), job["Partition"]) for job in asking} == {("gres:gpu:1", "gpu")}
    assert {(gpus(job), job["Partition"]) for job in others} == {("", "cpu")}


def test_what_is_measured_of_a_setting_is_one_job(slurm, story):
    jobs = named(jobs_of(slurm, story.recovered), "evaluate_path")
    groups = [
        re.search(r"^rule_(\w+-\w+-\d\.\d+e-\d+)_([\w.]+)$", job["Comment"]).groups()
        for job in jobs
    ]
    all_pairs = "_".join(ALL_PAIRS)
    assert sorted(groups) == [
        ("convnet-learning_rate-1.000e-02", "_".join(MEASURED)),
        ("mlp-learning_rate-1.000e-01", all_pairs),
        ("mlp-learning_rate-1.000e-02", all_pairs),
    ]
    figures = named(jobs_of(slurm, story.recovered), "^rule_figures_")
    assert len(figures) == 1
    assert "collect" in figures[0]["Comment"]
    # Experiments on theorems wait for nothing: the run that was killed may have ended them.
    of_theory = named(slurm.jobs(), "^rule_measure_theory|^rule_theory_")
    assert named(of_theory, "^rule_measure_theory") and named(of_theory, "^rule_theory_")
    # Three trainings, one of them twice.
    others = [job for job in jobs_of(slurm, story.recovered) if job not in of_theory]
    assert len(others) == 4 + len(groups) + 1


def test_a_job_killed_for_memory_comes_back_with_more(slurm, story):
    first, second = named(
        jobs_of(slurm, story.recovered), "^rule_train_.*mlp_learning_rate-1.000e-01"
    )
    assert (first["JobState"], second["JobState"]) == ("FAILED", "COMPLETED")
    assert (first["MinMemoryNode"], second["MinMemoryNode"]) == ("300M", "2400M")
    with open(first["StdErr"]) as log:
        assert "exceeded memory limit" in log.read()
    assert f"SLURM-job '{first['JobId']}' failed" in story.recovered.output
    # The rule's own time grows too.
    assert minutes(second["TimeLimit"]) == 2 * minutes(first["TimeLimit"])


def minutes(limit: str) -> int:
    days, _, clock = limit.rpartition("-")
    hours, rest, _ = clock.split(":")
    return (int(days or 0) * 24 + int(hours)) * 60 + int(rest)


def test_jobs_outlive_the_main_process_and_recovery_leaves_none_twice(slurm, story):
    assert len(named(story.left, "^rule_train_")) == 3
    assert "LockException" in story.locked.output
    old = {job["JobId"]: job["JobState"] for job in jobs_of(slurm, story.killed)}
    assert {old[job["JobId"]] for job in story.left} == {"CANCELLED"}
    assert "CANCELLED" not in {job["JobState"] for job in jobs_of(slurm, story.recovered)}


def test_nothing_is_left_to_do_here_or_on_the_cluster(slurm, story):
    for options in ([], ["--profile", str(REPOSITORY / "profiles/slurm")]):
        done = subprocess.run(
            [sys.executable, "-m", "snakemake", "--dry-run", "--configfile", CONFIG, *options],
            cwd=story.folder,
            capture_output=True,
            text=True,
        )
        assert "Nothing to be done" in done.stdout + done.stderr


def test_a_job_over_its_time_is_reported_with_its_log(slurm, late):
    assert late.wait() != 0
    (job,) = jobs_of(slurm, late)
    assert job["JobState"] == "TIMEOUT"
    assert "SLURM status is: 'TIMEOUT'" in late.output
    assert job["StdErr"] in late.output
    assert "slow.log" in late.output
    with open(job["StdErr"]) as log:
        assert "DUE TO TIME LIMIT" in log.read()


def test_no_job_is_left_in_the_queue(slurm, story, late):
    late.wait()
    assert slurm.queue() == []
