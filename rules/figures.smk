# Tabulate each panel from the results, and draw each figure from the tables of its panels.
include: "functions/figures.smk"


rule tabulate_panel:
    input:
        unpack(panel_sources),
    output:
        table=report(
            f"{FIGURE_FOLDER}/{{table}}.csv",
            caption="../workflow/report/table.rst",
            category=lambda w: report_category(TABLES[w.table][0], "4 Tables"),
        ),
        digest=f"{RESULTS}/panels/{{table}}.sha256",
    log:
        log_of("tabulate_panel/{table}"),
    benchmark:
        benchmark_of("tabulate_panel/{table}")
    conda:
        "../envs/numeric.yaml"
    threads: 1
    resources:
        mem_mb=escalating(1000),
        runtime=escalating(10),
    params:
        panel=panel_of,
        published=lambda w: PUBLISHED.get(panel_of(w).get("experiment")),
        code=lambda w: code(
            "tabulate_panel.py", REGISTRIES["panel"].module(panel_of(w)["name"])
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
            category=lambda w: report_category(w.figure, "2 Figures"),
        ),
    log:
        log_of("draw_figure/{figure}"),
    benchmark:
        benchmark_of("draw_figure/{figure}")
    conda:
        "../envs/figures.yaml"
    threads: 1
    resources:
        mem_mb=escalating(1000),
        runtime=escalating(10),
    params:
        panels=lambda w: [p["name"] for p in config["figures"][w.figure]["panels"]],
        nats=lambda w: [
            labels.in_nats(config, p) for p in config["figures"][w.figure]["panels"]
        ],
        code=lambda w: code(
            "draw_figure.py",
            *(
                f"lmc_ot.reporting.figures.{p['name']}"
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
        dimensions=of_all("dimensions.parquet"),
    output:
        csv=report(
            f"{FIGURE_FOLDER}/comparison.csv",
            caption="../workflow/report/comparison.rst",
            category=HEADLINE,
        ),
        markdown=f"{FIGURE_FOLDER}/comparison.md",
    log:
        log_of("compare_published"),
    benchmark:
        benchmark_of("compare_published")
    conda:
        "../envs/numeric.yaml"
    threads: 1
    resources:
        mem_mb=escalating(1000),
        runtime=escalating(10),
    params:
        published=PUBLISHED,
        code=code("compare_published.py"),
    message:
        "compare with the published numbers"
    script:
        "../workflow/scripts/compare_published.py"
