"""The moments of the networks of one learning rate: from files, or by running the networks."""

from collections.abc import Callable
from functools import cache
from pathlib import Path

import numpy as np

from ..data.table import read_dataset
from ..tables import Parameters
from .moments import Moments, NetworkMoments, NoMoments, Recorded, moments_of


def of_networks(
    dataset: str | None,
    networks: dict[int, Parameters],
    activations: str | None,
    streamed: dict,
    run: dict,
) -> Callable[[int], NetworkMoments]:
    """A function that gives the moments of a network of one learning rate, by its number.

    Nothing is read or run until a matcher asks for it, and nothing twice.

    Parameters
    ----------
    dataset
        The data set's table; None for a matcher that reads weights alone, which is refused any.
    networks
        The networks.
    activations
        Folder of the recorded activations; None to run the networks instead.
    streamed
        How to run them: ``network``, the config's block; ``examples``, how many; ``device``.
    run
        The run that the activations must come from; its seed chooses the examples.

    Raises
    ------
    TableError
        When something is read: the activations are of another run, or see `tables.read`.
    """
    if dataset is None:
        return lambda number: NoMoments(f"network {number}")
    if activations is None:
        opened = cache(lambda: _opened(dataset, networks, streamed, run["seed"]))
        return cache(lambda number: OnDemand(lambda: opened()(number)))
    inputs = cache(lambda: read_dataset(dataset).inputs("train"))
    known: dict[bytes, Moments] = {}

    @cache
    def moments(number: int) -> NetworkMoments:
        recorded = Recorded(Path(activations) / f"{number}.parquet", inputs, run)
        return NetworkMoments(recorded, lambda: of_inputs(recorded))

    def of_inputs(recorded: Recorded) -> Moments:
        key = recorded.examples().tobytes()
        if key not in known:
            known[key] = moments_of(recorded.batches(0))
        return known[key]

    return moments


def device(streamed: dict) -> str:
    """Where the statistics come from, for a file's metadata."""
    if not streamed:
        return "cpu"
    from ..training.device import describe, resolve

    return describe(resolve(streamed["device"]))


def _opened(dataset: str, networks: dict[int, Parameters], streamed: dict, seed: int):
    from .forward import open_networks

    return open_networks(read_dataset(dataset), networks, seed=seed, **streamed)


class OnDemand:
    """Moments that are opened when first asked for: not every matcher asks.

    Parameters
    ----------
    open_moments
        Returns the moments.
    """

    def __init__(self, open_moments: Callable[[], NetworkMoments]):
        self._opened = cache(open_moments)

    def __call__(self, layer: int) -> Moments:
        """See `moments.NetworkMoments`."""
        return self._opened()(layer)

    def cross(self, layer: int, other: "OnDemand") -> Moments:
        """See `moments.NetworkMoments`."""
        return self._opened().cross(layer, other._opened())

    def through(self, layer: int, weight_x: np.ndarray, weight_y: np.ndarray) -> Moments:
        """See `moments.NetworkMoments`."""
        return self._opened().through(layer, weight_x, weight_y)
