# What jobs ask for: memory, time, a GPU.
import shutil

# A GPU is asked for where torch will find one: on this machine, or on the nodes that run the jobs.
GPU = int(
    config["device"] == "cuda"
    or (
        config["device"] == "auto"
        and (bool(config["gpu_nodes"]) or shutil.which("nvidia-smi") is not None)
    )
)


def is_streamed(wildcards):
    """Whether networks are run by their matchers instead of being recorded."""
    return EXPERIMENTS[wildcards.experiment]["activations"]["streamed"]


def escalating(amount, streamed=None):
    """A resource that every retry asks for more of: once, twice, three times as much.

    Where networks are streamed, and `streamed` is given, it is that amount instead.
    """
    return lambda wildcards, attempt: attempt * (
        streamed if streamed and is_streamed(wildcards) else amount
    )


def gpu_of_streams(wildcards):
    """For rules that run networks only where they are streamed."""
    return GPU if is_streamed(wildcards) else 0


def gpu_of_networks(wildcards):
    """For rules that run networks of any kind: dense layers alone are not worth a node's GPU."""
    spared = config["gpu_nodes"] and config["device"] == "auto"
    return gpu_of_streams(wildcards) if spared else GPU


def gpu_model(gpu):
    """The type of GPU that a job asks for, if it asks for one and the config names a type."""
    named = isinstance(config["gpu_nodes"], str)
    return lambda wildcards: config["gpu_nodes"] if named and gpu(wildcards) else None
