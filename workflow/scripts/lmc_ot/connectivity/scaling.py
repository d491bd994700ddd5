"""How a quantity decreases with a size such as the width: its slope, and the size needed.

Functions handle the quantity and its bootstrap resamples at once: arrays have one row per resample
and one column per size.
"""

import numpy as np

# log10 of the size needed if the target is never reached, or only at absurdly large sizes.
NEVER = 99.0


def slopes(sizes: np.ndarray, values: np.ndarray) -> np.ndarray:
    """Fit the exponent s of value = constant * size^s by least squares on logarithmic axes.

    Parameters
    ----------
    sizes
        Positive and distinct, (S,).
    values
        (R, S). Values that are not positive are left out.

    Returns
    -------
    ndarray
        (R,), NaN where fewer than two values remain.
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
    """Return log10 of the size at which the values fall to a target.

    Between the last size above the target and the first one below it, logarithms are interpolated
    linearly. Beyond the largest size, its value is extrapolated with the slope from `slopes`.

    Parameters
    ----------
    sizes
        Increasing, (S,).
    values
        (R, S). Values that are not positive count as below any target.
    target
        The target value.

    Returns
    -------
    ndarray
        (R,), at most NEVER. It is log10 of the smallest size if the values start below the target,
        NEVER if they stay above it and do not decrease, and NaN if a value is missing.
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
    """Return the log of the size at which a line from (x, log value) reaches the target."""
    return x + np.log(value / target) / -slope if slope < 0 else np.inf


def size_predicted(
    size: float, values: np.ndarray, target: float, exponents: np.ndarray
) -> np.ndarray:
    """Return log10 of the size at which values fall to a target, for given exponents.

    Parameters
    ----------
    size
        The size at which `values` were measured.
    values
        The values at that size, (R,).
    target
        The target value.
    exponents
        The exponents in value = constant * size^exponent, (R,), negative.

    Returns
    -------
    ndarray
        (R,), at most NEVER; NaN where a value is not positive or an exponent is not negative.
    """
    with np.errstate(invalid="ignore", divide="ignore"):
        needed = np.log(size) + np.log(values / target) / -exponents
    needed = np.minimum(needed / np.log(10), NEVER)
    return np.where((values > 0) & (exponents < 0), needed, np.nan)
