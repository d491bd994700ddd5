"""Build a network from a block of the config."""

from ..data.dataset import Dataset
from ..errors import ConfigError
from . import REGISTRY
from .network import Network


def build(block: dict, dataset: Dataset, logits: bool = True) -> Network:
    """Return the network of a block ``{name: ..., option: ...}`` for a data set's inputs.

    With classes as labels, it must return at least one logit for each of them, as cross entropy
    requires, unless `logits` is false.
    """
    logits = logits and dataset.classes is not None
    return build_for(block, dataset.shape, dataset.outputs, logits, dataset.is_images)


def build_for(
    block: dict, shape: tuple[int, ...], outputs: int, logits: bool = True, is_images: bool = True
) -> Network:
    """Return the network of a block for inputs of this shape and this number of outputs.

    `shape` and `is_images` are those of `Network`. If `logits` is false, a module of the user may
    return anything.
    """

    def make():
        return REGISTRY.build(block, shape, outputs)

    channels = REGISTRY.complete(block).get("channels")
    if channels is not None and not is_images:
        raise ConfigError(
            f"network.channels: {channels}: only images are repeated, other inputs are used as "
            f"they are: remove the option"
        )
    return Network(make(), shape, outputs if logits else None, make, channels, is_images)
