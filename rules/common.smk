# The config as a space of experiments, learning rates and matchers; where everything lies.
import json
import os
import shutil
import sys
from pathlib import Path

from snakemake.exceptions import WorkflowError

BASE = Path(workflow.basedir)
SCRIPTS = BASE / "workflow/scripts"
sys.path.insert(0, str(SCRIPTS))

from lmc import config as configuration
from lmc import (
    benchmark,
    datasets,
    matching,
    networks,
    optimisers,
    panels,
    provenance,
    published,
    record,
    source,
)
from lmc import theory as theories
from lmc.errors import ConfigError, UserError

try:
    for path in workflow.configfiles:
        configuration.check_duplicates(path)
    config = configuration.complete(
        config, BASE / "workflow/schemas/config.schema.yaml"
    )
    PUBLISHED = {
        name: published.read(BASE / "config/published.csv", block["published"])
        for name, block in config["experiments"].items()
        if block["published"]
    }
except ConfigError as error:
    raise WorkflowError(f"config: {error}")

# The data folder is no parameter of a rule: the same data elsewhere are the same data.
os.environ.setdefault("LMC_DATA_DIR", config["data_dir"])
# Nor does a result depend on how often a training is saved.
os.environ.setdefault("LMC_SNAPSHOT_SECONDS", json.dumps(config["snapshot_seconds"]))

NAME = config["name"]
EXPERIMENTS = config["experiments"]
RATES = {
    name: {configuration.rate_label(rate): rate for rate in block["learning_rates"]}
    for name, block in EXPERIMENTS.items()
}
TABLES = {
    table: (figure, i)
    for figure in config["figures"]
    for i, table in enumerate(configuration.panel_tables(config, figure))
}
# A GPU is asked for where torch will find one: on this machine, or on the nodes that run the jobs.
GPU = int(
    config["device"] == "cuda"
    or (
        config["device"] == "auto"
        and (bool(config["gpu_nodes"]) or shutil.which("nvidia-smi") is not None)
    )
)

RESULTS = f"results/{NAME}"
RUN = f"{RESULTS}/{{experiment}}/{{rate}}"
FIGURE_FOLDER = f"paper_figures/{NAME}"
# Never committed, as figures are: in a fresh clone this one and the theory's measurements are what
# asks for the run.
RESULTS_TABLE = f"{RESULTS}/results.parquet"
RESULTS_CSV = f"{FIGURE_FOLDER}/results.csv"
FIGURES = [
    f"{FIGURE_FOLDER}/{name}.{kind}"
    for name in config["figures"]
    for kind in ("pdf", "svg", "png")
]
COMPARISON = [
    f"{FIGURE_FOLDER}/comparison.{kind}" for kind in ("csv", "md") if PUBLISHED
]
THEORY = [
    path
    for name in config["theory"]
    for path in (
        f"{RESULTS}/theory/{name}.parquet",
        *(f"{FIGURE_FOLDER}/theory_{name}.{kind}" for kind in ("pdf", "svg", "png")),
    )
]


wildcard_constraints:
    experiment="|".join(EXPERIMENTS),
    rate=configuration.RATE_LABEL,
    matcher=r"[a-z][a-z0-9_]*",
    dataset=r"[a-z0-9_-]+",
    figure="|".join(config["figures"]) or "none",
    table="|".join(TABLES) or "none",
    theory="|".join(config["theory"]) or "none",


def kept(path):
    """Recorded activations: large, so temporary unless the config keeps them."""
    return path if config["keep_activations"] else temp(path)


DATASETS = {
    configuration.dataset_label(b["dataset"]): b["dataset"]
    for b in EXPERIMENTS.values()
}


def dataset_path(block):
    label = configuration.dataset_label(block["dataset"])
    return f"{RESULTS}/datasets/{label}.parquet"


def dataset_options(wildcards):
    """What the data set's own function is given."""
    block = DATASETS[wildcards.dataset]
    return {k: v for k, v in block.items() if k not in ("name", "standardise")}


def dataset_of(wildcards):
    return dataset_path(EXPERIMENTS[wildcards.experiment])


def block_of(key):
    """A part of the experiment's block, as a rule's parameter."""
    return lambda wildcards: EXPERIMENTS[wildcards.experiment][key]


def rate_of(wildcards):
    return RATES[wildcards.experiment][wildcards.rate]


def matcher_of(wildcards):
    return EXPERIMENTS[wildcards.experiment]["matchers"][wildcards.matcher]


def pairs_of(wildcards):
    return configuration.pairs(EXPERIMENTS[wildcards.experiment])


def all_pairs_of(wildcards):
    return configuration.all_pairs(EXPERIMENTS[wildcards.experiment])


def provenance_of(wildcards):
    block = EXPERIMENTS[wildcards.experiment]
    return {
        "experiment": wildcards.experiment,
        "config_hash": configuration.training_hash(config, block),
        "seed": config["seed"],
    }


