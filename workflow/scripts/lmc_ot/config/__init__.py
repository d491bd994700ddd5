"""The config: strict YAML, completion and checks against a schema, registries and labels.

Its reference page is written from the same schema and registries.
"""
