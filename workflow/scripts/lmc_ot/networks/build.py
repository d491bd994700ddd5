"""From a config's block to a network."""

from ..data.dataset import Dataset
from . import REGISTRY
from .network import Network


def build(block: dict, dataset: Dataset) -> Network:
    """The network that ``{name: ..., option: ...}`` names, for a data set's images and classes."""
    return REGISTRY.build(block, dataset.shape, dataset.classes)
