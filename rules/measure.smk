# Recorded activations are temporary unless the config keeps them, so what they depend on is also a
# parameter of their readers (`recording`): Snakemake does not look behind a file that is gone.
# When they are made again, for a new matcher, all matchers of that learning rate run again.


rule record_activations:
    input:
        dataset=dataset_of,
        checkpoints=f"{RUN}/checkpoints.parquet",
    output:
        activations=kept(directory(f"{RUN}/activations")),
    log:
        f"logs/{NAME}/{{experiment}}/{{rate}}/record_activations.log",
    benchmark:
        f"benchmark/{NAME}/{{experiment}}/{{rate}}/record_activations.tsv"
    conda:
        "../envs/train.yaml"
    threads: 1
    resources:
        mem_mb=growing(4000),
        runtime=growing(30),
        gpu=gpu_of_networks,
        gpu_model=gpu_model(gpu_of_networks),
    params:
        network=block_of("network"),
        examples=lambda w: EXPERIMENTS[w.experiment]["activations"]["examples"],
        positions=lambda w: EXPERIMENTS[w.experiment]["activations"]["positions"],
        device=config["device"],
        provenance=provenance_of,
        code=network_code("record_activations.py"),
    message:
        "record activations of {wildcards.experiment} at learning rate {wildcards.rate}"
    script:
        "../workflow/scripts/record_activations.py"


rule match:
    input:
        unpack(recorded),
        dataset=dataset_of,
        checkpoints=f"{RUN}/checkpoints.parquet",
    output:
        permutations=f"{RUN}/{{matcher}}/permutations.parquet",
        objectives=f"{RUN}/{{matcher}}/objectives.parquet",
    log:
        f"logs/{NAME}/{{experiment}}/{{rate}}/{{matcher}}/match.log",
    benchmark:
        f"benchmark/{NAME}/{{experiment}}/{{rate}}/{{matcher}}/match.tsv"
    conda:
        "../envs/train.yaml"
    threads: 1
    resources:
        mem_mb=growing(2000, streamed=8000),
        runtime=growing(30),
        gpu=gpu_of_streams,
        gpu_model=gpu_model(gpu_of_streams),
    params:
        label="{matcher}",
        matcher=matcher_of,
        pairs=pairs_of,
        learning_rate=rate_of,
        streamed=streamed,
        recording=recording,
        provenance=provenance_of,
        code=matcher_code("match.py"),
    message:
        "match {wildcards.experiment} at learning rate {wildcards.rate} by {wildcards.matcher}"
    script:
        "../workflow/scripts/match.py"


rule approximate_dimension:
    input:
        unpack(recorded),
        dataset=dataset_of,
        checkpoints=f"{RUN}/checkpoints.parquet",
    output:
        dimensions=f"{RUN}/{{matcher}}/dimensions.parquet",
    log:
        f"logs/{NAME}/{{experiment}}/{{rate}}/{{matcher}}/approximate_dimension.log",
    benchmark:
        f"benchmark/{NAME}/{{experiment}}/{{rate}}/{{matcher}}/approximate_dimension.tsv"
    conda:
        "../envs/train.yaml"
    threads: 1
    resources:
        mem_mb=growing(2000, streamed=8000),
        runtime=growing(30),
        gpu=gpu_of_streams,
        gpu_model=gpu_model(gpu_of_streams),
    params:
        label="{matcher}",
        matcher=matcher_of,
        learning_rate=rate_of,
        streamed=streamed,
        recording=recording,
        provenance=provenance_of,
        code=matcher_code("approximate_dimension.py"),
    message:
        "approximate dimension of {wildcards.experiment} at learning rate {wildcards.rate} "
        "for {wildcards.matcher}"
    script:
        "../workflow/scripts/approximate_dimension.py"


rule evaluate_path:
    input:
        dataset=dataset_of,
        checkpoints=f"{RUN}/checkpoints.parquet",
        permutations=f"{RUN}/{{matcher}}/permutations.parquet",
    output:
        path=f"{RUN}/{{matcher}}/path.parquet",
    log:
        f"logs/{NAME}/{{experiment}}/{{rate}}/{{matcher}}/evaluate_path.log",
    benchmark:
        f"benchmark/{NAME}/{{experiment}}/{{rate}}/{{matcher}}/evaluate_path.tsv"
    conda:
        "../envs/train.yaml"
    threads: 1
    resources:
        mem_mb=growing(4000, streamed=8000),
        runtime=growing(60),
        gpu=gpu_of_networks,
        gpu_model=gpu_model(gpu_of_networks),
    params:
        label="{matcher}",
        network=block_of("network"),
        pairs=pairs_of,
        points=lambda w: EXPERIMENTS[w.experiment]["path"]["points"],
        train_examples=lambda w: EXPERIMENTS[w.experiment]["path"]["train_examples"],
        learning_rate=rate_of,
        device=config["device"],
        provenance=provenance_of,
        code=network_code("evaluate_path.py"),
    message:
        "evaluate paths of {wildcards.experiment} at learning rate {wildcards.rate} "
        "matched by {wildcards.matcher}"
    script:
        "../workflow/scripts/evaluate_path.py"


rule collect:
    input:
        paths=of_all("{matcher}/path.parquet"),
        objectives=of_all("{matcher}/objectives.parquet"),
        dimensions=of_all("{matcher}/dimensions.parquet"),
        histories=of_all("history.parquet"),
    output:
        results=RESULTS_TABLE,
        csv=report(
            RESULTS_CSV, caption="../workflow/report/results.rst", category="Tables"
        ),
    log:
        f"logs/{NAME}/collect.log",
    benchmark:
        f"benchmark/{NAME}/collect.tsv"
    conda:
        "../envs/numeric.yaml"
    threads: 1
    resources:
        mem_mb=growing(1000),
        runtime=growing(10),
    params:
        pairs={name: configuration.pairs(block) for name, block in EXPERIMENTS.items()},
        matchers={name: list(block["matchers"]) for name, block in EXPERIMENTS.items()},
        provenance={"seed": config["seed"]},
        code=code("collect.py"),
    message:
        "collect the results"
    script:
        "../workflow/scripts/collect.py"
