"""What a file says of where it comes from."""

import json
import os
import shutil
import subprocess
from pathlib import Path

import numpy as np
import pytest

from lmc_ot import environment


def test_equal_values_have_equal_hashes_whatever_the_order_of_keys():
    assert environment.digest({"a": 1, "b": [1, 2]}) == environment.digest({"b": [1, 2], "a": 1})


@pytest.mark.parametrize(
    "other", [{"a": 2, "b": [1, 2]}, {"a": 1, "b": [2, 1]}, {"a": "1", "b": [1, 2]}, {"a": 1}]
)
def test_different_values_have_different_hashes(other):
    assert environment.digest({"a": 1, "b": [1, 2]}) != environment.digest(other)


def test_a_hash_is_short_and_the_same_everywhere():
    """SHA-256 of ``["a", 1]``."""
    assert environment.digest(["a", 1]) == "2657442bb4a48d62"


@pytest.fixture
def commit():
    """The function, without what it knows from before."""
    caches = (environment.commit, environment.unknown_commit)
    for function in caches:
        function.cache_clear()
    yield environment.commit
    for function in caches:
        function.cache_clear()


def test_the_commit_can_be_given(commit, monkeypatch):
    monkeypatch.setenv("LMC_COMMIT", "abc")
    assert commit() == "abc"


@pytest.fixture
def checkout(tmp_path, monkeypatch):
    """A git checkout with the library at its place, and git in it."""
    if shutil.which("git") is None:
        pytest.skip("git is not here")
    for name in [name for name in os.environ if name.startswith("GIT_")]:
        monkeypatch.delenv(name)  # a hook's git would be that of the repository
    library = tmp_path / "workflow" / "scripts" / "lmc_ot"
    library.mkdir(parents=True)
    (library / "environment.py").write_text("")
    (tmp_path / "Snakefile").write_text("")
    (tmp_path / "README.md").write_text("")
    monkeypatch.delenv("LMC_COMMIT", raising=False)
    monkeypatch.setattr(environment, "__file__", str(library / "environment.py"))

    def git(*arguments):
        identity = ["-c", "user.name=a", "-c", "user.email=a@b"]
        command = ["git", *identity, "-C", str(tmp_path), *arguments]
        return subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()

    git("init", "-q")
    git("add", ".")
    git("commit", "-qm", "first")
    return tmp_path, git


def test_the_commit_is_gits(commit, checkout):
    _, git = checkout
    git("tag", "-a", "v1", "-m", "a tag is not what is asked for")
    assert commit() == git("rev-parse", "HEAD")


@pytest.mark.parametrize("changed", ["Snakefile", "workflow/scripts/lmc_ot/new.py"])
def test_changes_of_the_code_are_said(commit, checkout, changed):
    folder, git = checkout
    (folder / changed).write_text("changed")
    assert commit() == git("rev-parse", "HEAD") + "-dirty"


@pytest.mark.parametrize("changed", ["README.md", "figure1.pdf"])
def test_other_changes_are_not(commit, checkout, changed):
    folder, git = checkout
    (folder / changed).write_text("changed")
    assert commit() == git("rev-parse", "HEAD")


def test_outside_a_checkout_the_commit_is_unknown(commit, checkout):
    folder, _ = checkout
    shutil.rmtree(folder / ".git")
    assert commit() == "unknown"


def test_without_git_the_commit_is_unknown(commit, monkeypatch):
    monkeypatch.delenv("LMC_COMMIT", raising=False)
    monkeypatch.setenv("PATH", "")
    assert commit() == "unknown"


def test_the_environment_is_what_a_table_carries():
    found = environment.environment("cuda (a card)")
    assert set(found) == {"versions", "device", "commit"}
    assert found["device"] == "cuda (a card)"
    assert found["versions"]["numpy"] == np.__version__
    assert {"python", "scipy", "pyarrow", "torch"} <= set(found["versions"])
    assert json.loads(json.dumps(found)) == found


def test_a_package_that_is_not_installed_is_left_out(monkeypatch):
    monkeypatch.setattr(environment, "PACKAGES", ("numpy", "no-such-package"))
    assert set(environment.environment()["versions"]) == {"python", "numpy"}


def test_the_file_of_the_library_is_in_this_repository(repository):
    assert Path(environment.__file__).is_relative_to(repository)
