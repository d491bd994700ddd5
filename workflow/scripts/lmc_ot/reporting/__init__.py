"""From tables to results for readers: the result table, published numbers, comparison.

`panels` makes the table of each panel, `figures` draws it and computes nothing.
"""
