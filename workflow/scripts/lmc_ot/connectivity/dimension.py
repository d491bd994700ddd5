"""Dimensions of a layer's units: the paper's approximate dimension, and others beside it.

What the paper calls approximate dimension (Figure 1b and Appendix D.2) is the *participation ratio*
of the spectrum. The others answer the same question in other ways.
"""

from dataclasses import dataclass

import numpy as np
from scipy.linalg import eigvalsh

# Of two units, as a share of the largest squared norm: nearer ones are the same point.
SAME = 1e-14


@dataclass(frozen=True)
class Dimension:
    """What `describe` finds.

    Parameters
    ----------
    dimension
        The approximate dimension.
    entropy_rank, neighbour_dimension
        See the functions of these names; neighbour_dimension is None where it is not defined.
    trace, largest_eigenvalue
        Of the matrix.
    """

    dimension: float
    entropy_rank: float
    neighbour_dimension: float | None
    trace: float
    largest_eigenvalue: float


def approximate_dimension(covariance: np.ndarray) -> float:
    """(tr S)^2 / tr(S^2) = (sum lambda)^2 / sum lambda^2.

    Between 1 and the rank of S; the rank itself for a multiple of a projector. Scale-free. By
    traces, since tr(S^2) = ||S||_F^2 needs no eigenvalues.

    Parameters
    ----------
    covariance
        Symmetric positive semi-definite, (d, d); or a Gram matrix, which has its eigenvalues.

    Returns
    -------
    float
        0 for the zero matrix: the measure is a point.
    """
    trace, square = float(np.trace(covariance)), float(np.sum(np.square(covariance)))
    return trace * trace / square if square > 0 else 0.0


def entropy_rank(eigenvalues: np.ndarray) -> float:
    """exp(-sum p log p), p = lambda / sum lambda: the effective rank of Roy and Vetterli (2007).

    Between the participation ratio and the rank; the rank itself for a multiple of a projector. It
    is larger than the participation ratio where many small eigenvalues follow a few large ones.

    Parameters
    ----------
    eigenvalues
        Of a positive semi-definite matrix, (d,): negative ones are rounding errors.

    Returns
    -------
    float
        0 where no eigenvalue is positive.
    """
    positive = eigenvalues[eigenvalues > 0]
    if not len(positive):
        return 0.0
    shares = positive / positive.sum()
    shares = shares[shares > 0]
    return float(np.exp(-(shares * np.log(shares)).sum()))


def neighbour_dimension(gram: np.ndarray) -> float | None:
    """Intrinsic dimension of points, by the distances to their two nearest neighbours.

    Where the density hardly changes between them, the ratio r_2 / r_1 of a point's distances has
    the law of Pareto, whose exponent is the dimension (Facco and others, Scientific Reports 7,
    2017: TwoNN). The estimate is (n - 1) / sum log(r_2 / r_1), which has no bias under that law.
    Points in the same place count once.

    Parameters
    ----------
    gram
        Inner products of the points, (n, n).

    Returns
    -------
    float or None
        None for fewer than three different points, or where all have two nearest neighbours at the
        same distance.
    """
    norms = np.diagonal(gram)
    squares = norms[:, None] + norms[None, :] - 2 * gram
    same = np.triu(squares <= SAME * norms.max(initial=0.0), k=1)
    kept = ~same.any(axis=0)
    if kept.sum() < 3:
        return None
    squares = squares[np.ix_(kept, kept)]
    np.fill_diagonal(squares, np.inf)
    first, second = np.partition(squares, 1, axis=1)[:, :2].T
    total = 0.5 * np.log(second / first).sum()
    return float((len(squares) - 1) / total) if total > 0 else None


def describe(gram: np.ndarray) -> Dimension:
    """The dimensions of units, whose inner products are symmetric, (units, units)."""
    eigenvalues = eigvalsh(gram)
    return Dimension(
        approximate_dimension(gram),
        entropy_rank(eigenvalues),
        neighbour_dimension(gram),
        float(np.trace(gram)),
        float(eigenvalues[-1]),
    )
