"""The config: strict YAML, defaults and checks from a schema, registries and labels;
the functions and classes that a user names.

The reference page config/README.md is generated from the same schema and registries.
"""
