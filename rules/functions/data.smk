# Functions of the config for `rules/data.smk`.
DATASETS = {
    labels.dataset_label(b["dataset"]): b["dataset"] for b in EXPERIMENTS.values()
}


def dataset_path(block):
    return f"{RESULTS}/datasets/{labels.dataset_label(block['dataset'])}.parquet"


def dataset_of(wildcards):
    return dataset_path(EXPERIMENTS[wildcards.experiment])
