"""The moments of the networks of one setting, from files or by running the networks."""

from collections.abc import Callable
from functools import cache
from pathlib import Path

from ..data.table import read_dataset
from ..networks.groups.group import INPUT, Groups
from ..tables import Parameters
from .moments import Moments, NetworkMoments, NoMoments, Recorded, moments_of


def of_networks(
    dataset: str,
    networks: dict[int, Parameters],
    groups: Groups,
    activations: str | None,
    streamed: dict,
    run: dict,
) -> Callable[[int], NetworkMoments]:
    """Return a function from the number of a network of one setting to its moments.

    Files are read and networks are run on demand, and only once.

    Parameters
    ----------
    dataset
        The table of the data set.
    networks
        Network number -> its parameters.
    activations, streamed
        Folder of the recorded activations; None to run the networks instead, as `streamed` says:
        ``network``, the config's block; ``examples``, the number of examples; ``device``.
    run
        The run that the activations must come from; its seed determines the examples. Reading
        those of another run raises TableError.
    """
    if activations is None:

        @cache
        def opened():
            from .forward import open_networks

            data = read_dataset(dataset)
            return open_networks(data, networks, groups, seed=run["seed"], **streamed)

        return lambda number: opened()(number)
    inputs = cache(lambda: read_dataset(dataset).inputs("train"))
    known: dict[bytes, Moments] = {}

    @cache
    def moments(number: int) -> NetworkMoments:
        recorded = Recorded(Path(activations) / f"{number}.parquet", inputs, run)
        return NetworkMoments(recorded, lambda: of_inputs(recorded))

    def of_inputs(recorded: Recorded) -> Moments:
        key = recorded.examples().tobytes()
        if key not in known:
            known[key] = moments_of(recorded.batches(INPUT))
        return known[key]

    return moments


def none(number: int) -> NoMoments:
    """The moments of a network for matchers that use only weights."""
    return NoMoments(f"network {number}")


def device(streamed: dict) -> str:
    """Return the device on which the statistics are computed, for a file's metadata."""
    if not streamed:
        return "cpu"
    from ..training.device import describe, resolve

    return describe(resolve(streamed["device"]))
