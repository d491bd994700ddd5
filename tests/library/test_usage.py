"""Rolling up benchmark files, by hand-made ones whose sums are known."""

import re

import pytest

from lmc_ot.errors import TableError
from lmc_ot.provenance import usage
from support import REPOSITORY

HEADER = "s\th:m:s\tmax_rss\tmax_vms\tmax_uss\tmax_pss\tio_in\tio_out\tmean_load\tcpu_time\n"


def job(folder, path, seconds, memory, cpu, log=None, repeat=1):
    file = folder / f"benchmark/run/{path}.tsv"
    file.parent.mkdir(parents=True, exist_ok=True)
    row = f"{seconds}\t0:00:01\t{memory}\t9\t9\t9\t0\t0\t50\t{cpu}\n"
    file.write_text(HEADER + row * repeat)
    if log is not None:
        file = folder / f"logs/run/{path}.log"
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(log)


def rolled_up(folder):
    return usage.roll_up(folder / "benchmark/run", folder / "logs/run")


def test_sums_and_maxima_of_a_rule_in_the_workflows_order(tmp_path):
    job(tmp_path, "one/learning_rate-1.000e-01/match", 3.0, 100.2, 2.5)
    job(tmp_path, "one/learning_rate-1.000e-02/match", 1.5, 300.6, 1.0)
    log = "epoch 1\ngpu memory: 70 MiB of NVIDIA H100\n"
    job(tmp_path, "one/learning_rate-1.000e-01/train", 10.0, 50.0, 9.0, log)
    job(
        tmp_path,
        "one/learning_rate-1.000e-02/train",
        12.0,
        40.0,
        11.0,
        "gpu memory: 120 MiB of NVIDIA H100\n",
    )
    job(tmp_path, "prepare_dataset/digits", 1.0, 10.0, 1.0, "nothing to say")
    job(tmp_path, "derive_groups/mlp-0123abcd", 2.0, 10.0, 1.0)
    job(tmp_path, "derive_groups/convnet-4567cdef", 4.0, 10.0, 1.0)
    rows = rolled_up(tmp_path)
    assert [row["rule"] for row in rows] == [
        "prepare_dataset", "derive_groups", "train", "match", "all"
    ]  # fmt: skip
    assert (rows[1]["jobs"], rows[1]["seconds"]) == (2, 6.0)
    rows.pop(1)
    assert rows[1] == {
        "rule": "train", "jobs": 2, "seconds": 22.0, "longest_seconds": 12.0, "cpu_seconds": 20.0,
        "peak_memory_mib": 50, "gpu_memory_mib": 120,
    }  # fmt: skip
    assert rows[2] == {
        "rule": "match", "jobs": 2, "seconds": 4.5, "longest_seconds": 3.0, "cpu_seconds": 3.5,
        "peak_memory_mib": 301, "gpu_memory_mib": "",
    }  # fmt: skip
    assert rows[3]["jobs"] == 7
    assert rows[3]["seconds"] == 33.5


def test_repetitions_of_a_job_are_averaged(tmp_path):
    job(tmp_path, "collect", 2.0, 10.0, 1.0, repeat=3)
    assert rolled_up(tmp_path)[0]["seconds"] == 2.0


def test_a_job_too_short_to_be_looked_at(tmp_path):
    job(tmp_path, "collect", 0.1, "-", "NA")
    assert rolled_up(tmp_path)[0]["peak_memory_mib"] == 0


def test_no_files_no_rows(tmp_path):
    assert rolled_up(tmp_path) == []


@pytest.mark.parametrize("content", ["", HEADER, "s\tmax_rss\n1\t2\n", HEADER + "x\t" * 9 + "y\n"])
def test_a_file_that_is_no_benchmark_is_named(content, tmp_path, one_line):
    job(tmp_path, "collect", 1, 1, 1)
    path = tmp_path / "benchmark/run/collect.tsv"
    path.write_text(content)
    with pytest.raises(TableError) as error:
        rolled_up(tmp_path)
    one_line(error, path)


def test_the_csv_and_the_text(tmp_path):
    job(tmp_path, "collect", 2.0, 10.0, 1.0)
    rows = rolled_up(tmp_path)
    usage.write(tmp_path / "run.csv", rows)
    lines = (tmp_path / "run.csv").read_text().splitlines()
    assert lines == [
        ",".join(usage.COLUMNS),
        "collect,1,2.0,2.0,1.0,10,",
        "all,1,2.0,2.0,1.0,10,",
    ]
    shown = usage.text(rows).splitlines()
    assert shown[0].startswith("rule")
    assert shown[1].split() == ["collect", "1", "2.0", "2.0", "1.0", "10"]


def test_every_rule_of_the_workflow_is_known():
    rules = {
        name
        for path in (REPOSITORY / "rules").glob("*.smk")
        for name in re.findall(
            r"^(?:rule|use rule \w+ as) (\w+)", path.read_text(), flags=re.MULTILINE
        )
    }
    assert rules - {"theory"} == set(usage.RULES)  # that one is a target only


def test_a_figure_that_is_called_as_a_rule_is_a_figure(tmp_path):
    job(tmp_path, "draw_figure/train", 2.0, 10.0, 1.0)
    job(tmp_path, "measure_theory/match", 3.0, 10.0, 1.0)
    assert [row["rule"] for row in rolled_up(tmp_path)] == ["draw_figure", "measure_theory", "all"]


def test_jobs_that_are_not_of_the_run_do_not_count(tmp_path):
    job(tmp_path, "one/learning_rate-1.000e-01/train", 2.0, 10.0, 1.0)
    job(tmp_path, "one/learning_rate-1.000e-02/train", 4.0, 10.0, 1.0)
    rows = usage.roll_up(
        tmp_path / "benchmark/run",
        tmp_path / "logs/run",
        lambda path: "learning_rate-1.000e-01" in path.parts,
    )
    assert [(row["rule"], row["seconds"]) for row in rows] == [("train", 2.0), ("all", 2.0)]
