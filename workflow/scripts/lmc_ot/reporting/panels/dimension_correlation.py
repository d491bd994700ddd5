"""Figure 3b of the paper: rank correlations of approximate dimension and error."""

from collections.abc import Iterator

import numpy as np
import pandas as pd

from ... import tables
from ...connectivity import bootstrap
from ...connectivity.correlation import spearman
from ...rng import generator
from . import dimension_against_error

# Two or three pairs have hardly any distinct resamples. The degrees of freedom are the number of
# pairs minus one, summed over the settings.
LEAST_FREEDOM = 3
MEASURES = ("midpoint_loss", "barrier_share")
COLUMNS = [
    *("measure", "question", "axis", "value", "matcher", "correlation", "low", "high"),
    *("confidence", "points", "left_out"),
]


def tabulate(
    sources: dict[str, list[str]],
    published: None,
    experiment: str,
    split: str,
    centred: bool,
    resamples: int,
    confidence: float,
) -> pd.DataFrame:
    """Return Spearman's rank correlations of approximate dimension and error, with intervals.

    Parameters
    ----------
    sources
        Path of the table ``results``.

    Returns
    -------
    pandas.DataFrame
        Columns: measure (of the error: ``midpoint_loss`` or ``barrier_share``, see
        `dimension_against_error`), question, axis, value and matcher (missing where they do not
        apply), correlation, low, high, confidence, points, left_out.

    Notes
    -----
    The questions are

    ``within_setting``
        Over the matchers and pairs of one setting: does the smaller dimension come with the
        smaller error on the same networks? This is the paper's claim.
    ``mean_within_setting``
        The mean of these correlations over the settings.
    ``within_matcher``
        Over the settings and pairs of one matcher.
    ``pooled``
        Over all points.

    The intervals resample disjoint pairs of networks within each setting, together with the points
    of all matchers. ``left_out`` counts points that logarithmic axes cannot show, or whose error
    is missing; they enter neither correlations nor intervals. A correlation is missing if one of
    its quantities is constant, an interval if there are too few pairs.
    """
    points = dimension_against_error.tabulate(sources, published, experiment, split, centred)
    seed = tables.metadata("results", sources["results"][0])["seed"]
    axis = points["axis"].iloc[0] if len(points) else None
    draws = {}
    for value, group in points.groupby("value"):
        pairs = group["pair"].nunique()
        stream = generator(seed, "dimension correlation", experiment, float(value))
        drawn = stream.integers(pairs, size=(resamples, pairs))
        # The first row is the original sample; the others are the resamples.
        draws[value] = np.concatenate([np.arange(pairs)[None], drawn])
    rows = []
    for measure in MEASURES:
        known = points["shown"] & points[measure].notna()
        if points[measure].isna().all():
            continue
        for question, some, values in _correlations(points, measure, known, draws):
            rows.append({"measure": measure, "axis": axis, **question, "correlation": values[0]})
            pairs = some[known[some.index]].groupby("value")["pair"].nunique()
            low, high = _interval(values[1:], confidence, pairs)
            counted = int(known[some.index].sum())
            rows[-1] |= {"low": low, "high": high, "confidence": confidence}
            rows[-1] |= {"points": counted, "left_out": len(some) - counted}
    return pd.DataFrame(rows, columns=COLUMNS)


def _correlations(
    points: pd.DataFrame, measure: str, known: pd.Series, draws: dict[float, np.ndarray]
) -> Iterator[tuple[dict, pd.DataFrame, np.ndarray]]:
    """Yield each question, its points, and its correlations, (1 + resamples,)."""
    matchers = sorted(points["matcher"].unique())
    known_points = points.where(known)
    drawn = {}
    for value, group in points.groupby("value"):
        x, y = (
            group[["pair", "matcher"]]
            .assign(quantity=known_points.loc[group.index, column])
            .pivot(index="pair", columns="matcher", values="quantity")
            .reindex(columns=matchers)
            .to_numpy()
            for column in ("dimension", measure)
        )
        drawn[value] = np.stack([x[draws[value]], y[draws[value]]])
    within = {value: spearman(samples) for value, samples in drawn.items()}
    for value, samples in within.items():
        some = points[points["value"] == value]
        yield {"question": "within_setting", "value": value}, some, samples
    whole = np.stack([values for values in within.values() if np.isfinite(values[0])] or [[np.nan]])
    finite = np.isfinite(whole)
    mean = np.where(finite, whole, 0).sum(0) / np.where(finite.any(0), finite.sum(0), np.nan)
    yield {"question": "mean_within_setting"}, points, mean
    for i, matcher in enumerate(matchers):
        values = np.concatenate([v[..., i : i + 1] for v in drawn.values()], axis=2)
        some = points[points["matcher"] == matcher]
        yield {"question": "within_matcher", "matcher": matcher}, some, spearman(values)
    yield {"question": "pooled"}, points, spearman(np.concatenate(list(drawn.values()), axis=2))


def _interval(values: np.ndarray, confidence: float, pairs: pd.Series) -> tuple[float, float]:
    """Return the expanded percentile interval of resampled correlations."""
    values = values[np.isfinite(values)]
    freedom = int((pairs - 1).sum())
    if freedom < LEAST_FREEDOM or not len(values):
        return np.nan, np.nan
    narrowness = np.sqrt(1 - 1 / pairs.mean())
    return bootstrap.expanded_interval(values, confidence, freedom, narrowness)
