"""Figures, drawn from the tables of their panels. Nothing is computed here.

``style`` is what they share, ``compose`` makes a figure of panels; every other module is a panel:
``draw(canvas, table)`` draws its table, and ``height(table)`` says how many inches it needs.
"""
