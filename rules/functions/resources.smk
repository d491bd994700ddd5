# The resources that jobs request: memory, time and a GPU.
import shutil

# Jobs request a GPU if PyTorch will find one, on this machine or on the nodes that run the jobs.
GPU = int(
    config["device"] == "cuda"
    or (
        config["device"] == "auto"
        and (bool(config["gpu_nodes"]) or shutil.which("nvidia-smi") is not None)
    )
)


def is_dense(wildcards):
    network = setting_of(wildcards)["network"]["name"]
    return REGISTRIES["network"].entry(network).dense


def escalating(amount, convolutional=None):
    """A resource that grows with every attempt: the amount, twice the amount, and so on.

    For networks that are not dense, the amount is `convolutional` if it is given.
    """
    return lambda wildcards, attempt: attempt * (
        convolutional if convolutional and not is_dense(wildcards) else amount
    )


def gpu_of_networks(wildcards):
    """The GPUs of rules that run networks; dense layers do not justify the GPU of a node."""
    spared = config["gpu_nodes"] and config["device"] == "auto"
    return 0 if spared and is_dense(wildcards) else GPU


def gpu_of_matcher(wildcards):
    """The GPUs of rules that run networks only if a matcher needs their activations.

    On other machines, the jobs of a setting are one submission and must make the same request.
    """
    asks = bool(config["gpu_nodes"]) or runs_networks(wildcards)
    return gpu_of_networks(wildcards) if asks else 0


def gpu_model(gpu):
    """The GPU type that a job requests if it requests a GPU and the config names a type."""
    named = isinstance(config["gpu_nodes"], str)
    return lambda wildcards: config["gpu_nodes"] if named and gpu(wildcards) else None
