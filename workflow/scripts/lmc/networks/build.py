"""From a config's block to a network."""

from ..datasets.dataset import Dataset
from . import REGISTRY
from .network import Network


def build(block: dict, dataset: Dataset) -> Network:
    """The network that ``{name: ..., option: ...}`` names, for a data set's images and classes."""
    options = dict(block)
    return REGISTRY.get(options.pop("name"))(dataset.shape, dataset.classes, **options)
