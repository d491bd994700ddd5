"""The software environments: one set of versions, and every rule complete."""

import ast
import re
import sys

import pytest
import yaml

from lmc_ot.provenance import code
from support import REPOSITORY

ENVIRONMENTS = sorted((REPOSITORY / "envs").glob("*.yaml"))
# Names of conda's packages that differ from the index's, and of modules that differ from those.
CONDA = {"pytorch": "torch", "matplotlib-base": "matplotlib"}
MODULES = {"PIL": "pillow", "sklearn": "scikit-learn", "yaml": "pyyaml"}


def pinned(name: str = "requirements") -> dict[str, str]:
    text = (REPOSITORY / f"envs/{name}.txt").read_text()
    return dict(re.findall(r"^([a-z0-9._-]+)==([^\s;\\]+)", text, re.MULTILINE))


def packages(environment: str) -> dict[str, str]:
    listed = yaml.safe_load((REPOSITORY / "envs" / environment).read_text())["dependencies"]
    parts = dict(item.split("=") for item in listed)
    return {CONDA.get(name, name): version for name, version in parts.items()}


def rules() -> dict[str, str]:
    """Rule -> its text; not of a rule that is a target only."""
    found = {}
    for path in sorted((REPOSITORY / "rules").glob("*.smk")):
        for part in re.split(r"^rule ", path.read_text(), flags=re.MULTILINE)[1:]:
            if "output:" in part:
                found[part.split(":")[0]] = part
    return found


@pytest.mark.parametrize("path", ENVIRONMENTS, ids=lambda path: path.stem)
def test_conda_versions_are_the_pinned_ones(path):
    versions = packages(path.name)
    assert versions.pop("python") == "3.11"
    assert {name: pinned().get(name) for name in versions} == versions


@pytest.mark.parametrize("name", ["requirements", "docs"])
def test_what_is_pinned_is_what_was_asked_for(name):
    text = (REPOSITORY / f"envs/{name}.in").read_text()
    asked = dict(re.findall(r"^([a-z0-9._-]+)==([^\s#]+)", text, re.MULTILINE))
    assert {package: pinned(name).get(package) for package in asked} == asked


def test_requirements_have_hashes_and_name_no_host():
    for name in ("requirements.txt", "docs.txt", "uv.txt"):
        text = (REPOSITORY / "envs" / name).read_text()
        assert "://" not in text
        for requirement in re.split(r"\n(?=[a-z])", text.split("\n", 1)[1]):
            assert "--hash=sha256:" in requirement, requirement[:60]


@pytest.mark.parametrize("rule", rules())
def test_every_rule_is_complete(rule):
    for directive in ("message", "log", "benchmark", "conda", "threads", "resources", "script"):
        assert re.search(rf"^    {directive}:", rules()[rule], re.MULTILINE), directive


@pytest.mark.parametrize("rule", rules())
def test_an_environment_holds_what_its_rules_import(rule):
    text = rules()[rule]
    script = REPOSITORY / "workflow/scripts" / re.search(r"scripts/(\w+\.py)", text)[1]
    environment = re.search(r"envs/(\w+\.yaml)", text)[1]
    files = {script, *code.imported(script), *_registered(script)}
    needed = set().union(*(_third_party(file) for file in files))
    assert needed <= set(packages(environment)), needed


def _registered(script):
    """What a script's registries can import."""
    for package in re.findall(r"from lmc_ot\.([\w.]+) import REGISTRY", script.read_text()):
        for file in (code.PACKAGE / package.replace(".", "/")).glob("*.py"):
            yield from {file, *code.imported(file)}


def _third_party(file) -> set[str]:
    found = set()
    for node in ast.walk(ast.parse(file.read_text())):
        if isinstance(node, ast.Import):
            found |= {alias.name.split(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and not node.level:
            found.add(node.module.split(".")[0])
    ours = {"lmc_ot", "adapter"}
    return {MODULES.get(name, name) for name in found - ours - set(sys.stdlib_module_names)}
