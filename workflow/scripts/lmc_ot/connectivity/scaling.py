"""How a quantity falls with a size such as the width: its slope, and the size where it is small.

Everything is computed for the quantity itself and for its bootstrap resamples at once: arrays have
one row per resample and one column per size.
"""

import numpy as np

# log10 of a size that is never needed, or that is as good as none.
NEVER = 99.0


def slopes(sizes: np.ndarray, values: np.ndarray) -> np.ndarray:
    """The exponent s of value = constant * size^s, by least squares between the logarithms.

    Parameters
    ----------
    sizes
        Positive and different, (S,).
    values
        (R, S). Those that are not positive have no logarithm and are left out.

    Returns
    -------
    ndarray
        (R,), missing where fewer than two values are left.
    """
    known = values > 0
    x = np.where(known, np.log(sizes), 0.0)
    y = np.log(np.where(known, values, 1.0))
    count = known.sum(1)
    with np.errstate(invalid="ignore", divide="ignore"):
        x = np.where(known, x - (x.sum(1) / count)[:, None], 0.0)
        fitted = (x * y).sum(1) / (x * x).sum(1)
    return np.where(count > 1, fitted, np.nan)


def size_needed(sizes: np.ndarray, values: np.ndarray, target: float) -> np.ndarray:
    """log10 of the size at which the values come down to a target.

    Between the last size above the target and the first one below, straight between the logarithms;
    beyond the largest size on the line of `slopes` through its value.

    Parameters
    ----------
    sizes
        Increasing, (S,).
    values
        (R, S). A value that is not positive is below every target.

    Returns
    -------
    ndarray
        (R,), at most NEVER: that of the smallest size where the values start below the target, and
        NEVER where they stay above it and do not fall; missing where a value is.
    """
    x = np.log(sizes)
    slope = slopes(sizes, values)
    needed = np.full(len(values), np.nan)
    for row, of_row in enumerate(values):
        if np.isnan(of_row).any():
            continue
        below = np.flatnonzero(of_row <= target)
        if not len(below):
            needed[row] = _beyond(x[-1], of_row[-1], target, slope[row])
        elif below[0] == 0 or of_row[below[0]] <= 0:
            needed[row] = x[below[0]]
        else:
            i = below[0]
            after, before = np.log(of_row[i] / target), np.log(of_row[i - 1] / target)
            needed[row] = x[i - 1] + (x[i] - x[i - 1]) * before / (before - after)
    return np.minimum(needed / np.log(10), NEVER)


def _beyond(x: float, value: float, target: float, slope: float) -> float:
    """The logarithm of the size at which a line from (x, log value) comes down to the target."""
    return x + np.log(value / target) / -slope if slope < 0 else np.inf


def size_predicted(
    size: float, values: np.ndarray, target: float, exponents: np.ndarray
) -> np.ndarray:
    """log10 of the size at which values come down to a target, with an exponent that is given.

    Parameters
    ----------
    size
        A size.
    values
        The values there, (R,).
    exponents
        (R,), negative: value = constant * size^exponent.

    Returns
    -------
    ndarray
        (R,), at most NEVER; missing where a value is not positive.
    """
    with np.errstate(invalid="ignore", divide="ignore"):
        needed = np.log(size) + np.log(values / target) / -exponents
    needed = np.minimum(needed / np.log(10), NEVER)
    return np.where((values > 0) & (exponents < 0), needed, np.nan)
