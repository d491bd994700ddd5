"""The crate of a finished run: its figures, tables, code and config, and which job made what.

A Workflow Run RO-Crate (profile Provenance Run Crate 0.5): a folder to deposit, described by its
``ro-crate-metadata.json``. The intermediate files are named in it, with their hashes, and stay out.

By hand, in the checkout: ``PYTHONPATH=workflow/scripts python -m lmc.crate config/config.yaml``
"""

import argparse
import base64
import csv
import hashlib
import json
import mimetypes
import re
import shutil
import sys
import tempfile
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import yaml

from . import tables
from .config import check_duplicates
from .errors import ConfigError, TableError, UserError

METADATA = "ro-crate-metadata.json"
CODE = ("Snakefile", "rules", "workflow", "envs", "profiles", "LICENSE")
PROFILES = {
    "https://w3id.org/ro/wfrun/process/0.5": "Process Run Crate",
    "https://w3id.org/ro/wfrun/workflow/0.5": "Workflow Run Crate",
    "https://w3id.org/ro/wfrun/provenance/0.5": "Provenance Run Crate",
    "https://w3id.org/workflowhub/workflow-ro-crate/1.0": "Workflow RO-Crate",
}
# Not of the run: what Python leaves, and a crate of it that was committed beside its figures.
IGNORED = shutil.ignore_patterns("__pycache__", "*.zip")
LICENCE = "https://spdx.org/licenses/MIT"
# Of the terms of workflow runs, those that are used: a second context to fetch is not needed.
CONTEXT = [
    "https://w3id.org/ro/crate/1.1/context",
    {
        "resourceUsage": "https://w3id.org/ro/terms/workflow-run#resourceUsage",
        "sha256": "http://schema.org/sha256",
    },
]
# Columns of Snakemake's benchmark files, and their units by the UN's codes: seconds, mebibytes.
USAGE = {"s": "SEC", "cpu_time": "SEC", "max_rss": "E63"}


@dataclass(frozen=True)
class Job:
    """What Snakemake recorded of one job."""

    rule: str
    script: str
    log: str
    start: float
    end: float
    inputs: tuple[str, ...]
    outputs: tuple[str, ...]

    @property
    def name(self) -> str:
        """Its log's path without the run's name: rule, and experiment, rate or matcher."""
        return str(Path(*Path(self.log).parts[2:]).with_suffix(""))


def read_jobs(folder: Path, name: str) -> tuple[list[Job], dict[str, str]]:
    """The jobs behind a run's tables and figures, by the times they started; hashes of files.

    Parameters
    ----------
    folder
        Where the workflow ran.
    name
        The name of the run.

    Raises
    ------
    TableError
        There is no finished run of that name, or it was made elsewhere.
    """
    records = {}
    for path in (folder / ".snakemake/metadata").rglob("*"):
        if path.is_file():
            parts = path.relative_to(folder / ".snakemake/metadata").parts
            output = base64.urlsafe_b64decode("".join(part.lstrip("@") for part in parts)).decode()
            records[output] = json.loads(path.read_text())
    figures = folder / "paper_figures" / name
    last = [str(path.relative_to(folder)) for path in sorted(figures.glob("*")) if path.is_file()]
    last = [path for path in last if path in records]
    results = f"results/{name}/results.parquet"
    if not (last and results in records and (folder / results).is_file()):
        raise TableError(f"{results}: not of a run in {folder}: run the workflow there first")

    jobs: dict[tuple, dict] = {}
    for output, record in sorted(records.items()):
        # Snakemake keeps one record an output; a job's share its log.
        key = (record["rule"], *record["log"])
        job = jobs.setdefault(key, {**record, "outputs": []})
        job["outputs"].append(output)
        job["endtime"] = max(job["endtime"], record["endtime"])
    made_by = {output: key for key, job in jobs.items() for output in job["outputs"]}
    # Behind the results only: the records of a learning rate that the config dropped stay.
    wanted, behind = [*last, results], set()
    while wanted:
        key = made_by.get(wanted.pop())
        if key and key not in behind:
            behind.add(key)
            wanted += jobs[key]["input"]
    found = [
        Job(
            rule=jobs[key]["rule"],
            script=re.search(r"workflow/scripts/\w+\.py", jobs[key]["code"])[0],
            log=jobs[key]["log"][0],
            start=jobs[key]["starttime"],
            end=jobs[key]["endtime"],
            inputs=tuple(jobs[key]["input"]),
            outputs=tuple(jobs[key]["outputs"]),
        )
        for key in behind
    ]
    hashes = {}
    for key in behind:
        for path, value in (jobs[key].get("input_checksums") or {}).items():
            if value.startswith("sha256:"):
                hashes[path] = value.removeprefix("sha256:")
    return sorted(found, key=lambda job: (job.start, job.log)), hashes


