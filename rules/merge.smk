# The merged networks as files that their users load: for every pair and matcher, B with its units
# permuted, and the midpoint between A and it.
include: "functions/merge.smk"


rule merge:
    input:
        dataset=dataset_of,
        checkpoints=f"{RUN}/checkpoints.parquet",
        groups=groups_of,
        permutations=f"{RUN}/permutations.parquet",
        files=files_of,
    output:
        folder=directory(f"{RUN}/merged"),
        losses=f"{RUN}/merged.parquet",
    log:
        log_of("{experiment}/{setting}/merge"),
    benchmark:
        benchmark_of("{experiment}/{setting}/merge")
    conda:
        "../envs/train.yaml"
    threads: 1
    resources:
        mem_mb=escalating(4000, convolutional=8000),
        runtime=escalating(60),
        gpu=gpu_of_networks,
        gpu_model=gpu_model(gpu_of_networks),
    params:
        labels=labels_of,
        network=lambda w: network_of(setting_of(w)),
        loss=lambda w: loss_of(setting_of(w)),
        pairs=pairs_of,
        order=order_of,
        train_examples=path_option("train_examples"),
        device=config["device"],
        run=run_of,
        code=loss_code("merge.py"),
    message:
        "merge {wildcards.experiment} at {wildcards.setting}"
    script:
        "../workflow/scripts/merge.py"


rule collect_merged:
    input:
        losses=[
            path for name in MERGING for path in of_experiment(name, "merged.parquet")
        ],
    output:
        csv=report(
            f"{FIGURE_FOLDER}/merged.csv",
            caption="../workflow/report/merged.rst",
            category="4 Tables",
        ),
    log:
        log_of("collect_merged"),
    benchmark:
        benchmark_of("collect_merged")
    conda:
        "../envs/numeric.yaml"
    threads: 1
    resources:
        mem_mb=escalating(1000),
        runtime=escalating(10),
    params:
        code=code("collect_merged.py"),
    message:
        "collect the losses of the merged networks"
    script:
        "../workflow/scripts/collect_merged.py"