def keep_record():
    """What the finished run was, and what it cost, beside its benchmark files."""
    try:
        usage = benchmark.roll_up(
            Path(f"benchmark/{NAME}"),
            Path(f"logs/{NAME}"),
            lambda path: configuration.belongs(config, path),
        )
        if usage:
            benchmark.write(f"benchmark/{NAME}.csv", usage)
            run = record.of_run(config, CONFIG_FILES, RESULTS, usage)
            record.write(f"benchmark/{NAME}.json", run)
            print(benchmark.text(usage), file=sys.stderr)
    except UserError as error:
        print(f"no record of the run: {error}", file=sys.stderr)


def code(script, *modules):
    """Digest of a script, the library modules it imports, and those a registry adds."""
    return source.digest(SCRIPTS / script, modules)


def network_code(script):
    return lambda w: code(
        script, networks.REGISTRY.module(EXPERIMENTS[w.experiment]["network"]["name"])
    )


def matcher_code(script):
    return lambda w: code(script, matching.REGISTRY.module(matcher_of(w)["matcher"]))


def is_streamed(wildcards):
    return EXPERIMENTS[wildcards.experiment]["activations"]["streamed"]


def gpu_of_streams(wildcards):
    """For rules that run networks only where they are streamed."""
    return GPU if is_streamed(wildcards) else 0


def gpu_of_networks(wildcards):
    """For rules that run networks of any kind: dense layers alone are not worth a node's GPU."""
    spared = config["gpu_nodes"] and config["device"] == "auto"
    return gpu_of_streams(wildcards) if spared else GPU


def gpu_model(gpu):
    """The type of GPU that a job asks for, if it asks for one and the config names a type."""
    named = isinstance(config["gpu_nodes"], str)
    return lambda wildcards: config["gpu_nodes"] if named and gpu(wildcards) else None


def growing(amount, streamed=None):
    """A resource that every retry asks for more of: once, twice, three times as much.

    Where networks are streamed, and `streamed` is given, it is that amount instead.
    """
    return lambda wildcards, attempt: attempt * (
        streamed if streamed and is_streamed(wildcards) else amount
    )


def recorded(wildcards):
    """The recorded activations, as an input, unless the networks are run instead."""
    return {} if is_streamed(wildcards) else {"activations": f"{RUN}/activations"}


def streamed(wildcards):
    """How to run the networks, where no activations are recorded."""
    if not is_streamed(wildcards):
        return {}
    block = EXPERIMENTS[wildcards.experiment]
    return {
        "network": block["network"],
        "examples": block["activations"]["examples"],
        "device": config["device"],
    }


def recording(wildcards):
    """What the recorded activations depend on, beside the checkpoints."""
    if is_streamed(wildcards):
        return network_code("match.py")(wildcards)
    block = EXPERIMENTS[wildcards.experiment]
    return [block["activations"], network_code("record_activations.py")(wildcards)]


def of_experiment(name, pattern, matchers=None):
    """The files of that pattern of all learning rates (and matchers) of an experiment."""
    found = expand(
        f"{RESULTS}/{name}/{{rate}}/{pattern}",
        rate=RATES[name],
        matcher=matchers or EXPERIMENTS[name]["matchers"],
    )
    return sorted(set(found))


def of_all(pattern):
    return [path for name in EXPERIMENTS for path in of_experiment(name, pattern)]


# Where the sources of a panel lie: lmc/panels/__init__.py says which of them it is made from.
SOURCES = {
    "checkpoints": "checkpoints.parquet",
    "history": "history.parquet",
    "permutations": "{matcher}/permutations.parquet",
    "dimensions": "{matcher}/dimensions.parquet",
    "path": "{matcher}/path.parquet",
    "midpoints": "all_pairs/midpoints.parquet",
}


def panel_of(wildcards):
    figure, i = TABLES[wildcards.table]
    return config["figures"][figure]["panels"][i]


def panel_sources(wildcards):
    panel = panel_of(wildcards)
    name = panel["experiment"]
    matchers = [panel["matcher"]] if "matcher" in panel else None
    once = {"dataset": [dataset_path(EXPERIMENTS[name])], "results": [RESULTS_TABLE]}
    return {
        kind: (
            once[kind] if kind in once else of_experiment(name, SOURCES[kind], matchers)
        )
        for kind in panels.REGISTRY.entry(panel["name"]).sources
    }


def figure_files(wildcards, pattern):
    """The files of that pattern of a figure's panels."""
    return expand(pattern, table=configuration.panel_tables(config, wildcards.figure))


def theory_of(wildcards):
    return config["theory"][wildcards.theory]


def theory_provenance(wildcards):
    return {
        "experiment": f"theory {wildcards.theory}",
        "config_hash": provenance.digest(theory_of(wildcards)),
        "seed": config["seed"],
    }


def theory_code(script):
    """An experiment on a theorem may take any matcher from its registry."""
    matchers = [matching.REGISTRY.module(name) for name in matching.REGISTRY.names]
    return lambda w: code(
        script, theories.REGISTRY.module(theory_of(w)["theory"]), *matchers
    )
