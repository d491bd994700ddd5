"""All registries by their kind: what a config can name. Importing it imports nothing heavy."""

from . import data, matching, networks, theory
from .config.registry import Registry
from .reporting import panels
from .training import optimisers

REGISTRIES: dict[str, Registry] = {
    package.REGISTRY.kind: package.REGISTRY
    for package in (data, networks, optimisers, matching, panels, theory)
}
