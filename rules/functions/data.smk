# Functions of the config for `rules/data.smk`.
DATASETS = {
    labels.dataset_label(setting["dataset"]): dataset_block(setting)
    for experiment in EXPERIMENTS.values()
    for setting in experiment["settings"].values()
}


def dataset_path(block):
    return f"{RESULTS}/datasets/{labels.dataset_label(block['dataset'])}.parquet"


def dataset_of(wildcards):
    return dataset_path(setting_of(wildcards))
