"""Comparison of measured with published numbers."""

import numpy as np
import pandas as pd

from ..config.sweep import LEARNING_RATE
from .published import frame

RELATIVE_TOLERANCE = 5e-3  # published learning rates are printed with four digits


def compare(
    results: pd.DataFrame, dimensions: pd.DataFrame, published: dict[str, list[dict]]
) -> pd.DataFrame:
    """Compare every published number with the measured values.

    Parameters
    ----------
    results, dimensions
        The tables of these names.
    published
        Name of our experiment -> rows from `published.read`.

    Returns
    -------
    pandas.DataFrame
        One row per published number. Columns: experiment, quantity, method, layer, learning_rate;
        published, published_std, published_n; measured, measured_std (ddof 0), measured_n; ratio;
        standard_errors; provenance. The column standard_errors is the difference of the means
        divided by its standard error (ddof 1; from the measured values alone if the published
        spread is unknown); it is missing if there is only one measured value or the standard error
        is 0. Measured values are missing if the experiment lacks the learning rate, or sweeps over
        another key. Dead layers, which have dimension 0, are left out as in the figures.
    """
    rows = []
    for experiment, numbers in published.items():
        ours = results[(results["experiment"] == experiment) & (results["split"] == "test")]
        sizes = dimensions[(dimensions["experiment"] == experiment) & ~dimensions["centred"]]
        for number in frame(numbers).itertuples():
            values = _measured(number, ours, sizes)
            rows.append(
                {
                    "experiment": experiment,
                    "quantity": number.quantity,
                    "method": number.method,
                    "layer": number.layer,
                    "learning_rate": number.learning_rate,
                    "published": number.value,
                    "published_std": number.std,
                    "published_n": number.n,
                    **_beside(values, number),
                    "provenance": number.provenance,
                }
            )
    table = pd.DataFrame(rows)
    table["layer"] = table["layer"].astype("Int64")
    return table


def _measured(number, results: pd.DataFrame, dimensions: pd.DataFrame) -> np.ndarray:
    """Return the measured values of a published number, one per pair or per network."""

    def at_rate(rows):
        near = np.isclose(rows["value"], number.learning_rate, RELATIVE_TOLERANCE)
        return rows[(rows["axis"] == LEARNING_RATE) & near]

    if number.quantity == "approximate_dimension":
        rows = at_rate(dimensions)
        of_layer = (rows["matcher"] == number.method) & (rows["layer"] == number.layer)
        return rows.loc[of_layer & (rows["dimension"] > 0), "dimension"].to_numpy()
    rows = at_rate(results)
    rows = rows[~rows["diverged"]]
    if number.quantity == "midpoint_test_loss":
        return rows.loc[rows["matcher"] == number.method, "midpoint_loss"].to_numpy()
    metric = number.quantity.removeprefix("endpoint_test_")
    one = rows[rows["matcher"] == rows["matcher"].min()]
    return one[[f"endpoint_a_{metric}", f"endpoint_b_{metric}"]].to_numpy().ravel()


def _beside(values: np.ndarray, number) -> dict:
    n = len(values)
    mean = float(values.mean()) if n else np.nan
    variance = values.var(ddof=1) / n if n > 1 else np.nan
    theirs = number.std**2 / (number.n - 1) if pd.notna(number.std) else 0.0
    error = np.sqrt(variance + theirs)
    return {
        "measured": mean,
        "measured_std": float(values.std()) if n else np.nan,
        "measured_n": n,
        "ratio": mean / number.value,
        "standard_errors": float((mean - number.value) / error) if error > 0 else np.nan,
    }


def _signed(number: float) -> str:
    return "" if np.isnan(number) else f"{number:+.1f}"


def markdown(table: pd.DataFrame) -> str:
    """Return the comparison as a page in Markdown."""
    lines = [
        "# Measured and published numbers",
        "",
        "The column `standard errors` is the difference of the means divided by its standard "
        "error, which is estimated from the measured values alone if the published spread is "
        "unknown. It does not include the reading error of digitised values.",
    ]
    for (experiment, quantity), rows in table.groupby(["experiment", "quantity"], sort=False):
        lines += [
            "",
            f"## {experiment}: {quantity.replace('_', ' ')}",
            "",
            "| method | layer | learning rate | published | measured | ratio | standard errors |",
            "|---|---|---|---|---|---|---|",
        ]
        for row in rows.itertuples():
            layer = "" if pd.isna(row.layer) else row.layer
            spread = f" ± {row.published_std:.2g}" if row.published_std > 0 else ""
            measured = (
                f"{row.measured:.4g} ± {row.measured_std:.2g} | {row.ratio:.3f} "
                f"| {_signed(row.standard_errors)}"
                if row.measured_n
                else "not measured | |"
            )
            lines.append(
                f"| {row.method} | {layer} | {row.learning_rate:.3g} "
                f"| {row.published:.4g}{spread} | {measured} |"
            )
        lines += ["", "Published: " + "; ".join(sorted(set(rows["provenance"]))) + "."]
    return "\n".join(lines) + "\n"