def describe(
    jobs: list[Job],
    hashes: dict[str, str],
    name: str,
    configs: list[str],
    about: dict,
    usage: dict[str, dict[str, str]],
    authors: list[str],
    records: list[str],
) -> dict:
    """The metadata of the crate.

    Parameters
    ----------
    jobs, hashes
        From `read_jobs`.
    name
        The name of the run.
    configs
        The paths of its configs in the crate.
    about
        What the result table says of its making: commit, device, versions, seed.
    usage
        Log -> what the job used, by `USAGE`.
    authors
        ``Name`` or ``Name <https://orcid.org/...>`` each.
    records
        The paths in the crate of what says how the run went: config hash, hardware, wall times.
    """
    people = [_author(author) for author in authors]
    rules = list(dict.fromkeys(job.rule for job in jobs))
    deposited = f"paper_figures/{name}/"
    results = sorted({p for job in jobs for p in job.outputs if p.startswith(deposited)})
    others = sorted({p for job in jobs for p in (*job.inputs, *job.outputs)} - set(results))
    start, end = jobs[0].start, max(job.end for job in jobs)
    scripts = {job.rule: job.script for job in jobs}
    tools = list(dict.fromkeys(scripts.values()))
    parts = [*configs, *results, *records, "Snakefile", "rules/", "workflow/", "envs/", "profiles/"]
    versions = about["versions"]

    graph = [
        {
            "@id": METADATA,
            "@type": "CreativeWork",
            "about": _ref("./"),
            "conformsTo": [
                _ref("https://w3id.org/ro/crate/1.1"),
                _ref("https://w3id.org/workflowhub/workflow-ro-crate/1.0"),
            ],
        },
        {
            "@id": "./",
            "@type": "Dataset",
            "name": f"lmc-ot: run {name}",
            "description": "Figures and tables of one run of lmc-ot, linear mode connectivity of "
            "neural networks through optimal transport, and the jobs that made them.",
            "datePublished": _time(end),
            "license": _ref(LICENCE),
            "author": _refs(person["@id"] for person in people),
            "conformsTo": _refs(PROFILES),
            "mainEntity": _ref("Snakefile"),
            "mentions": _refs(["#run", "#engine", *(f"#job/{job.name}" for job in jobs)]),
            "hasPart": _refs([*parts, *tools]),
        },
        {"@id": LICENCE, "@type": "CreativeWork", "name": "MIT License", "identifier": LICENCE},
        *people,
        *(
            {"@id": i, "@type": "CreativeWork", "name": profile, "version": i.rpartition("/")[2]}
            for i, profile in PROFILES.items()
        ),
        {
            "@id": "Snakefile",
            "@type": ["File", "SoftwareSourceCode", "ComputationalWorkflow", "HowTo"],
            "name": "lmc-ot",
            "description": "The workflow: data, training, matching, dimensions, paths, figures.",
            "conformsTo": _ref("https://bioschemas.org/profiles/ComputationalWorkflow/1.0-RELEASE"),
            "encodingFormat": "text/plain",
            "version": about["commit"],
            "license": _ref(LICENCE),
            "author": _refs(person["@id"] for person in people),
            "programmingLanguage": _ref("https://w3id.org/workflowhub/workflow-ro-crate#snakemake"),
            "input": _ref("#config"),
            "output": _ref("#results"),
            "hasPart": _refs(tools),
            "step": _refs(f"#step/{rule}" for rule in rules),
        },
        {
            "@id": "https://w3id.org/workflowhub/workflow-ro-crate#snakemake",
            "@type": "ComputerLanguage",
            "name": "Snakemake",
            "alternateName": "snakemake",
            "identifier": _ref("https://doi.org/10.1093/bioinformatics/bts480"),
            "url": _ref("https://snakemake.github.io"),
            "version": versions.get("snakemake", ""),
        },
        _parameter("#config", "config", configs),
        _parameter("#results", "figures and tables", results),
        *({"@id": f"{part}/", "@type": "Dataset", "name": part} for part in CODE[1:5]),
        {
            "@id": "#snakemake",
            "@type": "SoftwareApplication",
            "name": "Snakemake",
            "url": _ref("https://snakemake.github.io"),
            "softwareVersion": versions.get("snakemake", ""),
        },
        *(
            {
                "@id": f"#package/{package}",
                "@type": "SoftwareApplication",
                "name": package,
                "softwareVersion": version,
            }
            for package, version in versions.items()
        ),
        *(
            {
                "@id": path,
                "@type": ["File", "SoftwareSourceCode"],
                "name": Path(path).name,
                "version": about["commit"],
                "encodingFormat": "text/x-python",
                "programmingLanguage": "Python",
                "softwareRequirements": _refs(f"#package/{package}" for package in versions),
            }
            for path in tools
        ),
        *(
            {
                "@id": f"#step/{rule}",
                "@type": "HowToStep",
                "name": rule,
                "position": str(i),
                "workExample": _ref(scripts[rule]),
            }
            for i, rule in enumerate(rules, start=1)
        ),
        *(_deposited(path, hashes, {"exampleOfWork": _ref("#config")}) for path in configs),
        *(_deposited(path, hashes, {"exampleOfWork": _ref("#results")}) for path in results),
        *(_deposited(path, hashes, {}) for path in records),
        *(
            {"@id": f"#{path}", "@type": "CreativeWork", "name": path, **_hash(path, hashes)}
            for path in others
        ),
        {
            "@id": "#engine",
            "@type": "OrganizeAction",
            "name": f"Snakemake runs {name}",
            "instrument": _ref("#snakemake"),
            "object": _refs(f"#control/{job.name}" for job in jobs),
            "result": _ref("#run"),
            "startTime": _time(start),
            "endTime": _time(end),
        },
        {
            "@id": "#run",
            "@type": "CreateAction",
            "name": f"run {name}",
            "description": f"Device {about['device']}, seed {about['seed']}.",
            "instrument": _ref("Snakefile"),
            "agent": _ref(people[0]["@id"]),
            "object": _refs(configs),
            "result": _refs(results),
            "startTime": _time(start),
            "endTime": _time(end),
            "actionStatus": "http://schema.org/CompletedActionStatus",
        },
    ]
    known = {*results, *configs}
    for job in jobs:
        graph += _job(job, known, people[0]["@id"], usage.get(job.log, {}))
    return {"@context": CONTEXT, "@graph": graph}


