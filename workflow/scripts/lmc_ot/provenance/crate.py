"""The crate of a finished run: its figures, tables, code and config, and the provenance of files.

It is a Workflow Run RO-Crate (profile Provenance Run Crate 0.5): a folder for deposition, described
by its ``ro-crate-metadata.json``. Intermediate files are listed with their hashes but not included.

Usage in the checkout: ``.venv/bin/lmc-ot crate config/config.yaml``
"""

import hashlib
import json
import re
import shutil
import tempfile
from collections.abc import Iterable
from pathlib import Path

import yaml

from .. import tables
from ..config.reading import check_keys
from ..errors import ConfigError, UserError
from .crate_metadata import CODE, METADATA, USAGE, describe
from .jobs import read_jobs, read_usage

# Files that are not part of the run: caches of Python, and crates stored next to the figures.
IGNORED = shutil.ignore_patterns("__pycache__", "*.zip")


def write(
    folder: Path, configs: list[Path], crate: Path | None = None, authors: Iterable[str] = ()
) -> Path:
    """Write the crate of a finished run and return its path.

    Parameters
    ----------
    folder
        The folder in which the workflow ran: a checkout, or another folder. The code is taken from
        there if present, otherwise from the checkout of this library.
    configs
        The configs of the run, in the order of the command line.
    crate
        The folder to write or, if it ends in ``.zip``, the archive. It must not exist. The default
        is ``crates/<name>`` in `folder`.
    authors
        Authors in the form ``Name`` or ``Name <https://orcid.org/...>``; the default is the
        copyright holder in the licence.

    Raises
    ------
    UserError
        The run does not exist or used other configs, the crate already exists, or the code is
        missing because the library was installed without the workflow.
    """
    name = _name(configs)
    jobs, hashes = read_jobs(folder, name)
    crate = crate or folder / "crates" / name
    if crate.exists():
        raise UserError(f"{crate}: already exists: delete it, or choose another path with --crate")
    placed = [_place(path, folder) for path in configs]
    if len(set(placed)) < len(placed):
        raise ConfigError(f"{', '.join(placed)}: two configs have the same name: rename one")
    records = [record for record in [f"benchmark/{name}.json"] if (folder / record).is_file()]
    for path in records:
        ran = json.loads((folder / path).read_text(encoding="utf-8"))["config_files"]
        if [_place(folder / file, folder) for file in ran] != placed:
            raise ConfigError(
                f"{', '.join(placed)}: the run used {', '.join(ran)}: pass these, in this order"
            )
    checkout = _checkout(folder)
    licence = (checkout / "LICENSE").read_text(encoding="utf-8")
    holder = re.search(r"^Copyright \(c\) [\d-]+ (.+)$", licence, re.M)
    about = tables.metadata("results", folder / f"results/{name}/results.parquet")
    files = {part: checkout / part for part in CODE}
    files |= {part: folder / part for part in (f"paper_figures/{name}", *records)}
    files |= dict(zip(placed, configs, strict=True))
    crate.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=crate.parent, prefix=f".{crate.name}.") as temporary:
        filling = Path(temporary) / "crate"
        hashes |= _fill(filling, files)
        described = describe(
            jobs,
            hashes,
            name,
            placed,
            about,
            read_usage(folder, jobs, USAGE),
            list(authors) or [holder[1]],
            records,
        )
        (filling / METADATA).write_text(json.dumps(described, indent=1) + "\n", encoding="utf-8")
        if crate.suffix == ".zip":
            filling = Path(shutil.make_archive(str(filling), "zip", filling))
        filling.rename(crate)
    return crate


def _checkout(folder: Path) -> Path:
    """Return the folder that contains the code of the workflow."""
    for place in (folder, Path(__file__).resolve().parents[4]):
        if all((place / part).exists() for part in CODE):
            return place
    raise UserError(
        f"{folder}: the workflow's code ({', '.join(CODE)}) is missing: use the command of the "
        f"checkout that ran the workflow: <checkout>/.venv/bin/lmc-ot crate"
    )


def _fill(folder: Path, files: dict[str, Path]) -> dict[str, str]:
    """Copy files and folders into a crate and return the digests of all files."""
    for part, source in files.items():
        target = folder / part
        target.parent.mkdir(parents=True, exist_ok=True)
        if source.is_dir():
            shutil.copytree(source, target, ignore=IGNORED)
        else:
            shutil.copy(source, target)
    return {
        str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in folder.rglob("*")
        if path.is_file()
    }


def _name(configs: list[Path]) -> str:
    """Return the name of the run with these configs. Raises ConfigError if there is none."""
    name = None
    for path in configs:
        check_keys(path)
        content = yaml.safe_load(path.read_text(encoding="utf-8"))
        if not isinstance(content, dict | None):
            raise ConfigError(f"{path}: not a config: expected keys and values")
        name = (content or {}).get("name", name)
    if not name:
        raise ConfigError(
            f"{', '.join(map(str, configs))}: the key 'name' is missing: pass all configs of a run"
        )
    return name


def _place(config: Path, folder: Path) -> str:
    """Return a config's path in the crate, which is that in the checkout if it is in there."""
    if config.resolve().is_relative_to(folder.resolve()):
        return str(config.resolve().relative_to(folder.resolve()))
    return f"config/{config.name}"
