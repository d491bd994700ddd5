"""From tables to what a reader sees: the result table, published numbers, comparison.

`panels` makes the table of each panel, `figures` draws it and computes nothing.
"""
