"""The records that Snakemake keeps of a run, made by hand."""

import base64
import json

import pytest

from lmc_ot.errors import ConfigError, TableError, UserError
from lmc_ot.provenance import crate

FIGURE, RESULTS = "paper_figures/small/figure1.png", "results/small/results.parquet"


def record(folder, output, rule, start, inputs=(), piece=200, **more):
    """As Snakemake: a file named by the output's path in base64, cut where it is too long."""
    name = base64.urlsafe_b64encode(output.encode()).decode()
    pieces = [name[i : i + piece] for i in range(0, len(name), piece)]
    path = folder.joinpath(".snakemake/metadata", *[f"@{p}" for p in pieces[:-1]], pieces[-1])
    path.parent.mkdir(parents=True, exist_ok=True)
    about = {
        "rule": rule, "log": [f"logs/small/{rule}.log"], "input": list(inputs),
        "starttime": start, "endtime": start + 1, "input_checksums": {},
        "code": f'"../workflow/scripts/{rule}.py"',
    }  # fmt: skip
    path.write_text(json.dumps(about | more))
    file = folder / output
    file.parent.mkdir(parents=True, exist_ok=True)
    file.touch()


@pytest.fixture
def run(tmp_path):
    """A training, its results and a figure."""
    checkpoints = "results/small/mlp/learning_rate-1.000e-01/checkpoints.parquet"
    history = "results/small/mlp/learning_rate-1.000e-01/history.parquet"
    record(tmp_path, checkpoints, "train", 10.0, piece=20)
    record(tmp_path, history, "train", 10.5)
    record(tmp_path, RESULTS, "collect", 20.0, [checkpoints, history])
    hashes = {RESULTS: "sha256:12ab", checkpoints: "an mtime"}
    record(tmp_path, FIGURE, "draw_figure", 30.0, [RESULTS], input_checksums=hashes)
    return tmp_path


def test_the_outputs_of_a_job_are_put_together(run):
    jobs, hashes = crate.read_jobs(run, "small")
    assert [(job.rule, len(job.outputs), job.start, job.end) for job in jobs] == [
        ("train", 2, 10.0, 11.5),
        ("collect", 1, 20.0, 21.0),
        ("draw_figure", 1, 30.0, 31.0),
    ]
    assert jobs[0].script == "workflow/scripts/train.py"
    assert hashes == {RESULTS: "12ab"}


def test_what_no_result_depends_on_is_left_out(run):
    """A setting that the config dropped; a run of another name."""
    before = crate.read_jobs(run, "small")
    record(run, "results/small/mlp/learning_rate-1.000e-03/history.parquet", "dropped", 1.0)
    record(run, "paper_figures/other/figure1.png", "other", 2.0)
    assert crate.read_jobs(run, "small") == before


def test_a_figure_that_a_clone_brought_is_no_result(run):
    (run / "paper_figures/small/brought.png").touch()
    jobs, _ = crate.read_jobs(run, "small")
    assert "brought" not in str(jobs)


@pytest.mark.parametrize("lacking", ["run", "results"])
def test_without_a_finished_run_there_is_no_crate(lacking, run):
    if lacking == "results":
        (run / RESULTS).unlink()
    with pytest.raises(TableError, match="run the workflow there first"):
        crate.read_jobs(run, "another" if lacking == "run" else "small")


def test_a_config_needs_a_name(tmp_path):
    config = tmp_path / "overlay.yaml"
    config.write_text("seed: 1\n")
    with pytest.raises(ConfigError, match="the key 'name' is missing"):
        crate.write(tmp_path, [config])


def test_a_config_that_is_not_there_is_named(tmp_path):
    with pytest.raises(ConfigError, match=r"absent\.yaml"):
        crate.write(tmp_path, [tmp_path / "absent.yaml"])


def test_a_crate_is_not_overwritten(run):
    config = run / "config.yaml"
    config.write_text("name: small\n")
    (run / "crates/small").mkdir(parents=True)
    with pytest.raises(UserError, match="already exists"):
        crate.write(run, [config])


def test_authors(run):
    jobs, hashes = crate.read_jobs(run, "small")
    about = {"commit": "test", "device": "cpu", "seed": 0, "versions": {"snakemake": "9"}}
    given = ["Ada Lovelace <https://orcid.org/0000-0000>", "The authors"]
    graph = crate.describe(jobs, hashes, "small", ["config/a.yaml"], about, {}, given, [])["@graph"]
    (root,) = [entity for entity in graph if entity["@id"] == "./"]
    people = [entity for entity in graph if entity["@type"] in ("Person", "Organization")]
    assert [author["@id"] for author in root["author"]] == [one["@id"] for one in people]
    assert people == [
        {"@id": "https://orcid.org/0000-0000", "@type": "Person", "name": "Ada Lovelace"},
        {"@id": "#The-authors", "@type": "Organization", "name": "The authors"},
    ]


def test_the_configs_are_those_of_the_run(run, one_line):
    """The record of the run knows them: a crate with others would say what is not so."""
    (run / "benchmark").mkdir()
    ran = ["config/a.yaml", "config/b.yaml"]
    (run / "benchmark/small.json").write_text(json.dumps({"config_files": ran}))
    (run / "config").mkdir()
    for name in ("a", "b"):
        (run / f"config/{name}.yaml").write_text("name: small\n")
    for given in (["a"], ["b", "a"]):
        with pytest.raises(ConfigError) as error:
            crate.write(run, [run / f"config/{name}.yaml" for name in given])
        one_line(error, "the run used config/a.yaml, config/b.yaml")


@pytest.mark.parametrize("content", ["- name\n", "name: a\nname: b\n", "\x89PNG", "a: [\n"])
def test_what_is_no_config_is_said_in_one_line(content, tmp_path, one_line):
    path = tmp_path / "given.yaml"
    path.write_bytes(content.encode("latin-1"))
    with pytest.raises(ConfigError) as error:
        crate.write(tmp_path, [path])
    one_line(error, path)
