"""Measured slopes of a quantity with the size, and those predicted from the dimension."""

import pandas as pd

from ...connectivity.scaling import slopes
from .sizes import BARRIER, DISTANCE, read_sizes

# The exponent is -numerator / d. The value 2 for the squared distance is proved in the paper; 1 for
# the barrier, as its square root, is an interpretation.
NUMERATORS = {DISTANCE: 2, BARRIER: 1}


def tabulate(
    sources: dict[str, list[str]],
    published: None,
    experiments: list[str],
    quantity: str,
    split: str,
    resamples: int,
    confidence: float,
) -> pd.DataFrame:
    """Return measured and predicted slopes of a quantity with the size, on logarithmic axes.

    Parameters
    ----------
    sources
        Paths of the tables ``midpoints``, ``all_objectives`` and ``dimensions``.
    quantity
        ``matched_distance`` (by layer) or ``barrier``, see `sizes.Sizes`.

    Returns
    -------
    pandas.DataFrame
        Columns: quantity, experiment, axis, matcher, layer (0 for the barrier, whose dimension is
        the geometric mean over the layers), centred (whether the dimension is that of the centred
        Gram matrix), sizes (their number), slope, low, high, dimension (at the largest size),
        dimension_low, dimension_high, predicted, predicted_low, predicted_high, confidence.
        Intervals are bootstrap intervals over resampled networks.
    """
    rows = []
    for measured in read_sizes(sources, experiments, split, resamples):
        for matcher in measured.matchers:
            for layer in measured.layers(matcher) if quantity == DISTANCE else [0]:
                fitted = slopes(measured.sizes, measured.means[quantity, matcher, layer])
                for centred, kind in ((False, "dimension"), (True, "centred_dimension")):
                    dimension = measured.dimension(kind, matcher, layer or None)
                    row = {
                        "quantity": quantity,
                        "experiment": measured.experiment,
                        "axis": measured.axis,
                        "matcher": matcher,
                        "layer": layer,
                        "centred": centred,
                        "sizes": len(measured.sizes),
                    }
                    for name, prefix, values in (
                        ("slope", "", fitted),
                        ("dimension", "dimension_", dimension),
                        ("predicted", "predicted_", -NUMERATORS[quantity] / dimension),
                    ):
                        low, high = measured.interval(values, confidence)
                        row |= {name: values[0], f"{prefix}low": low, f"{prefix}high": high}
                    rows.append({**row, "confidence": confidence})
    return pd.DataFrame(rows, columns=COLUMNS)


COLUMNS = [
    *("quantity", "experiment", "axis", "matcher", "layer", "centred", "sizes"),
    *("slope", "low", "high", "dimension", "dimension_low", "dimension_high"),
    *("predicted", "predicted_low", "predicted_high", "confidence"),
]
