"""Build a network from a block of the config."""

from ..data.dataset import Dataset
from . import REGISTRY
from .network import Network


def build(block: dict, dataset: Dataset) -> Network:
    """Return the network of a block ``{name: ..., option: ...}`` for a data set's images."""
    return build_for(block, dataset.shape, dataset.classes)


def build_for(block: dict, shape: tuple[int, ...], classes: int) -> Network:
    """Return the network of a block for images of this shape and this number of classes."""

    def make():
        return REGISTRY.build(block, shape, classes)

    return Network(make(), shape, classes, make, REGISTRY.complete(block).get("channels"))
