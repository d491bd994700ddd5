"""The record of a run, and the code and settings that its results depend on.

Digests of the code behind a job, the record and the cost of a run, its Workflow Run RO-Crate.
"""
