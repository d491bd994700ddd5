"""Approximate dimension of a covariance (paper, Figure 1b and Appendix D.2).

What the paper calls approximate dimension is the *participation ratio* of the spectrum.
"""

from dataclasses import dataclass

import numpy as np
from scipy.linalg import eigvalsh


@dataclass(frozen=True)
class Dimension:
    """Approximate dimension of a covariance, its trace and its largest eigenvalue."""

    dimension: float
    trace: float
    largest_eigenvalue: float


def approximate_dimension(covariance: np.ndarray) -> float:
    """(tr S)^2 / tr(S^2) = (sum lambda)^2 / sum lambda^2.

    Between 1 and the rank of S; the rank itself for a multiple of a projector. Scale-free. By
    traces, since tr(S^2) = ||S||_F^2 needs no eigenvalues.

    Parameters
    ----------
    covariance
        Symmetric positive semi-definite, (d, d).

    Returns
    -------
    float
        0 for the zero matrix: the measure is a point.
    """
    trace, square = float(np.trace(covariance)), float(np.sum(np.square(covariance)))
    return trace * trace / square if square > 0 else 0.0


def describe(covariance: np.ndarray) -> Dimension:
    """Approximate dimension, trace and largest eigenvalue of a symmetric (d, d) matrix."""
    last = len(covariance) - 1
    largest = float(eigvalsh(covariance, subset_by_index=[last, last])[0])
    return Dimension(approximate_dimension(covariance), float(np.trace(covariance)), largest)
