# Functions of the config for `rules/train.smk`.
IMPORTED = [
    name for name, block in EXPERIMENTS.items() if block["checkpoints"] is not None
]
TRAINED = [name for name in EXPERIMENTS if name not in IMPORTED]


def files_of(wildcards):
    """The checkpoints that an experiment reads instead of training networks."""
    return setting_of(wildcards).get("files", [])
