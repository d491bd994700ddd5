"""The crate of a finished run: its figures, tables, code and config, and which job made what.

A Workflow Run RO-Crate (profile Provenance Run Crate 0.5): a folder to deposit, described by its
``ro-crate-metadata.json``. The intermediate files are named in it, with their hashes, and stay out.

In the checkout: ``.venv/bin/lmc-ot crate config/config.yaml``
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

# Not of the run: what Python leaves, and a crate of it that was committed beside its figures.
IGNORED = shutil.ignore_patterns("__pycache__", "*.zip")


def write(
    folder: Path, configs: list[Path], crate: Path | None = None, authors: Iterable[str] = ()
) -> Path:
    """Write the crate of a finished run, and give its path.

    Parameters
    ----------
    folder
        Where the workflow ran: a checkout, or another folder. The code is that of the checkout, or
        else that of this library's.
    configs
        The configs it ran with, in the order of the command line.
    crate
        The folder or, if it ends in ``.zip``, the archive to write, which must not be there;
        ``crates/<name>`` in `folder` by default.
    authors
        ``Name`` or ``Name <https://orcid.org/...>`` each; by default those of the licence.

    Raises
    ------
    UserError
        The run does not exist or had other configs, the crate already exists, or the code
        is missing, since the library was installed without the workflow.
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
                f"{', '.join(placed)}: the run used {', '.join(ran)}: give these, in this order"
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
    """The folder of the workflow's code."""
    for place in (folder, Path(__file__).resolve().parents[4]):
        if all((place / part).exists() for part in CODE):
            return place
    raise UserError(
        f"{folder}: the workflow's code is not here ({', '.join(CODE)}): use the command "
        f"of the checkout that ran: <checkout>/.venv/bin/lmc-ot crate"
    )


def _fill(folder: Path, files: dict[str, Path]) -> dict[str, str]:
    """Copy files and folders to their places in a crate, and give the digests of all files."""
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
    """The name of a run with these configs. Raises ConfigError if they have none."""
    name = None
    for path in configs:
        check_keys(path)
        content = yaml.safe_load(path.read_text(encoding="utf-8"))
        if not isinstance(content, dict | None):
            raise ConfigError(f"{path}: not a config: it has no keys")
        name = (content or {}).get("name", name)
    if not name:
        raise ConfigError(f"{', '.join(map(str, configs))}: no key `name`: not a config of a run")
    return name


def _place(config: Path, folder: Path) -> str:
    """Where a config is in the crate: where it was in the checkout, if it was there."""
    if config.resolve().is_relative_to(folder.resolve()):
        return str(config.resolve().relative_to(folder.resolve()))
    return f"config/{config.name}"
