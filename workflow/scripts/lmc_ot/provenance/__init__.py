"""What a run was, and what its results depend on.

Digests of the code behind a job, the record and the cost of a run, its Workflow Run RO-Crate.
"""
