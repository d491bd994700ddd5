# Functions of the config for `rules/measure.smk`.


def reads_activations(wildcards):
    """Whether any matcher needs statistics of the activations; the others read only weights."""
    registry = REGISTRIES["matcher"]
    names = [block["name"] for block in setting_of(wildcards)["matchers"].values()]
    return any(registry.entry(name).activations for name in names)


def runs_networks(wildcards):
    """Whether the networks are run to compute these statistics, without storing activations."""
    streamed = setting_of(wildcards)["activations"]["streamed"]
    return streamed and reads_activations(wildcards)


def sources_of(wildcards):
    """The inputs of a matcher in addition to the networks."""
    if not reads_activations(wildcards):
        return {}
    recorded = {} if runs_networks(wildcards) else {"activations": f"{RUN}/activations"}
    return {"dataset": dataset_of(wildcards), **recorded}


def streamed(wildcards):
    """How to run the networks if their activations are not recorded."""
    if not runs_networks(wildcards):
        return {}
    block = setting_of(wildcards)
    return {
        "network": network_of(block),
        "examples": block["activations"]["examples"],
        "device": config["device"],
    }


def recording(wildcards):
    """What recorded activations, if any, depend on in addition to the networks and the data."""
    if runs_networks(wildcards) or not reads_activations(wildcards):
        return []
    block = setting_of(wildcards)
    code_of_recording = network_code("record_activations.py")(wildcards)
    return [block["activations"], config["device"], code_of_recording]


def codes_of_matchers(wildcards):
    """By label, the code of each matcher, with that of the networks if they are run."""
    setting = setting_of(wildcards)
    network = network_modules(setting) if runs_networks(wildcards) else []
    return {
        label: code("match.py", REGISTRIES["matcher"].module(block["name"]), *network)
        for label, block in setting["matchers"].items()
    }


def pairs_of(wildcards):
    return labels.pairs(setting_of(wildcards))


def labels_of(wildcards):
    """The labels of an experiment's matchers."""
    return list(setting_of(wildcards)["matchers"])


def path_option(key):
    return lambda w: setting_of(w)["path"][key]


# Unlike the figures, this table is never committed. In a fresh clone, this table and the measurements
# of the theory are the missing outputs that make Snakemake run the workflow.
RESULTS_TABLE = f"{RESULTS}/results.parquet"
RESULTS_CSV = f"{FIGURE_FOLDER}/results.csv"
