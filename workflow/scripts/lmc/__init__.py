"""Linear mode connectivity of neural networks through optimal transport.

The library of the workflow, from the ground up; a module imports only from those above it:

``errors``, ``registry``, ``streams``
    one-line errors for the user, lazy registries, named random streams
``config``, ``tables``
    the config's schema; the schemas of every parquet file
``datasets``, ``networks``, ``optimisers``, ``permutation``, ``moments``
    what is trained, on what, how; which axes move together; second moments
``evaluation``, ``training``, ``activations``
    the jobs that need torch
``matching``, ``dimension``, ``barrier``
    what the project exists for
``comparison``, ``panels``, ``figures``
    our numbers beside the published ones; the figures' tables; the figures

Importing ``lmc`` itself imports nothing heavy.
"""
