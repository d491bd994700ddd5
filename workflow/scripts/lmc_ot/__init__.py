"""Linear mode connectivity of neural networks via optimal transport.

The library behind the workflow. Its subpackages form layers: each imports only from those listed
above it.

``errors``, ``rng``, ``environment``
    one-line errors for the user; named random streams; versions, device and commit
``config``
    strict YAML, defaults and checks, registries, labels, the user's functions, reference page
``tables``
    schemas; parquet and csv files; checkpoints and activations as tables; seals
``provenance``
    digests of the code; the record, the cost and the RO-Crate of a run
``data``
    data sets, standardisation, augmentation
``networks``
    architectures, and which of their axes are permuted together
``training``
    training loop, schedule, optimisers, snapshots, losses, evaluation, device
``matching``
    matchers, the assignment problem, moments of activations (recorded or computed on the fly)
``connectivity``
    interpolation, barriers, approximate dimension, independence, bootstrap over networks
``merging``
    one's own networks: ``lmc_ot.groups``, ``match``, ``barrier``, ``merge``
``theory``
    numerical experiments on the paper's theorems
``reporting``
    the table of results, published numbers, panels and figures
``registries``, ``cli``
    everything that a config can name; the command ``lmc-ot``

``import lmc_ot`` alone imports no heavy package.
"""

from importlib import import_module

_PUBLIC = {"groups": "match", "match": "match", "barrier": "barrier", "merge": "merge"}
__all__ = sorted(_PUBLIC)


def __getattr__(name: str):
    """Return a function of `merging`, which imports torch when it is first used."""
    if name not in _PUBLIC:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f".merging.{_PUBLIC[name]}", __name__), name)
