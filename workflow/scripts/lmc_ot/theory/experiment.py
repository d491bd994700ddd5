"""An experiment on a theorem: measurements by size, and the predicted slopes."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import NamedTuple, Protocol


class Measurement(NamedTuple):
    """One measured value.

    Parameters
    ----------
    quantity
        What is measured; a panel of the figure.
    series
        Under which conditions; a curve of the panel.
    size
        The number that grows: points, width, neurons.
    repetition
        0, 1, ...: repetitions are independent of each other.
    value
        Positive where a slope is fitted.
    """

    quantity: str
    series: str
    size: int
    repetition: int
    value: float


@dataclass(frozen=True)
class Prediction:
    """The slope d log value / d log size of one curve. Constants and logarithms are not predicted.

    Parameters
    ----------
    quantity, series
        The curve.
    slope
        None where the paper predicts none: then only the fit is shown.
    bound
        Whether the paper has only an upper bound of that slope: a steeper curve agrees with it.
    smallest, largest
        The sizes between which the slope is fitted; None for all.
    """

    quantity: str
    series: str
    slope: float | None
    bound: bool = False
    smallest: int | None = None
    largest: int | None = None


class Experiment(Protocol):
    """The class behind a line of the registry; its keyword arguments are the options."""

    def measure(self, seed: int) -> Iterator[Measurement]:
        """All measurements. Streams of random numbers derive from the seed, the size and the
        repetition (`lmc_ot.rng.generator`), so that one more size changes no other value."""

    def predictions(self) -> list[Prediction]:
        """One for every curve."""
