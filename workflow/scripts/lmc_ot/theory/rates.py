"""From measurements to curves and slopes."""

import numpy as np
import pandas as pd
from scipy.special import stdtrit

from .experiment import Prediction

CONFIDENCE = 0.95


def curves(measurements: pd.DataFrame) -> pd.DataFrame:
    """Mean and standard deviation (ddof 1) over repetitions, by quantity, series and size.

    Returns
    -------
    Columns: quantity, series, size, mean, std, n; in the measurements' order of curves.
    """
    groups = measurements.groupby(["quantity", "series", "size"], sort=False)["value"]
    return groups.agg(mean="mean", std="std", n="count").reset_index()


def slopes(measurements: pd.DataFrame, predictions: list[Prediction]) -> pd.DataFrame:
    """The fitted slope of every curve, beside the predicted one.

    Each repetition has a line of its own, by least squares on log value against log size. Their
    mean is the slope; as repetitions are independent, Student's t gives its interval.

    Returns
    -------
    Columns: quantity, series, smallest and largest (sizes of the fit), repetitions, slope, low and
    high (the 95 % confidence interval), predicted (missing where nothing is), bound (the prediction
    is an upper bound), level (the curve's
    geometric mean over the fit, through which the predicted line is drawn).

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
            raise ValueError(f"{what}: values that are not positive have no slope")
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
