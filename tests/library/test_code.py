"""The digest that reruns a rule: it sees content, and every module that a script imports."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from lmc_ot.provenance import code
from lmc_ot.registries import REGISTRIES

CACHES = [thing for thing in vars(code).values() if hasattr(thing, "cache_clear")]


@pytest.fixture
def digest():
    """As a new process would compute it."""

    def fresh(script, *modules):
        for cached in CACHES:
            cached.cache_clear()
        return code.digest(script, modules)

    return fresh


@pytest.fixture(scope="module")
def copy(repository, tmp_path_factory):
    """A copy of the scripts and the library."""
    folder = tmp_path_factory.mktemp("copy") / "scripts"
    shutil.copytree(repository / "workflow" / "scripts", folder)
    return folder


@pytest.fixture
def scripts(copy, monkeypatch):
    """That copy, to edit: it is restored afterwards."""
    monkeypatch.setattr(code, "PACKAGE", copy / "lmc_ot")
    before = {path: path.read_text() for path in copy.rglob("*.py")}
    yield copy
    for path, text in before.items():
        if path.read_text() != text:
            path.write_text(text)


@pytest.fixture
def small(tmp_path, monkeypatch):
    """A script and a library of a few lines, to write modules into."""
    package = tmp_path / "lmc_ot"
    (package / "inner").mkdir(parents=True)
    (package / "__init__.py").write_text("")
    (package / "inner" / "__init__.py").write_text("")
    (package / "deep.py").write_text("")
    (package / "inner" / "part.py").write_text("")
    monkeypatch.setattr(code, "PACKAGE", package)
    return tmp_path


def edit(path):
    path.write_text(path.read_text() + "\nEDITED = True\n")


# -- what changes it -------------------------------------------------------------------------


def test_touching_and_cloning_change_nothing(scripts, digest, tmp_path, monkeypatch):
    before = digest(scripts / "match.py")
    for path in scripts.rglob("*.py"):
        os.utime(path, (1, 1))
    assert digest(scripts / "match.py") == before
    clone = tmp_path / "clone" / "of" / "it"
    shutil.copytree(scripts, clone)
    monkeypatch.setattr(code, "PACKAGE", clone / "lmc_ot")
    assert digest(clone / "match.py") == before


def test_editing_the_script_changes_it(scripts, digest):
    before = digest(scripts / "match.py")
    edit(scripts / "match.py")
    assert digest(scripts / "match.py") != before


EVALUATES = {"evaluate_path", "merge"}
IMPORTS = "import_checkpoints"
RUNS = {"derive_groups", "match", "record_activations"}
EVERY_TABLE = {
    "collect",
    "collect_merged",
    "compare_published",
    "derive_groups",
    "draw_figure",
    "draw_theory",
    *EVALUATES,
    IMPORTS,
    "match",
    "measure_theory",
    "prepare_dataset",
    "record_activations",
    "tabulate_panel",
    "tabulate_theory",
    "train",
}
EDITS = [
    ("connectivity/dimension.py", {"match"}),
    ("reporting/results.py", {"collect"}),
    ("training/loop.py", {"train"}),
    ("training/schedule.py", {"train"}),
    ("connectivity/interpolation.py", EVALUATES),
    ("connectivity/barrier.py", {"collect", "evaluate_path"}),
    ("matching/sources.py", {"match"}),
    ("matching/forward.py", {"match"}),
    ("matching/moments.py", {"match", *EVALUATES}),
    ("training/evaluation.py", {"train", IMPORTS, *EVALUATES}),
    ("training/losses.py", {"train", IMPORTS, *EVALUATES}),
    ("networks/network.py", {"train", IMPORTS, *RUNS, *EVALUATES}),
    ("networks/graph.py", {"match", "record_activations", *EVALUATES}),
    ("networks/groups/group.py", {IMPORTS, *RUNS, *EVALUATES}),
    ("networks/groups/apply.py", {"derive_groups", "match", *EVALUATES}),
    ("networks/groups/verify.py", {"derive_groups"}),
    ("reporting/figures/style.py", {"draw_figure", "draw_theory"}),
    ("tables/parquet.py", EVERY_TABLE),
    ("tables/schemas.py", EVERY_TABLE),
    # of the registries only what a job names counts, and messages are no results
    ("networks/mlp.py", set()),
    ("networks/resnet20.py", set()),
    ("matching/am.py", set()),
    ("matching/weight_matching.py", set()),
    ("matching/layerwise.py", set()),
    ("matching/iterative.py", set()),
    ("data/digits.py", set()),
    ("data/module.py", set()),
    ("errors.py", set()),
    ("environment.py", set()),
    ("config/completion.py", set()),
    ("provenance/usage.py", set()),
    ("matching/__init__.py", set()),
]


@pytest.mark.parametrize(("module", "dependents"), EDITS, ids=[module for module, _ in EDITS])
def test_editing_a_module_changes_the_digest_of_its_dependents_only(scripts, module, dependents):
    names = [path.stem for path in scripts.glob("*.py") if path.stem != "adapter"]
    digests = []
    for change in (lambda path: None, edit):
        change(scripts / "lmc_ot" / module)
        code._hash.cache_clear()  # the edit leaves the imports as they are
        digests.append({name: code.digest(scripts / f"{name}.py") for name in names})
    assert {name for name in names if digests[0][name] != digests[1][name]} == dependents


def test_a_registered_module_counts_where_it_is_named(scripts, digest):
    def named():
        return {
            name: digest(scripts / "match.py", f"lmc_ot.matching.{name}")
            for name in ("am", "sigma_wm")
        }

    before = named()
    edit(scripts / "lmc_ot" / "matching" / "am.py")
    after = named()
    assert after["am"] != before["am"] and after["sigma_wm"] == before["sigma_wm"]


def test_the_own_file_of_a_user_counts_by_its_content(scripts, digest, tmp_path):
    own = tmp_path / "own.py"
    absent = digest(scripts / "derive_groups.py", str(own))
    own.write_text("WIDTH = 3\n")
    before = digest(scripts / "derive_groups.py", str(own))
    os.utime(own, (1, 1))
    assert digest(scripts / "derive_groups.py", str(own)) == before != absent
    own.write_text("WIDTH = 4\n")
    assert digest(scripts / "derive_groups.py", str(own)) != before


@pytest.mark.parametrize("kind", REGISTRIES)
def test_every_registered_module_can_be_named(scripts, digest, kind):
    registry = REGISTRIES[kind]
    plain = digest(scripts / "adapter.py")
    found = {name: digest(scripts / "adapter.py", registry.module(name)) for name in registry.names}
    assert len({plain, *found.values()}) == len(found) + 1


# -- which imports it sees -------------------------------------------------------------------

FORMS = [
    "from lmc_ot import deep",
    "from lmc_ot import nothing, deep as d",
    "from lmc_ot.deep import thing",
    "import lmc_ot.deep",
    "import json, lmc_ot.deep as d",
    "def late():\n    from lmc_ot.deep import thing",
    "if True:\n    import lmc_ot.deep",
]


@pytest.mark.parametrize("form", FORMS)
def test_an_absolute_import_of_a_script_is_seen(small, digest, form):
    script = small / "script.py"
    script.write_text(form + "\n")
    before = digest(script)
    edit(small / "lmc_ot" / "deep.py")
    assert digest(script) != before


@pytest.mark.parametrize(
    ("place", "form"),
    [
        ("middle.py", "from . import deep"),
        ("middle.py", "from .deep import thing"),
        ("middle.py", "from .inner import part"),
        ("middle.py", "from .inner.part import thing"),
        ("inner/middle.py", "from .. import deep"),
        ("inner/middle.py", "from ..deep import thing"),
        ("inner/middle.py", "from . import part"),
        ("inner/middle.py", "from .part import thing"),
        ("inner/middle.py", "from ..inner.part import thing"),
        ("inner/middle.py", "from lmc_ot.deep import thing"),
        ("inner/middle.py", "def late():\n    from ..deep import thing"),
        ("inner/__init__.py", "from .part import thing"),
        ("inner/__init__.py", "from ..deep import thing"),
    ],
)
def test_a_relative_import_of_a_module_is_seen(small, digest, place, form):
    """From the script through a module in the middle to the one at the end."""
    (small / "lmc_ot" / place).write_text(form + "\n")
    script = small / "script.py"
    dotted = place.removesuffix(".py").removesuffix("/__init__").replace("/", ".")
    script.write_text(f"from lmc_ot.{dotted} import thing\n")
    before = digest(script)
    edit(small / "lmc_ot" / ("inner/part.py" if "part" in form else "deep.py"))
    assert digest(script) != before


def test_modules_that_import_each_other_are_seen_once(small, digest):
    (small / "lmc_ot" / "deep.py").write_text("from .inner.part import thing\n")
    (small / "lmc_ot" / "inner" / "part.py").write_text("from ..deep import thing\n")
    script = small / "script.py"
    script.write_text("from lmc_ot import deep\n")
    before = digest(script)
    edit(small / "lmc_ot" / "inner" / "part.py")
    assert digest(script) != before


PROGRAM = """
import json, sys
sys.path.insert(0, sys.argv[1])
found = {}
for name in sys.argv[2:]:
    for module in [m for m in sys.modules if m.split(".")[0] == "lmc_ot"]:
        del sys.modules[module]
    sys.modules.pop(name, None)
    __import__(name)
    found[name] = [m.__file__ for k, m in sys.modules.items() if k.split(".")[0] == "lmc_ot"]
print(json.dumps(found))
"""


@pytest.mark.slow
def test_it_sees_all_that_python_imports(repository):
    """Python itself as the oracle: import every script and look at what was loaded."""
    scripts = repository / "workflow" / "scripts"
    names = [path.stem for path in scripts.glob("*.py") if path.stem != "adapter"]
    command = [sys.executable, "-c", PROGRAM, str(scripts), *names]
    answer = subprocess.run(command, capture_output=True, text=True)
    assert answer.returncode == 0, answer.stderr
    for name, files in json.loads(answer.stdout).items():
        loaded = {Path(file) for file in files if code.determines_results(Path(file))}
        assert loaded, name
        assert loaded <= code.imported(scripts / f"{name}.py"), name