def _job(job: Job, known: set[str], agent: str, used: dict) -> Iterable[dict]:
    def files(paths):
        return _refs(path if path in known else f"#{path}" for path in paths)

    action = f"#job/{job.name}"
    usage = {f"{action}/{key}": (key, value) for key, value in used.items()}
    yield {
        "@id": action,
        "@type": "CreateAction",
        "name": job.name,
        "description": f"Rule {job.rule} makes {', '.join(job.outputs)}.",
        "instrument": _ref(job.script),
        "agent": _ref(agent),
        "object": files(job.inputs),
        "result": files(job.outputs),
        "startTime": _time(job.start),
        "endTime": _time(job.end),
        "actionStatus": "http://schema.org/CompletedActionStatus",
        **({"resourceUsage": _refs(usage)} if usage else {}),
    }
    yield {
        "@id": f"#control/{job.name}",
        "@type": "ControlAction",
        "name": f"job {job.name}",
        "instrument": _ref(f"#step/{job.rule}"),
        "object": _ref(action),
    }
    for i, (key, value) in usage.items():
        yield {
            "@id": i,
            "@type": "PropertyValue",
            "name": key,
            "propertyID": f"snakemake-benchmark:{key}",
            "unitCode": USAGE[key],
            "value": value,
        }


def _parameter(i: str, name: str, examples: list[str]) -> dict:
    return {
        "@id": i,
        "@type": "FormalParameter",
        "conformsTo": _ref("https://bioschemas.org/profiles/FormalParameter/1.0-RELEASE"),
        "additionalType": "File",
        "name": name,
        "workExample": _refs(examples),
    }


def _deposited(path: str, hashes: dict[str, str], more: dict) -> dict:
    return {
        "@id": path,
        "@type": "File",
        "name": Path(path).name,
        "encodingFormat": _format(path),
        **_hash(path, hashes),
        **more,
    }


def _format(path: str) -> str:
    known = {".yaml": "application/yaml", ".md": "text/markdown", ".csv": "text/csv"}
    return known.get(Path(path).suffix) or mimetypes.guess_type(path)[0] or "text/plain"


def _hash(path: str, hashes: dict[str, str]) -> dict:
    return {"sha256": hashes[path]} if path in hashes else {}


def _author(text: str) -> dict:
    name, _, url = text.partition("<")
    kind = "Person" if url else "Organization"
    i = url.rstrip("> ") or "#" + re.sub(r"\W+", "-", name.strip())
    return {"@id": i, "@type": kind, "name": name.strip()}


def _ref(i: str) -> dict:
    return {"@id": i}


def _refs(ids: Iterable[str]) -> dict | list[dict]:
    """References; a single one is no list, as RO-Crate recommends."""
    found = [_ref(i) for i in ids]
    return found[0] if len(found) == 1 else found


