"""Rules: what each operation of the graph does to the units. A new one is one function.

It is decorated with `values.rule` and the names of its operations, in the file of its kind: `moves`
for operations that only move elements, `pointwise`, `reductions` with norms and softmax, and
`products` for layers and attention. An operation without a rule is not an error: what it reads is
fixed.
"""

from . import moves, pointwise, products, reductions

__all__ = ["moves", "pointwise", "products", "reductions"]
