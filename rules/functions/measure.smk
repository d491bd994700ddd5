# Functions of the config for `rules/measure.smk`.


def matchers_of(wildcards):
    """The matchers of a job by label: one, or all of the experiment."""
    matchers = setting_of(wildcards)["matchers"]
    label = wildcards.get("matcher")
    return {label: matchers[label]} if label else matchers


def reads_activations(wildcards):
    """Whether some matcher takes statistics of the activations; others read weights alone."""
    registry = REGISTRIES["matcher"]
    names = [block["name"] for block in matchers_of(wildcards).values()]
    return any(registry.entry(name).activations for name in names)


def runs_networks(wildcards):
    """Whether the networks are run for these statistics: nothing is recorded."""
    streamed = setting_of(wildcards)["activations"]["streamed"]
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
    block = setting_of(wildcards)
    return {
        "network": block["network"],
        "examples": block["activations"]["examples"],
        "device": config["device"],
    }


def recording(wildcards):
    """What recorded activations, if there are any, depend on beside networks and data."""
    if runs_networks(wildcards) or not reads_activations(wildcards):
        return []
    block = setting_of(wildcards)
    code_of_recording = network_code("record_activations.py")(wildcards)
    return [block["activations"], config["device"], code_of_recording]


def codes_of_matchers(script):
    """Label -> the code of a matcher, and of the networks where they are run."""

    def of(wildcards):
        network = [network_module(wildcards)] if runs_networks(wildcards) else []
        return {
            label: code(script, REGISTRIES["matcher"].module(block["name"]), *network)
            for label, block in matchers_of(wildcards).items()
        }

    return of


def pairs_of(wildcards):
    return labels.pairs(setting_of(wildcards))


def labels_of(wildcards):
    """The labels of an experiment's matchers."""
    return list(setting_of(wildcards)["matchers"])


def path_option(key):
    return lambda w: setting_of(w)["path"][key]


# Unlike figures it is never committed: in a fresh clone, this table and the theory's measurements
# are the missing outputs that make Snakemake run the workflow.
RESULTS_TABLE = f"{RESULTS}/results.parquet"
RESULTS_CSV = f"{FIGURE_FOLDER}/results.csv"
