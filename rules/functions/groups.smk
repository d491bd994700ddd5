# Functions of the config for `rules/groups.smk`.
ARCHITECTURES = {
    labels.architecture(setting): setting
    for experiment in EXPERIMENTS.values()
    for setting in experiment["settings"].values()
}


def groups_of(wildcards):
    architecture = labels.architecture(setting_of(wildcards))
    return f"{RESULTS}/groups/{architecture}.parquet"
