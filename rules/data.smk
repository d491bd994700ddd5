# Write the data set of an experiment as a table.
include: "functions/data.smk"


rule prepare_dataset:
    output:
        dataset=f"{RESULTS}/datasets/{{dataset}}.parquet",
    log:
        log_of("prepare_dataset/{dataset}"),
    benchmark:
        benchmark_of("prepare_dataset/{dataset}")
    conda:
        "../envs/train.yaml"
    threads: 1
    resources:
        mem_mb=escalating(2000),
        runtime=escalating(30),
    params:
        block=lambda w: DATASETS[w.dataset],
        run=lambda w: {"dataset": w.dataset},
        code=lambda w: code(
            "prepare_dataset.py",
            REGISTRIES["dataset"].module(DATASETS[w.dataset]["name"]),
            *own_files(DATASETS[w.dataset]),
        ),
    message:
        "prepare data set {wildcards.dataset}"
    script:
        "../workflow/scripts/prepare_dataset.py"
