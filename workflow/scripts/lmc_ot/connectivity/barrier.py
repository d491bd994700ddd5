"""The loss barrier and other measures of a path between two networks.

The barrier is defined as by Frankle et al. (2020) and Entezari et al. (2021), see Section 1 of the
paper. The loss at the midpoint is the LMC error in Figure 2 of the paper.
"""

from dataclasses import dataclass

import numpy as np

MIDPOINT = 0.5


@dataclass(frozen=True)
class Measures:
    """Measures of the path from A to the permuted B, in the units of loss or accuracy.

    Parameters
    ----------
    endpoint_a, endpoint_b
        Values at t = 0 and t = 1.
    midpoint
        Value at t = 1/2. For the loss, this is the paper's LMC error (Figure 2).
    midpoint_barrier, barrier
        How much worse the path is than the linear interpolation of its endpoint values, at t = 1/2
        and at the worst t. The barrier is at least 0, its value at the endpoints.
    area
        Integral of this difference over t, by the trapezoidal rule.
    """

    endpoint_a: float
    endpoint_b: float
    midpoint: float
    midpoint_barrier: float
    barrier: float
    area: float


def grid(points: int) -> np.ndarray:
    """Return an odd number of equidistant t from 0 to 1, which include 1/2 exactly."""
    if points < 3 or points % 2 == 0:
        raise ValueError(f"{points} points: expected an odd number of at least 3")
    return np.arange(points) / (points - 1)  # linspace may miss 1/2 by rounding, as for 99 points


def measure(t: np.ndarray, values: np.ndarray, worse: str = "higher") -> Measures:
    """Measure a path.

    Parameters
    ----------
    t
        Points of the path, increasing from 0 to 1 and including 1/2.
    values
        Loss or accuracy at every t.
    worse
        ``"higher"`` for a loss, ``"lower"`` for an accuracy.

    Raises
    ------
    ValueError
        One of 0, 1/2 and 1 is missing from t, or t is not increasing.
    """
    t, values = np.asarray(t, float), np.asarray(values, float)
    if t[0] != 0 or t[-1] != 1 or MIDPOINT not in t or (np.diff(t) <= 0).any():
        raise ValueError("expected increasing t that include 0, 1/2 and 1")
    excess = values - ((1 - t) * values[0] + t * values[-1])
    if worse == "lower":
        excess = -excess
    middle = int(np.flatnonzero(t == MIDPOINT)[0])
    return Measures(
        endpoint_a=float(values[0]),
        endpoint_b=float(values[-1]),
        midpoint=float(values[middle]),
        midpoint_barrier=float(excess[middle]),
        barrier=float(excess.max()),
        area=float(np.trapezoid(excess, t)),
    )
