"""The provenance of results: the code and settings that they depend on, and the record of a run.

Digests of the code behind a job; the record and the cost of a run; its Workflow Run RO-Crate.
"""
