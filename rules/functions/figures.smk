# Functions of the config for `rules/figures.smk`.
FIGURES = [
    f"{FIGURE_FOLDER}/{name}.{kind}"
    for name in config["figures"]
    for kind in ("pdf", "svg", "png")
]
COMPARISON = [
    f"{FIGURE_FOLDER}/comparison.{kind}" for kind in ("csv", "md") if PUBLISHED
]
# The report sorts its categories by name. It starts with the headline figure: the first one that
# shows LMC errors, or the first one of the config.
HEADLINE = "1 Headline"
HEADLINE_FIGURE = next(
    (
        name
        for name, figure in config["figures"].items()
        if "lmc_error" in [panel["name"] for panel in figure["panels"]]
    ),
    next(iter(config["figures"]), None),
)
# The files of each source of a panel; lmc_ot/reporting/panels/__init__.py lists the sources.
SOURCES = {
    "checkpoints": "checkpoints.parquet",
    "history": "history.parquet",
    "permutations": "permutations.parquet",
    "dimensions": "dimensions.parquet",
    "path": "path.parquet",
    "midpoints": "all_pairs/midpoints.parquet",
    "all_objectives": "all_pairs/objectives.parquet",
}


def report_category(figure, category):
    """The report's category of a figure or of its table: the given one, or the headline."""
    return HEADLINE if figure == HEADLINE_FIGURE else category


def panel_of(wildcards):
    figure, i = TABLES[wildcards.table]
    return config["figures"][figure]["panels"][i]


def panel_sources(wildcards):
    panel = panel_of(wildcards)
    names = labels.panel_experiments(panel)
    once = {
        "dataset": sorted(
            {
                dataset_path(block)
                for name in names
                for block in EXPERIMENTS[name]["settings"].values()
            }
        ),
        "results": [RESULTS_TABLE],
    }
    return {
        kind: (
            once[kind]
            if kind in once
            else [path for name in names for path in of_experiment(name, SOURCES[kind])]
        )
        for kind in REGISTRIES["panel"].entry(panel["name"]).sources
    }


def figure_files(wildcards, pattern):
    """The files with this pattern for the panels of a figure."""
    return expand(pattern, table=labels.panel_tables(config, wildcards.figure))
