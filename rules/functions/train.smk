# Functions of the config for `rules/train.smk`.
IMPORTED = [
    name for name, block in EXPERIMENTS.items() if block["checkpoints"] is not None
]
TRAINED = [name for name in EXPERIMENTS if name not in IMPORTED]


def files_of(wildcards):
    """The checkpoints that an experiment reads instead of training networks.

    They are the user's, and keep their paths if this workflow is a module of another one.
    """
    return [local(file) for file in setting_of(wildcards).get("files", [])]


def order_of(wildcards):
    """The checkpoints in their order as a parameter: Snakemake compares inputs as a set."""
    return " ".join(setting_of(wildcards).get("files", []))
