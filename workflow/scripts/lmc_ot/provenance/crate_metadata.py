"""The metadata of a crate: the content of its ``ro-crate-metadata.json``.

The profile Provenance Run Crate 0.5 requires one entity per file, rule and job.
"""

import mimetypes
import re
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from .jobs import Job

METADATA = "ro-crate-metadata.json"
CODE = ("Snakefile", "rules", "workflow", "envs", "profiles", "LICENSE")
PROFILES = {
    "https://w3id.org/ro/wfrun/process/0.5": "Process Run Crate",
    "https://w3id.org/ro/wfrun/workflow/0.5": "Workflow Run Crate",
    "https://w3id.org/ro/wfrun/provenance/0.5": "Provenance Run Crate",
    "https://w3id.org/workflowhub/workflow-ro-crate/1.0": "Workflow RO-Crate",
}
LICENCE = "https://spdx.org/licenses/MIT"
# The terms of workflow runs that are used are listed here, so readers need not fetch a second
# context.
CONTEXT = [
    "https://w3id.org/ro/crate/1.1/context",
    {
        "resourceUsage": "https://w3id.org/ro/terms/workflow-run#resourceUsage",
        "sha256": "http://schema.org/sha256",
    },
]
# Columns of Snakemake's benchmark files, and their units as UN/CEFACT codes: seconds, mebibytes.
USAGE = {"s": "SEC", "cpu_time": "SEC", "max_rss": "E63"}


@dataclass(frozen=True)
class _Run:
    """The arguments of `describe`, and values derived from them."""

    jobs: list[Job]
    hashes: dict[str, str]
    name: str
    configs: list[str]
    about: dict
    people: list[dict]
    records: list[str]

    @property
    def rules(self) -> list[str]:
        return list(dict.fromkeys(job.rule for job in self.jobs))

    @property
    def scripts(self) -> dict[str, str]:
        """The script of each rule."""
        return {job.rule: job.script for job in self.jobs}

    @property
    def tools(self) -> list[str]:
        """The scripts without duplicates; rules can share a script."""
        return list(dict.fromkeys(self.scripts.values()))

    @property
    def results(self) -> list[str]:
        """The figures and tables, which are the deposited outputs of jobs."""
        deposited = f"paper_figures/{self.name}/"
        return sorted({p for job in self.jobs for p in job.outputs if p.startswith(deposited)})

    @property
    def others(self) -> list[str]:
        """The inputs and outputs of jobs that are not deposited."""
        files = {p for job in self.jobs for p in (*job.inputs, *job.outputs)}
        return sorted(files - set(self.results))

    @property
    def start(self) -> float:
        return self.jobs[0].start

    @property
    def end(self) -> float:
        return max(job.end for job in self.jobs)

    @property
    def versions(self) -> dict[str, str]:
        """The version of each package."""
        return self.about["versions"]


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
    """Return the metadata of the crate as a JSON value.

    Parameters
    ----------
    jobs, hashes
        From `read_jobs`.
    name
        The name of the run.
    configs
        The paths of its configs in the crate.
    about
        The provenance of the table of results: commit, device, versions, seed.
    usage
        Log -> the resources that the job used, with the keys of `USAGE`.
    authors
        Authors in the form ``Name`` or ``Name <https://orcid.org/...>``.
    records
        The paths in the crate of the records of the run: config hash, hardware, wall times.
    """
    people = [_author(author) for author in authors]
    run = _Run(jobs, hashes, name, configs, about, people, records)
    graph = [
        *_deposit(run),
        *_workflow(run),
        *_software(run),
        *_steps(run),
        *_files(run),
        *_actions(run),
    ]
    known = {*run.results, *configs}  # deposited; other files are only listed
    for job in jobs:
        graph += _job(job, known, people[0]["@id"], usage.get(job.log, {}))
    return {"@context": CONTEXT, "@graph": graph}


def _deposit(run: _Run) -> list[dict]:
    """Return the metadata file and the folder that it describes: authors, licence, profiles."""
    files = [*run.configs, *run.results, *run.records]
    code = ["Snakefile", "rules/", "workflow/", "envs/", "profiles/"]
    return [
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
            "name": f"lmc-ot: run {run.name}",
            "description": "Figures and tables of one run of lmc-ot, linear mode connectivity of "
            "neural networks via optimal transport, and the jobs that produced them.",
            "datePublished": _time(run.end),
            "license": _ref(LICENCE),
            "author": _refs(person["@id"] for person in run.people),
            "conformsTo": _refs(PROFILES),
            "mainEntity": _ref("Snakefile"),
            "mentions": _refs(["#run", "#engine", *(f"#job/{job.name}" for job in run.jobs)]),
            "hasPart": _refs([*files, *code, *run.tools]),
        },
        {"@id": LICENCE, "@type": "CreativeWork", "name": "MIT License", "identifier": LICENCE},
        *run.people,
        *(
            {"@id": i, "@type": "CreativeWork", "name": profile, "version": i.rpartition("/")[2]}
            for i, profile in PROFILES.items()
        ),
    ]


