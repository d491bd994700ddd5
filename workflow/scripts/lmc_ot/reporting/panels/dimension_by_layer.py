"""Figure D.1 of the paper: approximate dimension of every layer, by matcher and setting."""

from .approximate_dimension import tabulate

__all__ = ["tabulate"]
