"""Curves and fitted slopes from measurements."""

import numpy as np
import pandas as pd
from scipy.special import stdtrit

from .experiment import Prediction

CONFIDENCE = 0.95


def curves(measurements: pd.DataFrame) -> pd.DataFrame:
    """Return mean and standard deviation (ddof 1) over repetitions, by quantity, series and size.

    Returns
    -------
    pandas.DataFrame
        Columns: quantity, series, size, mean, std, n. Curves are in the order of the measurements.
    """
    groups = measurements.groupby(["quantity", "series", "size"], sort=False)["value"]
    return groups.agg(mean="mean", std="std", n="count").reset_index()


def slopes(measurements: pd.DataFrame, predictions: list[Prediction]) -> pd.DataFrame:
    """Fit the slope of every curve with a prediction, and compare it with the predicted slope.

    For each repetition, a line is fitted to log value against log size by least squares. The slope
    is the mean over the repetitions, which are independent, so its confidence interval is that of
    Student's t.

    Returns
    -------
    pandas.DataFrame
        Columns: quantity, series, smallest and largest (sizes of the fit), repetitions, slope, low
        and high (95 % confidence interval), predicted (NaN if nothing is predicted), bound (whether
        the prediction is that of an upper bound), level (geometric mean of the curve over the fit,
        through which the predicted line is drawn).

    Raises
    ------
    ValueError
        A curve has fewer than two sizes or repetitions, or values that are not positive.
    """
    rows = []
    for prediction in predictions:
        curve = measurements[
            (measurements["quantity"] == prediction.quantity)
            & (measurements["series"] == prediction.series)
        ]
        if prediction.smallest is not None:
            curve = curve[curve["size"] >= prediction.smallest]
        if prediction.largest is not None:
            curve = curve[curve["size"] <= prediction.largest]
        table = curve.pivot(index="repetition", columns="size", values="value")
        what = f"{prediction.quantity}, {prediction.series}"
        if min(table.shape) < 2 or table.isna().any(axis=None):
            raise ValueError(f"{what}: fewer than two sizes or repetitions")
        if not (table > 0).all(axis=None):
            raise ValueError(f"{what}: a slope requires positive values")
        x = np.log(table.columns.to_numpy(float))
        y = np.log(table.to_numpy())
        centred = x - x.mean()
        fitted = y @ centred / (centred @ centred)
        error = fitted.std(ddof=1) / np.sqrt(len(fitted))
        margin = stdtrit(len(fitted) - 1, (1 + CONFIDENCE) / 2) * error
        rows.append(
            {
                "quantity": prediction.quantity,
                "series": prediction.series,
                "smallest": int(table.columns.min()),
                "largest": int(table.columns.max()),
                "repetitions": len(fitted),
                "slope": fitted.mean(),
                "low": fitted.mean() - margin,
                "high": fitted.mean() + margin,
                "predicted": np.nan if prediction.slope is None else prediction.slope,
                "bound": prediction.bound,
                "level": np.exp(y.mean()),
            }
        )
    return pd.DataFrame(rows)
