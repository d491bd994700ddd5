"""How well alternative readings of the theorems predict the measured slopes."""

from dataclasses import dataclass

import numpy as np
import pandas as pd

from ...connectivity.bootstrap import expanded_interval
from ...connectivity.correlation import spearman
from ...connectivity.scaling import slopes
from .sizes import BARRIER, DISTANCE, Sizes, read_sizes


@dataclass(frozen=True)
class Reading:
    """A rule that predicts the slope -numerator / max(d, least).

    Parameters
    ----------
    dimension
        The kind of dimension d, as in `sizes`; "" for a rule without dimension, where d is 0.
    numerator, least
        See above.
    largest
        For a quantity of the whole network, whether d is the largest dimension of a layer instead
        of the geometric mean over the layers.
    """

    dimension: str
    numerator: int
    least: float = 0.0
    largest: bool = False

    def predicted(self, sizes: Sizes, matcher: str, layer: int | None) -> np.ndarray:
        """Return the predicted slope, (1 + R,): for the networks and for their resamples."""
        d = sizes.dimension(self.dimension, matcher, layer, self.largest) if self.dimension else 0.0
        rows = 1 + len(sizes.drawn.weights)
        return np.broadcast_to(-self.numerator / np.maximum(d, self.least), rows)


# These readings were fixed before the experiment of config/width.yaml was run. The theorems bound
# a squared distance by n^(-2/d) for d > 4 and by n^(-1/2) for smaller d.
READINGS = [
    *(
        Reading(dimension, numerator)
        for dimension in (
            *("dimension", "centred_dimension", "entropy_rank", "centred_entropy_rank"),
            *("neighbour_dimension", "centred_neighbour_dimension"),
        )
        for numerator in (1, 2)
    ),
    *(Reading("dimension", numerator, largest=True) for numerator in (1, 2)),
    *(Reading("dimension", numerator, least=4.0) for numerator in (1, 2)),
    *(Reading("", numerator, least=4.0) for numerator in (1, 2)),
]
COLUMNS = [
    *("quantity", "dimension", "largest", "numerator", "least", "points"),
    *("error", "error_low", "error_high", "correlation", "correlation_low", "correlation_high"),
    *("best", "confidence"),
]


def tabulate(
    sources: dict[str, list[str]],
    published: None,
    experiments: list[str],
    quantity: str,
    split: str,
    resamples: int,
    confidence: float,
) -> pd.DataFrame:
    """Return the differences between predicted and measured slopes, for each reading.

    Parameters
    ----------
    sources
        Paths of the tables ``midpoints``, ``all_objectives`` and ``dimensions``.
    quantity
        ``matched_distance``, with one point per layer, or ``barrier``.

    Returns
    -------
    pandas.DataFrame
        One row per reading, sorted by error. Columns: quantity, dimension, largest, numerator and
        least (see `Reading`; dimension is ``none`` for a rule without one), points, error (root
        mean square difference of predicted and measured slopes), error_low, error_high, correlation
        (Spearman's, of predicted and measured slopes; missing if the prediction is constant),
        correlation_low, correlation_high, best (share of resamples in which no reading has a
        smaller error), confidence.
    """
    measured = list(read_sizes(sources, experiments, split, resamples))
    readings = [r for r in READINGS if quantity == BARRIER or not r.largest]
    observed, predicted = _slopes(measured, quantity, readings)
    known = np.isfinite(observed) & np.isfinite(predicted).all(0)
    if not known[:, :1].any():
        return pd.DataFrame(columns=COLUMNS)
    errors = np.where(known, (predicted - observed) ** 2, 0).sum(1) / np.maximum(known.sum(0), 1)
    errors = np.sqrt(errors)
    smallest = errors[:, 1:].min(0)
    freedom = sum(sizes.drawn.networks - 1 for sizes in measured)
    narrowness = float(np.mean([sizes.drawn.narrowness for sizes in measured]))
    rows = []
    for reading, error, slope in zip(readings, errors, predicted, strict=True):
        row = {
            "quantity": quantity,
            **vars(reading),
            "dimension": reading.dimension or "none",
            "points": int(known[:, 0].sum()),
            "best": float((error[1:] <= smallest).mean()),
            "confidence": confidence,
        }
        both = np.where(known, np.stack([slope, observed]), np.nan).transpose(0, 2, 1)
        for name, values in (("error", error), ("correlation", spearman(both))):
            low, high = np.nan, np.nan
            resampled = values[1:][np.isfinite(values[1:])]
            if len(resampled):
                low, high = expanded_interval(resampled, confidence, freedom, narrowness)
            row |= {name: values[0], f"{name}_low": low, f"{name}_high": high}
        rows.append(row)
    table = pd.DataFrame(rows, columns=COLUMNS)
    return table.sort_values("error", kind="stable", ignore_index=True)


def _slopes(
    measured: list[Sizes], quantity: str, readings: list[Reading]
) -> tuple[np.ndarray, np.ndarray]:
    """Return measured, (points, 1 + R), and predicted slopes, (readings, points, 1 + R)."""
    points = [
        (sizes, matcher, layer)
        for sizes in measured
        for matcher in sizes.matchers
        for layer in (sizes.layers(matcher) if quantity == DISTANCE else [0])
    ]
    if not points:
        return np.empty((0, 1)), np.empty((len(readings), 0, 1))
    observed = [slopes(s.sizes, s.means[quantity, matcher, layer]) for s, matcher, layer in points]
    predicted = [
        [reading.predicted(s, matcher, layer or None) for s, matcher, layer in points]
        for reading in readings
    ]
    return np.array(observed), np.array(predicted)
