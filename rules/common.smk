# The config as a space of experiments, settings and matchers, and the paths of all files.
import json
import os
import sys
from pathlib import Path

from snakemake.exceptions import WorkflowError

# The root of this checkout, even if the workflow is a module of another one or runs in another folder.
BASE = Path(str(workflow.current_basedir)).parent
SCRIPTS = BASE / "workflow/scripts"
sys.path.insert(0, str(SCRIPTS))

from lmc_ot.config import checkpoints, checks, completion, labels, reading
from lmc_ot.errors import UserError
from lmc_ot.registries import REGISTRIES
from lmc_ot.reporting import published

# Where files that the config names are looked up.
FOLDERS = [Path(file).parent for file in CONFIG_FILES] or [Path()]


def networks_in(files):
    """The number of networks in checkpoints: one in a file, or those of a table of networks."""
    tables = [file for file in files if file.endswith(".parquet")]
    if not tables:
        return len(files)
    from lmc_ot.tables.checkpoints import numbers_of

    return len(files) - len(tables) + sum(len(numbers_of(table)) for table in tables)


def network_of(setting):
    """The block of a setting's network, with the path of the user's file if it names one."""
    return labels.beside(setting["network"], FOLDERS)


def dataset_block(setting):
    """The block of a setting's data set, with the path of the user's file if it names one."""
    return labels.beside(setting["dataset"], FOLDERS, "dataset.target")


def loss_of(setting):
    """A setting's loss, with the path of the user's file if it names one."""
    return labels.beside({"target": setting["loss"]}, FOLDERS, "loss")["target"]


try:
    for path in workflow.configfiles:
        reading.check_keys(path)
    config = completion.complete(
        config, BASE / "workflow/schemas/config.schema.yaml", REGISTRIES
    )
    PUBLISHED = {
        name: published.read(BASE / "config/published.csv", block["published"])
        for name, block in config["experiments"].items()
        if block["published"]
    }
    for name, experiment in config["experiments"].items():
        for setting in experiment["settings"].values():
            network_of(setting), dataset_block(setting), loss_of(setting)
            if setting["checkpoints"] is not None:
                files = checkpoints.located(
                    f"experiments.{name}", setting["checkpoints"], FOLDERS
                )
                setting["files"], setting["networks"] = files, networks_in(files)
                key = f"experiments.{name}.checkpoints"
                checks.check_pairs(key, setting["networks"], setting["pairs"])
                experiment["networks"] = setting["networks"]
except UserError as error:
    raise WorkflowError(f"config: {error}")

# The data folder is not a parameter of a rule, so that moving the data does not cause a rerun.
os.environ.setdefault("LMC_DATA_DIR", config["data_dir"])
# The results do not depend on the interval between snapshots either.
os.environ.setdefault("LMC_SNAPSHOT_SECONDS", json.dumps(config["snapshot_seconds"]))

NAME = config["name"]
EXPERIMENTS = config["experiments"]
TABLES = {
    table: (figure, i)
    for figure in config["figures"]
    for i, table in enumerate(labels.panel_tables(config, figure))
}
RESULTS = f"results/{NAME}"
RUN = f"{RESULTS}/{{experiment}}/{{setting}}"
FIGURE_FOLDER = f"paper_figures/{NAME}"


wildcard_constraints:
    experiment="|".join(EXPERIMENTS),
    setting=labels.SETTING_LABEL,
    architecture=r"[a-z0-9_]+-[0-9a-f]{8}",
    dataset=r"[a-z0-9_-]+",
    figure="|".join(config["figures"]) or "none",
    table="|".join(TABLES) or "none",
    theory="|".join(config["theory"]) or "none",


def log_of(name):
    """The log of a job: the wildcards of its files, followed by the name of its rule."""
    return f"logs/{NAME}/{name}.log"


def benchmark_of(name):
    """The file with the time and memory of a job, named like its log."""
    return f"benchmark/{NAME}/{name}.tsv"


def setting_of(wildcards):
    """The block of a setting of an experiment."""
    return EXPERIMENTS[wildcards.experiment]["settings"][wildcards.setting]


def block_of(key):
    """A parameter of a rule that is one part of the setting's block."""
    return lambda wildcards: setting_of(wildcards)[key]


def run_of(wildcards):
    """The identity of the run, which every table of a setting carries."""
    experiment = EXPERIMENTS[wildcards.experiment]
    return {
        "experiment": wildcards.experiment,
        "axis": experiment["named_axis"],
        "value": experiment["values"][wildcards.setting],
        "config_hash": labels.training_hash(config, experiment),
        "seed": config["seed"],
    }


def of_experiment(name, pattern):
    """The files with this pattern for all settings of an experiment."""
    return [
        f"{RESULTS}/{name}/{label}/{pattern}" for label in EXPERIMENTS[name]["settings"]
    ]


def of_all(pattern):
    return [path for name in EXPERIMENTS for path in of_experiment(name, pattern)]
