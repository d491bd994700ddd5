"""The crate of a finished run, against the profiles of Workflow Run RO-Crate, without a network."""

import hashlib
import io
import json
import runpy
import shutil
from importlib.resources import files

import pytest
import requests
import requests_cache
import urllib3
from rocrate.rocrate import ROCrate
from rocrate_validator import services

from lmc_ot import tables
from lmc_ot.provenance import crate
from support import REPOSITORY

CONTEXT = "https://w3id.org/ro/crate/1.1/context"
# The terms that version 1.3 of the context, which rocrate ships, spells in another way than 1.1.
OF_1_1 = {
    "ComputationalWorkflow": "https://bioschemas.org/ComputationalWorkflow",
    "FormalParameter": "https://bioschemas.org/FormalParameter",
    "input": "https://bioschemas.org/ComputationalWorkflow#input",
    "output": "https://bioschemas.org/ComputationalWorkflow#output",
}


class Shipped(requests.adapters.BaseAdapter):
    """Answers with the context that rocrate ships; anything else is an error."""

    def send(self, request, **_):
        assert request.url == CONTEXT
        context = json.loads((files("rocrate") / "data/ro-crate.jsonld").read_text())
        context["@context"] |= OF_1_1
        response = requests.Response()
        response.status_code, response.url, response.request = 200, request.url, request
        response.headers["Content-Type"] = "application/ld+json"
        body = io.BytesIO(json.dumps(context).encode())
        response.raw = urllib3.HTTPResponse(body=body, status=200, preload_content=False)
        return response

    def close(self):
        pass


@pytest.fixture(scope="module")
def cache(tmp_path_factory):
    """What the validator's offline mode reads instead of the network."""
    path = tmp_path_factory.mktemp("cache") / "http"
    with requests_cache.CachedSession(str(path), backend="sqlite", expire_after=-1) as session:
        session.mount("https://", Shipped())
        accepted = "application/ld+json, application/json, */*;q=0.1"
        session.get(CONTEXT, headers={"Accept": accepted}).raise_for_status()
    return path


@pytest.fixture(scope="module")
def written(finished_once, tmp_path_factory):
    folder = tmp_path_factory.mktemp("run") / "checkout"
    shutil.copytree(finished_once[0], folder, symlinks=True)
    shutil.copy(REPOSITORY / "LICENSE", folder)
    return crate.write(folder, [folder / "config/config.yaml"])


@pytest.fixture(scope="module")
def violations(cache):
    """Of a crate's folder, or of metadata alone: what the profiles require and is not there."""

    def found(folder=None, metadata=None):
        settings = {
            "rocrate_uri": str(folder) if folder else None,
            "profile_identifier": "provenance-run-crate",
            "offline": True,
            "cache_path": str(cache),
        }
        if metadata:
            result = services.validate_metadata_as_dict(metadata, settings)
        else:
            result = services.validate(settings)
        assert result.passed() == (not result.get_issues())
        return {issue.message for issue in result.get_issues()}

    return found


def test_a_crate_meets_the_profiles(written, violations):
    """Of provenance run crates, and those that it builds on: workflow run crates, RO-Crate 1.1."""
    assert violations(written) == set()


COMMITTED = sorted(REPOSITORY.glob("paper_figures/*/crate.zip"))


def test_the_crate_of_the_papers_run_is_committed():
    assert REPOSITORY / "paper_figures/paper/crate.zip" in COMMITTED


@pytest.mark.parametrize("committed", COMMITTED, ids=lambda path: path.parent.name)
def test_a_committed_crate_meets_the_profiles(committed, violations):
    assert violations(committed) == set()


def is_rewritten(deposited, committed):
    """The committed table is the deposited one, rewritten by the command of `redrawn.json`."""
    script = runpy.run_path(str(REPOSITORY / "paper_figures/rewrite_columns.py"))
    if committed.suffix == ".csv":
        content = script["rewritten_csv"](deposited.read_bytes())
        assert content == committed.read_bytes(), committed
        return
    assert script["rewrite_parquet"](deposited), committed
    assert tables.read("results", deposited).equals(tables.read("results", committed))
    assert tables.metadata("results", deposited) == tables.metadata("results", committed)


@pytest.mark.parametrize("committed", COMMITTED, ids=lambda path: path.parent.name)
def test_a_committed_crate_is_of_the_committed_figures(committed, tmp_path):
    figures = committed.parent
    shutil.unpack_archive(committed, tmp_path)
    deposited = (tmp_path / "paper_figures" / figures.name).iterdir()
    redrawn = figures / "redrawn.json"
    noted = json.loads(redrawn.read_text()) if redrawn.exists() else {"figures": []}
    changed, added = tuple(noted["figures"]), set(noted.get("added", {"files": []})["files"])

    def of_the_run(paths):
        """Without the figures that were drawn again later, from the run's results."""
        return [path for path in paths if not path.name.startswith(("redrawn.json", *changed))]

    files = {path.name: path.read_bytes() for path in of_the_run(deposited)}
    assert set(files) == {path.name for path in of_the_run(figures.iterdir())} - {
        "crate.zip",
        *added,
    }
    rewritten = set(noted.get("rewritten", {"files": []})["files"]) & set(files)
    differing = {name for name in files if (figures / name).read_bytes() != files[name]}
    assert differing == rewritten
    for name in rewritten:
        is_rewritten(tmp_path / "paper_figures" / figures.name / name, figures / name)
    record = (tmp_path / f"benchmark/{figures.name}.json").read_bytes()
    assert record == (figures / "provenance.json").read_bytes()


