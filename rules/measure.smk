# From trained networks to one table of results: activations, permutations, dimensions and paths.
# There is one job per setting, not per matcher: starting a job takes longer than the computation, and
# matchers share the moments of the activations. If a matcher is new or has changed, only its rows are
# computed, and those of the other matchers are kept (`lmc_ot.tables.keep`).
include: "functions/measure.smk"


rule record_activations:
    input:
        dataset=dataset_of,
        checkpoints=f"{RUN}/checkpoints.parquet",
        groups=groups_of,
    output:
        activations=directory(f"{RUN}/activations"),
    log:
        log_of("{experiment}/{setting}/record_activations"),
    benchmark:
        benchmark_of("{experiment}/{setting}/record_activations")
    conda:
        "../envs/train.yaml"
    threads: 1
    resources:
        mem_mb=escalating(4000),
        runtime=escalating(30),
        gpu=gpu_of_networks,
        gpu_model=gpu_model(gpu_of_networks),
    params:
        network=lambda w: network_of(setting_of(w)),
        examples=lambda w: setting_of(w)["activations"]["examples"],
        positions=lambda w: setting_of(w)["activations"]["positions"],
        device=config["device"],
        run=run_of,
        code=network_code("record_activations.py"),
    message:
        "record activations of {wildcards.experiment} at {wildcards.setting}"
    script:
        "../workflow/scripts/record_activations.py"


rule match:
    input:
        unpack(sources_of),
        checkpoints=f"{RUN}/checkpoints.parquet",
        groups=groups_of,
    output:
        permutations=f"{RUN}/permutations.parquet",
        objectives=f"{RUN}/objectives.parquet",
        dimensions=f"{RUN}/dimensions.parquet",
    log:
        log_of("{experiment}/{setting}/match"),
    benchmark:
        benchmark_of("{experiment}/{setting}/match")
    conda:
        "../envs/train.yaml"
    threads: 1
    resources:
        mem_mb=escalating(4000, convolutional=8000),
        runtime=escalating(60),
        gpu=gpu_of_matchers,
        gpu_model=gpu_model(gpu_of_matchers),
    params:
        matchers=block_of("matchers"),
        freeze=block_of("freeze"),
        pairs=pairs_of,
        streamed=streamed,
        recording=recording,
        run=run_of,
        code=codes_of_matchers,
    message:
        "match {wildcards.experiment} at {wildcards.setting}"
    script:
        "../workflow/scripts/match.py"


rule evaluate_path:
    input:
        dataset=dataset_of,
        checkpoints=f"{RUN}/checkpoints.parquet",
        groups=groups_of,
        permutations=f"{RUN}/permutations.parquet",
    output:
        path=f"{RUN}/path.parquet",
    log:
        log_of("{experiment}/{setting}/evaluate_path"),
    benchmark:
        benchmark_of("{experiment}/{setting}/evaluate_path")
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
        loss=lambda w: loss_of(setting_of(w)),
        network=lambda w: network_of(setting_of(w)),
        pairs=pairs_of,
        points=path_option("points"),
        train_examples=path_option("train_examples"),
        device=config["device"],
        run=run_of,
        code=loss_code("evaluate_path.py"),
    message:
        "evaluate paths of {wildcards.experiment} at {wildcards.setting}"
    script:
        "../workflow/scripts/evaluate_path.py"


rule collect:
    input:
        paths=of_all("path.parquet"),
        objectives=of_all("objectives.parquet"),
        dimensions=of_all("dimensions.parquet"),
        histories=of_all("history.parquet"),
    output:
        results=RESULTS_TABLE,
        csv=report(
            RESULTS_CSV, caption="../workflow/report/results.rst", category="4 Tables"
        ),
    log:
        log_of("collect"),
    benchmark:
        benchmark_of("collect")
    conda:
        "../envs/numeric.yaml"
    threads: 1
    resources:
        mem_mb=escalating(1000),
        runtime=escalating(10),
    params:
        settings=[
            {
                "experiment": name,
                "axis": experiment["named_axis"],
                "value": experiment["values"][label],
                "pairs": labels.pairs(block),
                "matchers": list(block["matchers"]),
            }
            for name, experiment in EXPERIMENTS.items()
            for label, block in experiment["settings"].items()
        ],
        run={"seed": config["seed"]},
        code=code("collect.py"),
    message:
        "collect the results"
    script:
        "../workflow/scripts/collect.py"
