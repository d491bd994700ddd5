"""All registries, by kind: everything that a config can name.

Importing this module imports no heavy package.
"""

from . import data, matching, networks, theory
from .config.registry import Registry
from .reporting import panels
from .training import optimisers

REGISTRIES: dict[str, Registry] = {
    package.REGISTRY.kind: package.REGISTRY
    for package in (data, networks, optimisers, matching, panels, theory)
}
