# Experiments on the paper's theorems: the config's block `theory`, a label an experiment.


rule theory:
    input:
        THEORY,


rule measure_theory:
    output:
        measurements=f"{RESULTS}/theory/{{theory}}.parquet",
    log:
        f"logs/{NAME}/measure_theory/{{theory}}.log",
    benchmark:
        f"benchmark/{NAME}/measure_theory/{{theory}}.tsv"
    conda:
        "../envs/numeric.yaml"
    threads: 1
    resources:
        mem_mb=growing(4000),
        runtime=growing(240),
    params:
        label="{theory}",
        theory=theory_of,
        provenance=theory_provenance,
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
            category="Tables",
        ),
        slopes=report(
            f"{FIGURE_FOLDER}/theory_{{theory}}_slopes.csv",
            caption="../workflow/report/theory_table.rst",
            category="Tables",
        ),
        digests=[
            f"{RESULTS}/panels/theory_{{theory}}.sha256",
            f"{RESULTS}/panels/theory_{{theory}}_slopes.sha256",
        ],
    log:
        f"logs/{NAME}/tabulate_theory/{{theory}}.log",
    benchmark:
        f"benchmark/{NAME}/tabulate_theory/{{theory}}.tsv"
    conda:
        "../envs/numeric.yaml"
    threads: 1
    resources:
        mem_mb=growing(1000),
        runtime=growing(10),
    params:
        theory=theory_of,
        provenance=theory_provenance,
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
            category="Theory",
        ),
    log:
        f"logs/{NAME}/draw_theory/{{theory}}.log",
    benchmark:
        f"benchmark/{NAME}/draw_theory/{{theory}}.tsv"
    conda:
        "../envs/figures.yaml"
    threads: 1
    resources:
        mem_mb=growing(1000),
        runtime=growing(10),
    params:
        about=lambda w: vars(theories.REGISTRY.entry(theory_of(w)["theory"])),
        code=code("draw_theory.py"),
    message:
        "draw {wildcards.theory}"
    script:
        "../workflow/scripts/draw_theory.py"
