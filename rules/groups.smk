# The groups of permutable units of each architecture, derived from its graph and verified before
# anything is matched.
include: "functions/groups.smk"


rule derive_groups:
    input:
        dataset=lambda w: dataset_path(ARCHITECTURES[w.architecture]),
    output:
        groups=f"{RESULTS}/groups/{{architecture}}.parquet",
        text=report(
            f"{FIGURE_FOLDER}/groups/{{architecture}}.txt",
            caption="../workflow/report/groups.rst",
            category="4 Tables",
        ),
    log:
        log_of("derive_groups/{architecture}"),
    benchmark:
        benchmark_of("derive_groups/{architecture}")
    conda:
        "../envs/train.yaml"
    threads: 1
    resources:
        mem_mb=escalating(8000),
        runtime=escalating(30),
    params:
        network=lambda w: network_of(ARCHITECTURES[w.architecture]),
        run=lambda w: {"architecture": w.architecture},
        code=lambda w: code(
            "derive_groups.py", *network_modules(ARCHITECTURES[w.architecture])
        ),
    message:
        "derive the groups of {wildcards.architecture}"
    script:
        "../workflow/scripts/derive_groups.py"
