"""Results for readers: the table of results, published numbers and the comparison with them.

`panels` computes the table of each panel; `figures` draws it without computing anything.
"""
