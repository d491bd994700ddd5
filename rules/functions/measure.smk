# Functions of the config for `rules/measure.smk`.


def reads_activations(wildcards):
    """Whether a matcher takes statistics of the activations, or reads weights alone."""
    return REGISTRIES["matcher"].entry(matcher_of(wildcards)["name"]).activations


def runs_networks(wildcards):
    """Whether a matcher runs the networks for these statistics: nothing is recorded for it."""
    streamed = EXPERIMENTS[wildcards.experiment]["activations"]["streamed"]
    return streamed and reads_activations(wildcards)


def sources_of(wildcards):
    """The inputs of a matcher beside the networks."""
    if not reads_activations(wildcards):
        return {}
    recorded = {} if runs_networks(wildcards) else {"activations": f"{RUN}/activations"}
    return {"dataset": dataset_of(wildcards), **recorded}


def streamed(wildcards):
    """How to run the networks, where no activations are recorded."""
    if not runs_networks(wildcards):
        return {}
    block = EXPERIMENTS[wildcards.experiment]
    return {
        "network": block["network"],
        "examples": block["activations"]["examples"],
        "device": config["device"],
    }


def matcher_code(script):
    """A matcher's code, and that of the networks where it runs them."""

    def of(wildcards):
        modules = [REGISTRIES["matcher"].module(matcher_of(wildcards)["name"])]
        if runs_networks(wildcards):
            modules.append(network_module(wildcards))
        return code(script, *modules)

    return of


def pairs_of(wildcards):
    return labels.pairs(EXPERIMENTS[wildcards.experiment])


def labels_of(wildcards):
    """The labels of an experiment's matchers."""
    return list(EXPERIMENTS[wildcards.experiment]["matchers"])


def path_option(key):
    return lambda w: EXPERIMENTS[w.experiment]["path"][key]


# Unlike figures it is never committed: in a fresh clone, this table and the theory's measurements
# are the missing outputs that make Snakemake run the workflow.
RESULTS_TABLE = f"{RESULTS}/results.parquet"
RESULTS_CSV = f"{FIGURE_FOLDER}/results.csv"