def test_an_archive_holds_what_a_folder_does(written, finished_once, tmp_path):
    folder = tmp_path / "checkout"
    shutil.copytree(finished_once[0], folder, symlinks=True)
    shutil.copy(REPOSITORY / "LICENSE", folder)
    made = crate.write(folder, [folder / "config/config.yaml"], tmp_path / "made/run.zip")
    assert [path.name for path in made.parent.iterdir()] == ["run.zip"]
    shutil.unpack_archive(made, tmp_path / "unpacked")

    def content(root):
        return {p.relative_to(root): p.read_bytes() for p in root.rglob("*") if p.is_file()}

    assert content(tmp_path / "unpacked") == content(written)


# Entity, its key, and what the validator says without it: each is of another check.
REQUIRED = (
    ("./", "license", "The Crate (Root Data Entity) must specify a license"),
    ("./", "mainEntity", "The Main Workflow must be specified"),
    ("./", "conformsTo", "versioned permalink of the Provenance Run Crate"),
    ("Snakefile", "hasPart", "MUST refer to orchestrated tools"),
    ("#run", "instrument", "MUST have an instrument property"),
    ("#engine", "object", "must reference the ControlAction instances"),
)


def test_the_validator_misses_what_is_required(written, violations, tmp_path):
    """Entities of all profiles without a key, and a figure: so a crate that passes has them."""
    shutil.copytree(written, tmp_path / "crate")
    metadata = json.loads((written / crate.METADATA).read_text())
    for entity, key, _ in REQUIRED:
        (found,) = [e for e in metadata["@graph"] if e["@id"] == entity]
        del found[key]
    (tmp_path / "crate" / crate.METADATA).write_text(json.dumps(metadata))
    (tmp_path / "crate/paper_figures/default/figure2.png").unlink()
    issues = violations(tmp_path / "crate")
    for message in ("figure2.png", *(message for *_, message in REQUIRED)):
        assert any(message in issue for issue in issues), message


def test_rocrate_reads_it(written, finished_once):
    """Every job of the run is there once, with what it read and made."""
    read = ROCrate(written)
    assert read.mainEntity.id == "Snakefile"
    jobs = {e.id: e for e in read.get_entities() if e.id.startswith("#job/") and "object" in e}
    logs = finished_once[0] / "logs/default"
    assert set(jobs) == {
        f"#job/{path.relative_to(logs).with_suffix('')}" for path in logs.rglob("*.log")
    }
    match = jobs["#job/digits-mlp/learning_rate-1.000e-01/match"]
    run = "#results/default/digits-mlp/learning_rate-1.000e-01"
    assert {e.id for e in match["result"]} == {
        f"{run}/{name}.parquet" for name in ("permutations", "objectives", "dimensions")
    }
    assert f"{run}/checkpoints.parquet" in {e.id for e in match["object"]}
    assert match["instrument"].id == "workflow/scripts/match.py"
    assert {e["name"] for e in match["resourceUsage"]} == set(crate.USAGE)
    figures = finished_once[0] / "paper_figures/default"
    assert {e.id for e in read.get("#run")["result"]} == {
        str(path.relative_to(finished_once[0])) for path in figures.rglob("*") if path.is_file()
    }


def test_every_file_that_is_deposited_has_its_digest(written):
    graph = json.loads((written / crate.METADATA).read_text())["@graph"]
    files = [e for e in graph if e["@type"] == "File"]
    assert {"figure2.png", "results.csv", "config.yaml", "default.json"} <= {
        e["name"] for e in files
    }
    for entity in files:
        content = (written / entity["@id"]).read_bytes()
        assert entity["sha256"] == hashlib.sha256(content).hexdigest(), entity["@id"]


def test_every_reference_is_to_something_described(written):
    metadata = json.loads((written / crate.METADATA).read_text())
    described = [entity["@id"] for entity in metadata["@graph"]]
    assert len(described) == len(set(described))

    def references(value):
        if isinstance(value, list):
            return [i for item in value for i in references(item)]
        return [value["@id"]] if isinstance(value, dict) else []

    local = {
        i
        for entity in metadata["@graph"]
        for value in entity.values()
        for i in references(value)
        if not i.startswith("https:")
    }
    assert local <= set(described)
