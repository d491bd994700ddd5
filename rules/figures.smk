rule tabulate_panel:
    input:
        unpack(panel_sources),
    output:
        table=report(
            f"{FIGURE_FOLDER}/{{table}}.csv",
            caption="../workflow/report/table.rst",
            category="Tables",
        ),
        digest=f"{RESULTS}/panels/{{table}}.sha256",
    log:
        f"logs/{NAME}/tabulate_panel/{{table}}.log",
    benchmark:
        f"benchmark/{NAME}/tabulate_panel/{{table}}.tsv"
    conda:
        "../envs/numeric.yaml"
    threads: 1
    resources:
        mem_mb=growing(1000),
        runtime=growing(10),
    params:
        panel=panel_of,
        published=lambda w: PUBLISHED.get(panel_of(w)["experiment"]),
        code=lambda w: code(
            "tabulate_panel.py", panels.REGISTRY.module(panel_of(w)["name"])
        ),
    message:
        "tabulate {wildcards.table}"
    script:
        "../workflow/scripts/tabulate_panel.py"


rule draw_figure:
    input:
        panel_tables=lambda w: figure_files(w, f"{FIGURE_FOLDER}/{{table}}.csv"),
        digests=lambda w: figure_files(w, f"{RESULTS}/panels/{{table}}.sha256"),
    output:
        pdf=f"{FIGURE_FOLDER}/{{figure}}.pdf",
        svg=f"{FIGURE_FOLDER}/{{figure}}.svg",
        png=report(
            f"{FIGURE_FOLDER}/{{figure}}.png",
            caption="../workflow/report/figure.rst",
            category="Figures",
        ),
    log:
        f"logs/{NAME}/draw_figure/{{figure}}.log",
    benchmark:
        f"benchmark/{NAME}/draw_figure/{{figure}}.tsv"
    conda:
        "../envs/figures.yaml"
    threads: 1
    resources:
        mem_mb=growing(1000),
        runtime=growing(10),
    params:
        panels=lambda w: [p["name"] for p in config["figures"][w.figure]["panels"]],
        code=lambda w: code(
            "draw_figure.py",
            *(
                f"lmc.figures.{p['name']}"
                for p in config["figures"][w.figure]["panels"]
            ),
        ),
    message:
        "draw {wildcards.figure}"
    script:
        "../workflow/scripts/draw_figure.py"


rule compare_published:
    input:
        results=RESULTS_TABLE,
        dimensions=of_all("{matcher}/dimensions.parquet"),
    output:
        csv=report(
            f"{FIGURE_FOLDER}/comparison.csv",
            caption="../workflow/report/comparison.rst",
            category="Tables",
        ),
        markdown=f"{FIGURE_FOLDER}/comparison.md",
    log:
        f"logs/{NAME}/compare_published.log",
    benchmark:
        f"benchmark/{NAME}/compare_published.tsv"
    conda:
        "../envs/numeric.yaml"
    threads: 1
    resources:
        mem_mb=growing(1000),
        runtime=growing(10),
    params:
        published=PUBLISHED,
        code=code("compare_published.py"),
    message:
        "compare with the published numbers"
    script:
        "../workflow/scripts/compare_published.py"
