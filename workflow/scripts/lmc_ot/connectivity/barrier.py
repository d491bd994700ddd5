"""The loss barrier and other measures of a path between two networks.

The barrier is that of Frankle et al. (2020) and Entezari et al. (2021), see the paper's Section 1;
the loss at the midpoint is the LMC error of its Figure 2.
"""

from dataclasses import dataclass

import numpy as np

MIDPOINT = 0.5


@dataclass(frozen=True)
class Measures:
    """Measures of the path from A to permuted B, in the units of the values.

    Parameters
    ----------
    endpoint_a, endpoint_b
        Values at t = 0 and t = 1.
    midpoint
        Value at t = 1/2; of the loss, this is the paper's LMC error (Figure 2).
    midpoint_barrier, barrier
        How much worse than the straight line between the endpoints the path is at t = 1/2, and
        at its worst t. The barrier is at least 0, its value at the endpoints.
    area
        Integral of that difference over t (trapezoid rule).
    """

    endpoint_a: float
    endpoint_b: float
    midpoint: float
    midpoint_barrier: float
    barrier: float
    area: float


def grid(points: int) -> np.ndarray:
    """`points` equidistant t from 0 to 1, with 1/2 among them. Raises ValueError if it is not."""
    if points < 3 or points % 2 == 0:
        raise ValueError(f"{points} points: an odd number of at least 3 has 0, 1/2 and 1")
    return np.arange(points) / (points - 1)  # linspace misses 1/2 by a rounding, at 99 for one


def measure(t: np.ndarray, values: np.ndarray, worse: str = "higher") -> Measures:
    """Measure a path.

    Parameters
    ----------
    t
        Increasing, from 0 to 1, with 1/2 among them.
    values
        Loss or accuracy at every t.
    worse
        ``"higher"`` for a loss, ``"lower"`` for an accuracy.

    Raises
    ------
    ValueError
        0, 1/2 or 1 is missing among t, or t does not increase.
    """
    t, values = np.asarray(t, float), np.asarray(values, float)
    if t[0] != 0 or t[-1] != 1 or MIDPOINT not in t or (np.diff(t) <= 0).any():
        raise ValueError("a path needs increasing t with 0, 1/2 and 1 among them")
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
