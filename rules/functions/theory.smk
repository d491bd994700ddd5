# What `rules/theory.smk` asks of the config.
from lmc_ot.environment import digest

THEORY = [
    path
    for name in config["theory"]
    for path in (
        f"{RESULTS}/theory/{name}.parquet",
        *(f"{FIGURE_FOLDER}/theory_{name}.{kind}" for kind in ("pdf", "svg", "png")),
    )
]


def theory_of(wildcards):
    return config["theory"][wildcards.theory]


def theory_provenance(wildcards):
    return {
        "experiment": f"theory {wildcards.theory}",
        "config_hash": digest(theory_of(wildcards)),
        "seed": config["seed"],
    }


def theory_code(script):
    """An experiment on a theorem may take any matcher from its registry."""
    matchers = [
        REGISTRIES["matcher"].module(name) for name in REGISTRIES["matcher"].names
    ]
    return lambda w: code(
        script, REGISTRIES["theory"].module(theory_of(w)["name"]), *matchers
    )
