"""What several tests share: running the workflow as a user would, objects with declared defaults.

The library is imported inside of the functions: not every test that imports this one needs torch.
"""

import os
import subprocess
import sys
from pathlib import Path

REPOSITORY = Path(__file__).resolve().parents[1]


def snakemake(
    folder: Path, *arguments: str | Path, repository: Path = REPOSITORY, **environment: str
) -> subprocess.CompletedProcess:
    """Run snakemake with `folder` as its working directory; stdout and stderr come as one text.

    Parameters
    ----------
    folder
        Where ``results/``, ``paper_figures/`` and ``logs/`` are written.
    arguments
        Targets and options, after the defaults of a test: two cores.
    repository
        The checkout whose Snakefile is run.
    environment
        More environment variables.
    """
    command = [sys.executable, "-m", "snakemake", "--snakefile", repository / "Snakefile"]
    command += ["--directory", folder, "--cores", "2", *arguments]
    return subprocess.run(
        [str(part) for part in command],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=600,
        env={**os.environ, "LMC_COMMIT": "test", **environment},
    )


def succeeds(finished: subprocess.CompletedProcess) -> str:
    """The output of a run that must succeed."""
    assert finished.returncode == 0, finished.stdout[-5000:]
    return finished.stdout


def training_block(**changes) -> dict:
    """A config's block `training` with these changes, completed from the schema and checked."""
    from lmc_ot.config.completion import complete
    from lmc_ot.registries import REGISTRIES

    block = {"dataset": {"name": "digits"}, "network": {"name": "mlp"}}
    training = {"learning_rate": 0.1, **changes}
    config = {"name": "test", "experiments": {"test": {**block, "training": training}}}
    schema = REPOSITORY / "workflow/schemas/config.schema.yaml"
    return complete(config, schema, REGISTRIES)["experiments"]["test"]["training"]


def training_config(**changes):
    """A `TrainingConfig` with the defaults of the config's schema, but for these changes."""
    from lmc_ot.training.settings import TrainingConfig

    return TrainingConfig.of(training_block(**changes))


def augmentation(**changes):
    """An `Augmentation` with the schema's defaults, but for these changes; they are not checked."""
    from lmc_ot.data.augmentation import Augmentation

    return Augmentation(**{**training_block()["augmentation"], **changes})


def optimiser(name: str, **options):
    """A registered optimiser; options that are not given have their declared defaults."""
    from lmc_ot.training.optimisers import REGISTRY

    return REGISTRY.build({"name": name, **options})


def network(name: str, shape: tuple[int, ...], classes: int, **options):
    """A registered network; options that are not given have their declared defaults."""
    from lmc_ot.networks.build import build_for

    return build_for({"name": name, **options}, shape, classes)


def mlp(shape: tuple[int, ...], classes: int, hidden_widths: list[int]):
    """A multilayer perceptron of these hidden widths."""
    return network("mlp", shape, classes, hidden_widths=hidden_widths)


def convolutions(shape: tuple[int, ...], classes: int, groups: list, head: list[int], **options):
    """A convolutional network of these groups and this head."""
    return network("convnet", shape, classes, groups=groups, head=head, **options)


def parquet(**options):
    """The data set ``parquet`` with its declared defaults, but for these options."""
    from lmc_ot.data import REGISTRY

    return REGISTRY.build({"name": "parquet", **options})


def small_module():
    """A module of torch's own layers for 4 x 4 grey images and three classes."""
    from torch import nn

    layers = nn.Conv2d(1, 4, 3), nn.BatchNorm2d(4), nn.ReLU(), nn.Flatten(), nn.Linear(16, 3)
    return nn.Sequential(*layers)


def dropping_module():
    """A module with dropout for 4 x 4 grey images and three classes."""
    from torch import nn

    return nn.Sequential(nn.Flatten(), nn.Linear(16, 32), nn.ReLU(), nn.Dropout(), nn.Linear(32, 3))


def structs(kind, values_of) -> list[dict]:
    """Rows of a struct type of Arrow, given a function from the type of a field to its values."""
    columns = {field.name: values_of(field.type) for field in kind}
    plain = [v.to_pylist() if hasattr(v, "to_pylist") else v for v in columns.values()]
    return [dict(zip(columns, row, strict=True)) for row in zip(*plain, strict=True)]
