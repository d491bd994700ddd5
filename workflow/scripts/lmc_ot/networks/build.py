"""Build a network from a block of the config."""

from ..data.dataset import Dataset
from . import REGISTRY
from .network import Network


def build(block: dict, dataset: Dataset) -> Network:
    """Return the network of a block ``{name: ..., option: ...}`` for a data set's images."""
    return REGISTRY.build(block, dataset.shape, dataset.classes)
