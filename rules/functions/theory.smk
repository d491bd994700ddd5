# Functions of the config for `rules/theory.smk`.
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


def theory_run(wildcards):
    return {
        "experiment": f"theory {wildcards.theory}",
        "config_hash": digest(theory_of(wildcards)),
        "seed": config["seed"],
    }


def theory_code(script):
    """The digest of the code of an experiment and of the matchers that it uses."""

    def of(wildcards):
        block = theory_of(wildcards)
        matchers = list(REGISTRIES["theory"].entry(block["name"]).matchers)
        if "matcher" in block:
            matchers.append(block["matcher"]["name"])
        modules = [REGISTRIES["matcher"].module(name) for name in matchers]
        return code(script, REGISTRIES["theory"].module(block["name"]), *modules)

    return of
