# The networks of every setting: trained, or read from the user's checkpoints.
include: "functions/train.smk"


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
    wildcard_constraints:
        experiment="|".join(TRAINED) or "none",
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


rule import_checkpoints:
    input:
        dataset=dataset_of,
        files=files_of,
    output:
        checkpoints=f"{RUN}/checkpoints.parquet",
        history=f"{RUN}/history.parquet",
    log:
        log_of("{experiment}/{setting}/import_checkpoints"),
    benchmark:
        benchmark_of("{experiment}/{setting}/import_checkpoints")
    wildcard_constraints:
        experiment="|".join(IMPORTED) or "none",
    conda:
        "../envs/train.yaml"
    threads: 1
    resources:
        mem_mb=escalating(8000),
        runtime=escalating(30),
        gpu=gpu_of_networks,
        gpu_model=gpu_model(gpu_of_networks),
    params:
        network=lambda w: network_of(setting_of(w)),
        loss=lambda w: loss_of(setting_of(w)),
        order=order_of,
        device=config["device"],
        run=run_of,
        code=loss_code("import_checkpoints.py"),
    message:
        "import the checkpoints of {wildcards.experiment} at {wildcards.setting}"
    script:
        "../workflow/scripts/import_checkpoints.py"
