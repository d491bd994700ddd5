"""The config: strict YAML, defaults and checks from a schema, registries and labels.

The reference page config/README.md is generated from the same schema and registries.
"""
