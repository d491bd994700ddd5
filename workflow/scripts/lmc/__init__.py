"""Linear mode connectivity of neural networks through optimal transport.

The library of the workflow, from the ground up; data flows from the top to the bottom:

``errors``, ``registry``, ``streams``, ``provenance``, ``source``
    one-line errors for the user, lazy registries, named random streams, where a file comes from,
    what code a job depends on
``tables``
    the schemas of every parquet file
``datasets``, ``augmentation``, ``networks``, ``optimisers``, ``schedule``, ``device``
    what is trained, on what, how, where
``training``, ``evaluation``, ``activations``
    the jobs that need torch
``permutation``, ``moments``, ``streaming``, ``statistics``
    which axes move together; second moments, from files or from networks as they run
``matching``, ``dimension``, ``barrier``, ``interpolation``, ``measurements``
    what the project exists for
``results``, ``published``, ``comparison``, ``panels``, ``figures``
    one tidy table, our numbers beside the published ones, the figures' tables, the figures
``config``, ``reference``
    the config's schema and its reference page, made of all registries

Importing ``lmc`` itself imports nothing heavy.
"""
