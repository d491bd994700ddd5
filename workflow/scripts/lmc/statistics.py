"""The moments of the networks of one learning rate: from files, or by running the networks."""

from collections.abc import Callable
from functools import cache
from pathlib import Path

from . import tables
from .moments import Moments, NetworkMoments, Recorded, second_moment
from .tables import Parameters


def of_networks(
    dataset: str,
    networks: dict[int, Parameters],
    activations: str | None,
    streamed: dict,
    seed: int,
) -> Callable[[int], NetworkMoments]:
    """A function that gives the moments of a network of one learning rate, by its number.

    Nothing is read or run until a matcher asks for it, and nothing twice.

    Parameters
    ----------
    dataset
        The data set's table.
    networks
        The networks.
    activations
        Folder of the recorded activations; None to run the networks instead.
    streamed
        How to run them: ``network``, the config's block; ``examples``, how many; ``device``.
    seed
        It chooses the examples.
    """
    if activations is None:
        from .streaming import open_networks

        return open_networks(tables.read_dataset(dataset), networks, seed=seed, **streamed)
    inputs = cache(lambda: tables.read_dataset(dataset).inputs("train"))
    known: dict[bytes, Moments] = {}

    @cache
    def moments(number: int) -> NetworkMoments:
        recorded = Recorded(Path(activations) / f"{number}.parquet", inputs)
        return NetworkMoments(recorded, lambda: of_inputs(recorded))

    def of_inputs(recorded: Recorded) -> Moments:
        key = recorded.examples().tobytes()
        if key not in known:
            known[key] = second_moment(recorded.batches(0))
        return known[key]

    return moments
