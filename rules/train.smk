rule train:
    input:
        dataset=dataset_of,
    output:
        checkpoints=f"{RUN}/checkpoints.parquet",
        history=f"{RUN}/history.parquet",
    log:
        log_of("{experiment}/{setting}/train"),
    benchmark:
        benchmark_of("{experiment}/{setting}/train")
    # Start the longest jobs first; otherwise the last of them leaves the other cores idle.
    priority: 1
    conda:
        "../envs/train.yaml"
    threads: 1
    resources:
        mem_mb=escalating(4000, convolutional=8000),
        runtime=escalating(120, convolutional=240),
        gpu=GPU,
        gpu_model=gpu_model(lambda wildcards: GPU),
    params:
        network=lambda w: network_of(setting_of(w)),
        training=block_of("training"),
        loss=lambda w: loss_of(setting_of(w)),
        networks=block_of("networks"),
        device=config["device"],
        run=run_of,
        code=lambda w: code(
            "train.py",
            *network_modules(setting_of(w)),
            *loss_modules(setting_of(w)),
            REGISTRIES["optimiser"].module(
                setting_of(w)["training"]["optimiser"]["name"]
            ),
        ),
    message:
        "train {wildcards.experiment} at {wildcards.setting}"
    script:
        "../workflow/scripts/train.py"
