# Experiments on the paper's theorems, which the block `theory` of the config lists by label.
include: "functions/theory.smk"


rule theory:
    input:
        THEORY,


rule measure_theory:
    output:
        measurements=f"{RESULTS}/theory/{{theory}}.parquet",
    log:
        log_of("measure_theory/{theory}"),
    benchmark:
        benchmark_of("measure_theory/{theory}")
    conda:
        "../envs/numeric.yaml"
    threads: 1
    resources:
        mem_mb=escalating(4000),
        runtime=escalating(240),
    params:
        label="{theory}",
        theory=theory_of,
        run=theory_run,
        code=theory_code("measure_theory.py"),
    message:
        "measure {wildcards.theory}"
    script:
        "../workflow/scripts/measure_theory.py"


rule tabulate_theory:
    input:
        measurements=f"{RESULTS}/theory/{{theory}}.parquet",
    output:
        curves=report(
            f"{FIGURE_FOLDER}/theory_{{theory}}.csv",
            caption="../workflow/report/theory_table.rst",
            category="4 Tables",
        ),
        slopes=report(
            f"{FIGURE_FOLDER}/theory_{{theory}}_slopes.csv",
            caption="../workflow/report/theory_table.rst",
            category="4 Tables",
        ),
        digests=[
            f"{RESULTS}/panels/theory_{{theory}}.sha256",
            f"{RESULTS}/panels/theory_{{theory}}_slopes.sha256",
        ],
    log:
        log_of("tabulate_theory/{theory}"),
    benchmark:
        benchmark_of("tabulate_theory/{theory}")
    conda:
        "../envs/numeric.yaml"
    threads: 1
    resources:
        mem_mb=escalating(1000),
        runtime=escalating(10),
    params:
        theory=theory_of,
        run=theory_run,
        code=theory_code("tabulate_theory.py"),
    message:
        "tabulate {wildcards.theory}"
    script:
        "../workflow/scripts/tabulate_theory.py"


rule draw_theory:
    input:
        curves=f"{FIGURE_FOLDER}/theory_{{theory}}.csv",
        slopes=f"{FIGURE_FOLDER}/theory_{{theory}}_slopes.csv",
        digests=[
            f"{RESULTS}/panels/theory_{{theory}}.sha256",
            f"{RESULTS}/panels/theory_{{theory}}_slopes.sha256",
        ],
    output:
        pdf=f"{FIGURE_FOLDER}/theory_{{theory}}.pdf",
        svg=f"{FIGURE_FOLDER}/theory_{{theory}}.svg",
        png=report(
            f"{FIGURE_FOLDER}/theory_{{theory}}.png",
            caption="../workflow/report/theory.rst",
            category="3 Theory",
        ),
    log:
        log_of("draw_theory/{theory}"),
    benchmark:
        benchmark_of("draw_theory/{theory}")
    conda:
        "../envs/figures.yaml"
    threads: 1
    resources:
        mem_mb=escalating(1000),
        runtime=escalating(10),
    params:
        about=lambda w: vars(REGISTRIES["theory"].entry(theory_of(w)["name"])),
        code=code("draw_theory.py"),
    message:
        "draw {wildcards.theory}"
    script:
        "../workflow/scripts/draw_theory.py"
