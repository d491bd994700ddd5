"""Measurements of all pairs of networks of several experiments, at each swept value.

They are the basis of the panels on the paper's central claim, which relate the decrease of errors
with the width to the dimension of the neurons.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import pandas as pd

from ... import tables
from ...connectivity import barrier, bootstrap
from ...rng import generator

BARRIER, DISTANCE = "barrier", "matched_distance"
# Columns of the table ``dimensions``; the prefix ``centred_`` denotes centred Gram matrices.
DIMENSIONS = ("dimension", "entropy_rank", "neighbour_dimension")
IDENTITY = "identity"
_QUANTITY = ["quantity", "matcher", "layer", "value"]
_PAIR = ["network_a", "network_b"]


@dataclass(frozen=True)
class Sizes:
    """The measurements of an experiment, and resamples of its networks.

    Parameters
    ----------
    experiment, axis
        The names of the experiment and of its axis.
    sizes
        The swept values, (S,), increasing.
    means
        (quantity, matcher, layer) -> means over pairs, (1 + R, S); the first row is over all pairs,
        the others are over the resamples. The quantities are BARRIER, at the midpoint, with layer
        0; DISTANCE, the squared distance of matched layers divided by the sum of their squared
        norms; and, under the names in DIMENSIONS, the logarithms of the dimensions, averaged over
        the two networks. Values are NaN at sizes where the network lacks the layer.
    drawn
        The resamples, which are common to all sizes: networks are identified by their numbers.
    """

    experiment: str
    axis: str
    sizes: np.ndarray
    means: dict[tuple, np.ndarray]
    drawn: bootstrap.Resamples

    @property
    def matchers(self) -> list[str]:
        """The labels of the matchers that minimise a distance."""
        return sorted({matcher for quantity, matcher, _ in self.means if quantity == DISTANCE})

    def layers(self, matcher: str) -> list[int]:
        """Return all layers that the matcher matches at some size."""
        return sorted(layer for name, m, layer in self.means if name == DISTANCE and m == matcher)

    def dimension(
        self, kind: str, matcher: str, layer: int | None, largest: bool = False
    ) -> np.ndarray:
        """Return the dimension at the largest size, (1 + R,).

        Parameters
        ----------
        kind
            A name in DIMENSIONS, possibly with prefix ``centred_``.
        matcher
            The label of the matcher.
        layer
            A layer; None for the geometric mean over the layers.
        largest
            With `layer` None, whether to return the maximum over the layers instead.
        """
        layers = self.layers(matcher) if layer is None else [layer]
        logarithms = np.stack([self.means[kind, matcher, l][:, -1] for l in layers])
        return np.exp(logarithms.max(0) if largest else logarithms.mean(0))

    def interval(self, values: np.ndarray, confidence: float) -> tuple[float, float]:
        """Return the bootstrap interval of values (1 + R,), of which the first is the estimate."""
        known = values[1:][~np.isnan(values[1:])]
        if not len(known):
            return np.nan, np.nan
        return self.drawn.interval(known, confidence)


def read_sizes(
    sources: dict[str, list[str]], experiments: list[str], split: str, resamples: int
) -> Iterator[Sizes]:
    """Yield the measurements of each experiment.

    A pair is left out at all sizes if at some size one of its networks diverged or its midpoint
    loss is not finite. Experiments with fewer than two remaining pairs are skipped.

    Parameters
    ----------
    sources
        Paths of the tables ``midpoints``, ``all_objectives`` and ``dimensions``.
    """
    seed = tables.metadata("path", sources["midpoints"][0])["seed"]
    points = tables.read_all("path", sources["midpoints"])
    points = points[points["split"] == split]
    objectives = tables.read_all("objectives", sources["all_objectives"])
    dimensions = tables.read_all("dimensions", sources["dimensions"])
    for experiment in experiments:
        of_pairs = pd.concat(
            [
                _barriers(points[points["experiment"] == experiment]),
                _distances(objectives[objectives["experiment"] == experiment]),
            ],
            axis=1,
        ).dropna()
        pairs = list(of_pairs.index)
        if len(pairs) < 2:
            continue
        of_networks = _dimensions(dimensions[dimensions["experiment"] == experiment])
        a, b = (of_networks.loc[[pair[i] for pair in pairs]].to_numpy() for i in (0, 1))
        of_both = pd.DataFrame((a + b) / 2, of_pairs.index, of_networks.columns)
        stream = generator(seed, "bootstrap over sizes", experiment)
        drawn = bootstrap.resample(pairs, resamples, stream)
        weights = np.concatenate([np.full((1, len(pairs)), 1 / len(pairs)), drawn.weights])
        values = pd.concat([of_pairs, of_both], axis=1)
        means = pd.DataFrame(weights @ values.to_numpy(), columns=values.columns)
        means = means.sort_index(axis=1)
        sizes = sorted(means.columns.unique("value"))
        yield Sizes(
            experiment,
            points.loc[points["experiment"] == experiment, "axis"].iloc[0],
            np.array(sizes),
            {
                quantity: means[quantity].reindex(columns=sizes).to_numpy()
                for quantity in means.columns.droplevel("value").unique()
            },
            drawn,
        )


def _barriers(points: pd.DataFrame) -> pd.DataFrame:
    """Return midpoint barriers: one row per pair, one column per matcher and size (layer 0)."""
    keys = [*_PAIR, "matcher", "value"]
    ends = points[points["t"].isin([0.0, 1.0])].groupby(keys)["loss"].agg(["mean", "count"])
    ends = ends["mean"].where(ends["count"] == 2)
    middle = points[points["t"] == barrier.MIDPOINT].set_index(keys)["loss"]
    frame = (middle - ends).rename("y").reset_index()
    return _wide(frame.assign(quantity=BARRIER, layer=0), _PAIR)


def _distances(objectives: pd.DataFrame) -> pd.DataFrame:
    """Return squared distances divided by both squared norms, for matchers that have a norm."""
    rows = objectives.dropna(subset=["norm_a"])
    norms = rows["norm_a"] + rows["norm_b"]
    share = (norms - 2 * rows["objective"]) / norms.where(norms > 0)
    return _wide(rows.assign(quantity=DISTANCE, y=share), _PAIR)


def _dimensions(dimensions: pd.DataFrame) -> pd.DataFrame:
    """Return logarithms of dimensions, one row per network; NaN for dead layers."""
    parts = [
        dimensions.assign(
            y=np.log(dimensions[name].astype(float).where(dimensions[name] > 0)),
            quantity=np.where(dimensions["centred"], f"centred_{name}", name),
        )
        for name in DIMENSIONS
    ]
    return _wide(pd.concat(parts), ["network"])


def _wide(rows: pd.DataFrame, index: list[str]) -> pd.DataFrame:
    return rows.pivot(index=index, columns=_QUANTITY, values="y")