def _time(seconds: float) -> str:
    return datetime.fromtimestamp(seconds, UTC).isoformat(timespec="seconds")


def _usage(folder: Path, name: str, jobs: list[Job]) -> dict[str, dict[str, str]]:
    found = {}
    for job in jobs:
        path = folder / "benchmark" / Path(job.log).relative_to("logs").with_suffix(".tsv")
        if path.is_file():
            with open(path, newline="") as file:
                row = list(csv.DictReader(file, delimiter="\t"))[-1]
            # A job that ends before it is looked at has no memory.
            found[job.log] = {key: row[key] for key in USAGE if row[key] not in ("-", "NA")}
    return found


def write(
    folder: Path, configs: list[Path], crate: Path | None = None, authors: Iterable[str] = ()
) -> Path:
    """Write the crate of a finished run, and give its path.

    Parameters
    ----------
    folder
        The checkout in which the workflow ran.
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
        There is no such run, it ran with other configs, or the crate is already there.
    """
    name = _name(configs)
    jobs, hashes = read_jobs(folder, name)
    crate = crate or folder / "crates" / name
    if crate.exists():
        raise UserError(f"{crate}: there already: delete it, or name another with --crate")
    placed = [_place(path, folder) for path in configs]
    if len(set(placed)) < len(placed):
        raise ConfigError(f"{', '.join(placed)}: two configs of one name: rename one")
    records = [record for record in [f"benchmark/{name}.json"] if (folder / record).is_file()]
    for path in records:
        ran = json.loads((folder / path).read_text())["config_files"]
        if [_place(folder / file, folder) for file in ran] != placed:
            raise ConfigError(
                f"{', '.join(placed)}: the run was of {', '.join(ran)}: name these, in this order"
            )
    holder = re.search(r"^Copyright \(c\) [\d-]+ (.+)$", (folder / "LICENSE").read_text(), re.M)
    about = tables.metadata("results", folder / f"results/{name}/results.parquet")
    files = {part: folder / part for part in (*CODE, f"paper_figures/{name}", *records)}
    files |= dict(zip(placed, configs, strict=True))
    crate.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=crate.parent, prefix=f".{crate.name}.") as temporary:
        filling = Path(temporary) / "crate"
        for part, source in files.items():
            target = filling / part
            target.parent.mkdir(parents=True, exist_ok=True)
            if source.is_dir():
                shutil.copytree(source, target, ignore=IGNORED)
            else:
                shutil.copy(source, target)
        hashes |= {
            str(path.relative_to(filling)): hashlib.sha256(path.read_bytes()).hexdigest()
            for path in filling.rglob("*")
            if path.is_file()
        }
        described = describe(
            jobs,
            hashes,
            name,
            placed,
            about,
            _usage(folder, name, jobs),
            list(authors) or [holder[1]],
            records,
        )
        (filling / METADATA).write_text(json.dumps(described, indent=1) + "\n")
        if crate.suffix == ".zip":
            filling = Path(shutil.make_archive(str(filling), "zip", filling))
        filling.rename(crate)
    return crate


def _name(configs: list[Path]) -> str:
    """The name of a run with these configs. Raises ConfigError if they are none."""
    name = None
    for path in configs:
        check_duplicates(path)
        content = yaml.safe_load(path.read_text())
        if not isinstance(content, dict | None):
            raise ConfigError(f"{path}: is no config: it has no keys")
        name = (content or {}).get("name", name)
    if not name:
        raise ConfigError(f"{', '.join(map(str, configs))}: no key `name`: not a config of a run")
    return name


def _place(config: Path, folder: Path) -> str:
    """Where a config is in the crate: where it was in the checkout, if it was there."""
    if config.resolve().is_relative_to(folder.resolve()):
        return str(config.resolve().relative_to(folder.resolve()))
    return f"config/{config.name}"


def main() -> None:
    """Write a crate from the command line."""
    parser = argparse.ArgumentParser(prog="python -m lmc.crate", description=__doc__.split("\n")[0])
    parser.add_argument(
        "configs", nargs="*", type=Path, default=[Path("config/config.yaml")], help="of the run"
    )
    parser.add_argument(
        "--crate", type=Path, help="folder or .zip to write; default: crates/<name>"
    )
    parser.add_argument(
        "--author", action="append", default=[], help='"Name" or "Name <https://orcid.org/...>"'
    )
    given = parser.parse_args()
    try:
        print(write(Path(), given.configs, given.crate, given.author))
    except UserError as error:
        sys.exit(str(error))


if __name__ == "__main__":
    main()
