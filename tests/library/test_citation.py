"""CITATION.cff follows the Citation File Format 1.2.0, and the version is the same everywhere.

The format's schema is not in the environment: these are its rules for the keys that we use.
"""

import datetime
import re
import tomllib

import pytest
import yaml

TEXT = (str,)
# Keys that we use, and their types: of the file, of a reference, of an author and an identifier.
FILE = {
    "cff-version": TEXT,
    "message": TEXT,
    "type": TEXT,
    "title": TEXT,
    "abstract": TEXT,
    "version": TEXT,
    "date-released": (datetime.date,),
    "license": TEXT,
    "authors": (list,),
    "keywords": (list,),
    "preferred-citation": (dict,),
    "references": (list,),
}
REFERENCE = {
    "type": TEXT,
    "title": TEXT,
    "authors": (list,),
    "year": (int,),
    "collection-title": TEXT,
    "conference": (dict,),
    "identifiers": (list,),
    "url": TEXT,
    "notes": TEXT,
}
PERSON = {"family-names": TEXT, "given-names": TEXT}
ENTITY = {"name": TEXT}
IDENTIFIER = {"type": TEXT, "value": TEXT, "description": TEXT}


@pytest.fixture
def citation(repository):
    return yaml.safe_load((repository / "CITATION.cff").read_text())


def check(block: dict, allowed: dict, required: set[str]):
    assert required <= set(block)
    for key, value in block.items():
        assert isinstance(value, allowed[key]), key
        assert value not in ("", [], {}), key


def check_reference(block: dict):
    check(block, REFERENCE, {"type", "title", "authors"})
    assert block["type"] == "conference-paper"
    for author in block["authors"]:
        check(author, PERSON, set(PERSON))
    check(block["conference"], ENTITY, {"name"})
    for identifier in block["identifiers"]:
        check(identifier, IDENTIFIER, {"type", "value"})
        assert identifier["type"] in ("doi", "url", "swh", "other")
    assert re.fullmatch(r"https?://\S+", block["url"])


def test_the_citation_file_follows_its_format(citation):
    check(citation, FILE, {"cff-version", "message", "title", "authors"})
    assert citation["cff-version"] == "1.2.0"
    assert citation["type"] == "software"
    for author in citation["authors"]:
        check(author, ENTITY, {"name"})
    assert len(set(citation["keywords"])) == len(citation["keywords"])
    for reference in (citation["preferred-citation"], *citation["references"]):
        check_reference(reference)


def test_the_citation_file_names_the_paper(citation):
    for reference in (citation["preferred-citation"], *citation["references"]):
        assert reference["identifiers"][0]["value"] == "arXiv:2310.19103"
        assert reference["url"] == "https://arxiv.org/abs/2310.19103"


def test_the_version_is_the_same_everywhere(citation, repository):
    project = tomllib.loads((repository / "pyproject.toml").read_text())["project"]
    assert citation["version"] == project["version"]
    assert citation["license"] == project["license"]
    newest = re.search(
        r"^## \[?([\d.]+)\]? - (\S+)$", (repository / "CHANGELOG.md").read_text(), re.MULTILINE
    )
    assert newest[1] == project["version"]
    assert newest[2] == citation["date-released"].isoformat()
