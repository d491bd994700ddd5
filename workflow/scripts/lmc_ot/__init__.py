"""Linear mode connectivity of neural networks through optimal transport.

The library of the workflow, in rooms; a room imports only from those above it:

``errors``, ``rng``, ``environment``
    one-line errors for the user; named random streams; versions, device and commit
``config``
    strict YAML, completion and checks, registries, labels, the reference page
``tables``
    schemas, parquet and csv files, checkpoints and activations as tables, seals
``provenance``
    digests of code, the record and the cost of a run, its crate
``data``
    data sets, standardisation, augmentation
``networks``
    architectures, and which of their axes are permuted together
``training``
    the loop, schedule, optimisers, snapshots, evaluation, device
``matching``
    matchers, the assignment, moments of activations from files or from networks as they run
``connectivity``
    interpolation, barriers, approximate dimension, independence, a bootstrap over networks
``theory``
    the paper's theorems as experiments
``reporting``
    the result table, published numbers, panels and figures
``registries``, ``cli``
    all that a config can name; the command ``lmc-ot``

Importing ``lmc_ot`` itself imports nothing heavy.
"""
