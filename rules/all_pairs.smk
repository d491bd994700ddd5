# Beyond the paper, which pairs networks 0 and 1, 2 and 3, ...: all pairs of a learning rate's
# networks, matched again and looked at in the middle of their paths. The panels whose sources are
# `midpoints` ask for them.
include: "functions/all_pairs.smk"


use rule match as match_all_pairs with:
    output:
        permutations=f"{RUN}/all_pairs/{{matcher}}/permutations.parquet",
        objectives=f"{RUN}/all_pairs/{{matcher}}/objectives.parquet",
    log:
        log_of("{experiment}/{rate}/all_pairs/{matcher}/match_all_pairs"),
    benchmark:
        benchmark_of("{experiment}/{rate}/all_pairs/{matcher}/match_all_pairs")
    params:
        pairs=all_pairs_of,
    message:
        "match all pairs of {wildcards.experiment} at learning rate {wildcards.rate} "
        "by {wildcards.matcher}"


rule evaluate_midpoints:
    input:
        dataset=dataset_of,
        checkpoints=f"{RUN}/checkpoints.parquet",
        permutations=lambda w: [
            f"{RUN}/all_pairs/{label}/permutations.parquet"
            for label in EXPERIMENTS[w.experiment]["matchers"]
        ],
    output:
        midpoints=f"{RUN}/all_pairs/midpoints.parquet",
    log:
        log_of("{experiment}/{rate}/all_pairs/evaluate_midpoints"),
    benchmark:
        benchmark_of("{experiment}/{rate}/all_pairs/evaluate_midpoints")
    conda:
        "../envs/train.yaml"
    threads: 1
    resources:
        mem_mb=escalating(4000, streamed=8000),
        runtime=escalating(60),
        gpu=gpu_of_networks,
        gpu_model=gpu_model(gpu_of_networks),
    params:
        labels=lambda w: list(EXPERIMENTS[w.experiment]["matchers"]),
        network=block_of("network"),
        pairs=all_pairs_of,
        train_examples=lambda w: EXPERIMENTS[w.experiment]["path"]["train_examples"],
        learning_rate=rate_of,
        device=config["device"],
        provenance=provenance_of,
        code=network_code("evaluate_midpoints.py"),
    message:
        "evaluate all pairs of {wildcards.experiment} at learning rate {wildcards.rate}"
    script:
        "../workflow/scripts/evaluate_midpoints.py"