def _workflow(run: _Run) -> list[dict]:
    """Return the workflow, its language, its parameters, and the folders of its code."""
    return [
        {
            "@id": "Snakefile",
            "@type": ["File", "SoftwareSourceCode", "ComputationalWorkflow", "HowTo"],
            "name": "lmc-ot",
            "description": "The workflow: data, training, matching, dimensions, paths, figures.",
            "conformsTo": _ref("https://bioschemas.org/profiles/ComputationalWorkflow/1.0-RELEASE"),
            "encodingFormat": "text/plain",
            "version": run.about["commit"],
            "license": _ref(LICENCE),
            "author": _refs(person["@id"] for person in run.people),
            "programmingLanguage": _ref("https://w3id.org/workflowhub/workflow-ro-crate#snakemake"),
            "input": _ref("#config"),
            "output": _ref("#results"),
            "hasPart": _refs(run.tools),
            "step": _refs(f"#step/{rule}" for rule in run.rules),
        },
        {
            "@id": "https://w3id.org/workflowhub/workflow-ro-crate#snakemake",
            "@type": "ComputerLanguage",
            "name": "Snakemake",
            "alternateName": "snakemake",
            "identifier": _ref("https://doi.org/10.1093/bioinformatics/bts480"),
            "url": _ref("https://snakemake.github.io"),
            "version": run.versions.get("snakemake", ""),
        },
        _parameter("#config", "config", run.configs),
        _parameter("#results", "figures and tables", run.results),
        *({"@id": f"{part}/", "@type": "Dataset", "name": part} for part in CODE[1:5]),
    ]


def _software(run: _Run) -> list[dict]:
    """Return the software: Snakemake, packages, and the scripts as tools that need the packages."""
    return [
        {
            "@id": "#snakemake",
            "@type": "SoftwareApplication",
            "name": "Snakemake",
            "url": _ref("https://snakemake.github.io"),
            "softwareVersion": run.versions.get("snakemake", ""),
        },
        *(
            {
                "@id": f"#package/{package}",
                "@type": "SoftwareApplication",
                "name": package,
                "softwareVersion": version,
            }
            for package, version in run.versions.items()
        ),
        *(
            {
                "@id": path,
                "@type": ["File", "SoftwareSourceCode"],
                "name": Path(path).name,
                "version": run.about["commit"],
                "encodingFormat": "text/x-python",
                "programmingLanguage": "Python",
                "softwareRequirements": _refs(f"#package/{package}" for package in run.versions),
            }
            for path in run.tools
        ),
    ]


def _steps(run: _Run) -> list[dict]:
    """Return the rules as steps of the workflow, in the order in which they first ran."""
    return [
        {
            "@id": f"#step/{rule}",
            "@type": "HowToStep",
            "name": rule,
            "position": str(i),
            "workExample": _ref(run.scripts[rule]),
        }
        for i, rule in enumerate(run.rules, start=1)
    ]


def _files(run: _Run) -> list[dict]:
    """Return the deposited files, and the intermediate files, which are listed by name only."""
    return [
        *(_deposited(path, run.hashes, {"exampleOfWork": _ref("#config")}) for path in run.configs),
        *(
            _deposited(path, run.hashes, {"exampleOfWork": _ref("#results")})
            for path in run.results
        ),
        *(_deposited(path, run.hashes, {}) for path in run.records),
        *(
            {"@id": f"#{path}", "@type": "CreativeWork", "name": path, **_hash(path, run.hashes)}
            for path in run.others
        ),
    ]


def _actions(run: _Run) -> list[dict]:
    """Return the run, and its organisation by Snakemake."""
    return [
        {
            "@id": "#engine",
            "@type": "OrganizeAction",
            "name": f"Snakemake runs {run.name}",
            "instrument": _ref("#snakemake"),
            "object": _refs(f"#control/{job.name}" for job in run.jobs),
            "result": _ref("#run"),
            "startTime": _time(run.start),
            "endTime": _time(run.end),
        },
        {
            "@id": "#run",
            "@type": "CreateAction",
            "name": f"run {run.name}",
            "description": f"Device {run.about['device']}, seed {run.about['seed']}.",
            "instrument": _ref("Snakefile"),
            "agent": _ref(run.people[0]["@id"]),
            "object": _refs(run.configs),
            "result": _refs(run.results),
            "startTime": _time(run.start),
            "endTime": _time(run.end),
            "actionStatus": "http://schema.org/CompletedActionStatus",
        },
    ]


def _job(job: Job, known: set[str], agent: str, used: dict) -> Iterable[dict]:
    """Yield the action of a job, its control by Snakemake, and its usage by column of `USAGE`."""

    def files(paths):
        return _refs(path if path in known else f"#{path}" for path in paths)

    action = f"#job/{job.name}"
    usage = {f"{action}/{key}": (key, value) for key, value in used.items()}
    yield {
        "@id": action,
        "@type": "CreateAction",
        "name": job.name,
        "description": f"Rule {job.rule} produces {', '.join(job.outputs)}.",
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
    """Return references; a single one is not put into a list, as RO-Crate recommends."""
    references = [_ref(i) for i in ids]
    return references[0] if len(references) == 1 else references


def _time(seconds: float) -> str:
    return datetime.fromtimestamp(seconds, UTC).isoformat(timespec="seconds")
