"""The library's rooms: imports go one way, heavy packages stay in place, files stay short."""

import ast
from functools import cache
from graphlib import TopologicalSorter
from pathlib import Path

import pytest

from lmc_ot.provenance.code import PACKAGE

# From the ground up: a room imports from those before it.
ROOMS = [
    *("errors", "rng", "environment", "config", "tables", "provenance", "data", "networks"),
    *("training", "matching", "connectivity", "merging", "theory", "reporting", "registries"),
    "cli",
]
HEAVY = {
    "torch": {"data", "networks", "training", "matching", "connectivity", "merging"},
    "torchvision": {"data"},
    "sklearn": {"data"},
    "matplotlib": {"reporting"},
    "pandas": {"tables", "theory", "reporting"},
    "snakemake": set(),
}
FILES = sorted(PACKAGE.rglob("*.py"))
MOST_LINES, LONGEST_FUNCTION = 450, 60


def room(path: Path) -> str:
    return path.relative_to(PACKAGE).parts[0].removesuffix(".py")


def name(path: Path) -> str:
    return str(path.relative_to(PACKAGE))


@cache
def modules(path: Path) -> set[Path]:
    """The library's files that a file imports, at any level of indentation."""
    found = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.ImportFrom) and node.level:
            base = path.parents[node.level - 1].joinpath(*(node.module or "").split("."))
            places = [base, *(base / alias.name for alias in node.names)]
            found |= {p.with_suffix(".py") for p in places if p.with_suffix(".py").is_file()}
            found |= {p / "__init__.py" for p in places if (p / "__init__.py").is_file()}
    return found - {path, PACKAGE / "__init__.py"}


@cache
def packages(path: Path) -> set[str]:
    found = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            found |= {alias.name.split(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and not node.level:
            found.add(node.module.split(".")[0])
    return found


def test_every_room_is_known_and_says_what_lives_there():
    found = {room(path) for path in FILES} - {"__init__"}
    assert found == set(ROOMS)
    for inside in (path for path in FILES if path.name == "__init__.py"):
        assert ast.get_docstring(ast.parse(inside.read_text())), name(inside)


def test_files_import_only_from_rooms_before_their_own():
    assert modules(PACKAGE / "__init__.py") == set()
    wrong = {
        f"{name(path)} imports {name(imported)}"
        for path in FILES
        if path != PACKAGE / "__init__.py"
        for imported in modules(path)
        if ROOMS.index(room(imported)) > ROOMS.index(room(path))
    }
    assert wrong == set()


def test_the_groups_of_networks_need_no_network_of_the_registry():
    inside = [path for path in FILES if path.is_relative_to(PACKAGE / "networks/groups")]
    assert {path.stem for path in inside} >= {"trace", "group", "apply", "verify"}
    imported = set().union(*(modules(path) for path in inside))
    outside = {name(path) for path in imported if path not in inside}
    # networks/module.py imports modules of the user.
    assert {name for name in outside if not name.startswith("tables/")} == {
        "errors.py",
        "networks/module.py",
    }


def test_no_import_goes_in_a_circle():
    # A module's own package does not count as an import: it holds the registry, or re-exports.
    graph = {path: {m for m in modules(path) if m.name != "__init__.py"} for path in FILES}
    TopologicalSorter(graph).prepare()


@pytest.mark.parametrize("package", HEAVY)
def test_a_heavy_package_is_imported_only_where_it_belongs(package):
    assert {room(path) for path in FILES if package in packages(path)} <= HEAVY[package]


def test_files_and_functions_are_short():
    functions = (ast.FunctionDef, ast.AsyncFunctionDef)
    for path in FILES:
        text = path.read_text()
        assert len(text.splitlines()) <= MOST_LINES, name(path)
        for node in ast.walk(ast.parse(text)):
            if isinstance(node, functions):
                said = ast.get_docstring(node, clean=False) or ""
                length = node.end_lineno - node.lineno + 1 - len(said.splitlines())
                assert length <= LONGEST_FUNCTION, f"{name(path)}: {node.name}: {length} lines"


def opened_in_the_locale(code: str) -> list[str]:
    """Calls that open a text file and do not name its encoding."""
    found = []
    for node in ast.walk(ast.parse(code)):
        if not isinstance(node, ast.Call):
            continue
        method = getattr(node.func, "attr", None)
        binary = len(node.args) > 1 and "b" in str(getattr(node.args[1], "value", ""))
        opens = isinstance(node.func, ast.Name) and node.func.id == "open" and not binary
        ours = ast.unparse(node.func).startswith("tables.")  # it writes UTF-8 itself
        if opens or (method in ("read_text", "write_text") and not ours):
            found += [ast.unparse(node)] * ("encoding" not in {k.arg for k in node.keywords})
    return found


def test_text_files_are_utf8_in_any_locale():
    assert opened_in_the_locale("open(a)\nopen(a, 'rb')\np.read_text()") == [
        "open(a)",
        "p.read_text()",
    ]
    for path in [*FILES, *PACKAGE.parent.glob("*.py")]:
        assert opened_in_the_locale(path.read_text(encoding="utf-8")) == [], path
