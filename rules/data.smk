rule prepare_dataset:
    output:
        dataset=f"{RESULTS}/datasets/{{dataset}}.parquet",
    log:
        f"logs/{NAME}/prepare_dataset/{{dataset}}.log",
    benchmark:
        f"benchmark/{NAME}/prepare_dataset/{{dataset}}.tsv"
    conda:
        "../envs/train.yaml"
    threads: 1
    resources:
        mem_mb=growing(2000),
        runtime=growing(30),
    params:
        name=lambda w: DATASETS[w.dataset]["name"],
        options=dataset_options,
        standardise=lambda w: DATASETS[w.dataset]["standardise"],
        provenance=lambda w: {"dataset": w.dataset},
        code=lambda w: code(
            "prepare_dataset.py", datasets.REGISTRY.module(DATASETS[w.dataset]["name"])
        ),
    message:
        "prepare data set {wildcards.dataset}"
    script:
        "../workflow/scripts/prepare_dataset.py"
