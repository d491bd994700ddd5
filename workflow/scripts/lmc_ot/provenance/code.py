"""Digests of the code that a script depends on, so that an edit reruns the jobs it may affect.

By itself, Snakemake checks the modification time of a script but not the modules it imports.
Instead, the rules have the digest computed here as a parameter. Touching or cloning a file does not
change it; editing a module changes the digest of every script that imports the module.
"""

import ast
import hashlib
from functools import cache
from pathlib import Path

PACKAGE = Path(__file__).parents[1]

# Messages, registries and records do not affect results: what a job takes from a registry is among
# its parameters. The scripts' adapter, which only calls them, is left out, too.
_WITHOUT_RESULTS = ("errors.py", "environment.py", "config", "provenance")


def digest(script: Path, modules: tuple[str, ...] = ()) -> str:
    """Return a hash of a script and of all library modules that it imports, at any depth.

    Parameters
    ----------
    script
        The path of the script.
    modules
        Full names of further modules, which a registry imports at run time, or paths of files of
        the user, ending in ``.py``, whose own imports are not followed.
    """
    files = {Path(script).resolve()} | imported(Path(script).resolve())
    for module in modules:
        if module.endswith(".py"):
            files |= {Path(module).resolve()} if Path(module).is_file() else set()
            continue
        path = _path(module.split(".")[1:])
        files |= {path} | imported(path)
    return _hash(frozenset(filter(determines_results, files)))


def determines_results(path: Path) -> bool:
    """Tell whether results of a job that imports the file may depend on its content."""
    if path.name == "__init__.py":
        return False
    inside = path.relative_to(PACKAGE).parts if path.is_relative_to(PACKAGE) else ("",)
    return inside[0] not in _WITHOUT_RESULTS


@cache
def _hash(files: frozenset[Path]) -> str:
    total = hashlib.sha256()
    for path in sorted(files):
        total.update(hashlib.sha256(path.read_bytes()).digest())
    return total.hexdigest()[:16]


def _path(parts: list[str]) -> Path | None:
    """Return the file of a library module, given the parts of its name after the package."""
    for path in (
        PACKAGE.joinpath(*parts).with_suffix(".py"),
        PACKAGE.joinpath(*parts, "__init__.py"),
    ):
        if parts and path.is_file():
            return path
    return None


@cache
def imported(path: Path) -> frozenset[Path]:
    """Return the library files that a file imports, at any depth."""
    modules: set[Path] = set()
    todo = [path]
    while todo:
        for module in _imports(todo.pop()):
            if module not in modules:
                modules.add(module)
                todo.append(module)
    return frozenset(modules)


@cache
def _imports(path: Path) -> frozenset[Path]:
    """Return the library files that a file imports directly, at any level of indentation."""
    modules = set()
    inside = path.is_relative_to(PACKAGE)
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.ImportFrom) and node.level and inside:
            base = path.parents[node.level - 1].relative_to(PACKAGE).parts
        elif isinstance(node, ast.ImportFrom) and (node.module or "").split(".")[0] == PACKAGE.name:
            base, node.module = (), ".".join(node.module.split(".")[1:])
        elif isinstance(node, ast.Import):
            names = (alias.name.split(".") for alias in node.names)
            modules |= {_path(parts[1:]) for parts in names if parts[0] == PACKAGE.name}
            continue
        else:
            continue
        parts = [*base, *(node.module.split(".") if node.module else [])]
        modules |= {_path(parts), *(_path([*parts, alias.name]) for alias in node.names)}
    modules.discard(None)
    # Python first runs the __init__.py of all enclosing packages.
    for module in tuple(modules):
        around = module.parent
        while around != PACKAGE:
            modules.add(around / "__init__.py")
            around = around.parent
    return frozenset(modules)
