"""Dimensions of a layer's units: the paper's approximate dimension, and two alternatives.

The paper's approximate dimension (Figure 1b and Appendix D.2) is known as the *participation ratio*
of the spectrum. The alternatives are the entropy rank and an intrinsic dimension.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from scipy.linalg import eigvalsh

from ..matching.matcher import Matcher, Side
from ..matching.moments import NetworkMoments
from ..networks.groups.group import Groups
from ..tables import Parameters

# Units closer than this fraction of the largest squared norm count as the same point.
SAME = 1e-14


@dataclass(frozen=True)
class Dimension:
    """The result of `describe`.

    Parameters
    ----------
    dimension
        The approximate dimension.
    entropy_rank, neighbour_dimension
        See the functions of these names; neighbour_dimension is None if it is undefined.
    trace, largest_eigenvalue
        Trace and largest eigenvalue of the Gram matrix.
    """

    dimension: float
    entropy_rank: float
    neighbour_dimension: float | None
    trace: float
    largest_eigenvalue: float


def approximate_dimension(covariance: np.ndarray) -> float:
    """Return the paper's approximate dimension, the participation ratio (tr S)^2 / tr(S^2).

    It equals (sum lambda)^2 / sum lambda^2 for eigenvalues lambda. It does not depend on the scale,
    lies between 1 and the rank of S, and equals the rank if S is a multiple of a projection. Since
    tr(S^2) = ||S||_F^2, eigenvalues are not computed.

    Parameters
    ----------
    covariance
        Symmetric positive semi-definite matrix, (d, d), or a Gram matrix, which has the same
        nonzero eigenvalues.

    Returns
    -------
    float
        0 for the zero matrix, where all points coincide.
    """
    trace, square = float(np.trace(covariance)), float(np.sum(np.square(covariance)))
    return trace * trace / square if square > 0 else 0.0


def entropy_rank(eigenvalues: np.ndarray) -> float:
    """Return the effective rank of Roy and Vetterli (2007), the exponential of the entropy.

    It is exp(-sum p log p) with p = lambda / sum lambda. It lies between the participation ratio
    and the rank, and equals the rank for a multiple of a projection. It exceeds the participation
    ratio most if the spectrum has a few large and many small eigenvalues.

    Parameters
    ----------
    eigenvalues
        Eigenvalues of a positive semi-definite matrix, (d,). Negative values are taken as rounding
        errors and ignored.

    Returns
    -------
    float
        0 if no eigenvalue is positive.
    """
    positive = eigenvalues[eigenvalues > 0]
    if not len(positive):
        return 0.0
    shares = positive / positive.sum()
    shares = shares[shares > 0]
    return float(np.exp(-(shares * np.log(shares)).sum()))


def neighbour_dimension(gram: np.ndarray) -> float | None:
    """Estimate the intrinsic dimension of points from their two nearest neighbours (TwoNN).

    If the density is locally constant, the ratio r_2 / r_1 of a point's distances to its two
    nearest neighbours has a Pareto distribution whose exponent is the dimension (Facco et al.,
    Scientific Reports 7, 2017). The estimate is (n - 1) / sum log(r_2 / r_1), which is unbiased
    for this distribution. Coinciding points count once.

    Parameters
    ----------
    gram
        Inner products of the points, (n, n).

    Returns
    -------
    float or None
        None for fewer than three distinct points, or if r_1 = r_2 for all points.
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
    """Compute the dimensions of units from their Gram matrix, symmetric (units, units)."""
    eigenvalues = eigvalsh(gram)
    return Dimension(
        approximate_dimension(gram),
        entropy_rank(eigenvalues),
        neighbour_dimension(gram),
        float(np.trace(gram)),
        float(eigenvalues[-1]),
    )


def dimensions_of(
    matcher: Matcher,
    label: str,
    networks: dict[int, Parameters],
    groups: Groups,
    moments: Callable[[int], NetworkMoments],
) -> list[dict]:
    """Return the rows of a matcher for the table ``dimensions``, uncentred and centred.

    Parameters
    ----------
    label
        The label of the matcher.
    networks
        Network number -> its parameters.
    groups
        The groups of the architecture.
    moments
        Returns the moments of a network, given its number.
    """
    rows = []
    for number, parameters in networks.items():
        network = Side(parameters, moments(number), groups)
        for layer, group in enumerate(groups, 1):
            for centred in (False, True):
                gram = matcher.gram(network, group, centred)
                if gram is None:
                    continue
                row = {"matcher": label, "network": number, "group": group.name, "layer": layer}
                rows.append(row | {"centred": centred} | vars(describe(gram)))
    return rows
