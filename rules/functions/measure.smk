# What `rules/measure.smk` asks of the config.
# Recorded activations are temporary unless the config keeps them, so what they depend on is also a
# parameter of their readers (`recording`): Snakemake does not look behind a file that is gone.
# When they are made again, for a new matcher, all matchers of that learning rate run again.


def kept(path):
    """Recorded activations: large, so temporary unless the config keeps them."""
    return path if config["keep_activations"] else temp(path)


def recorded(wildcards):
    """The recorded activations, as an input, unless the networks are run instead."""
    return {} if is_streamed(wildcards) else {"activations": f"{RUN}/activations"}


def streamed(wildcards):
    """How to run the networks, where no activations are recorded."""
    if not is_streamed(wildcards):
        return {}
    block = EXPERIMENTS[wildcards.experiment]
    return {
        "network": block["network"],
        "examples": block["activations"]["examples"],
        "device": config["device"],
    }


def recording(wildcards):
    """What the recorded activations depend on, beside the checkpoints."""
    if is_streamed(wildcards):
        return network_code("match.py")(wildcards)
    block = EXPERIMENTS[wildcards.experiment]
    return [block["activations"], network_code("record_activations.py")(wildcards)]


def pairs_of(wildcards):
    return labels.pairs(EXPERIMENTS[wildcards.experiment])


# Never committed, as figures are: in a fresh clone this one and the theory's measurements are what
# asks for the run.
RESULTS_TABLE = f"{RESULTS}/results.parquet"
RESULTS_CSV = f"{FIGURE_FOLDER}/results.csv"
