"""The interface of an experiment on a theorem: measurements by size, and predicted slopes."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import NamedTuple, Protocol


class Measurement(NamedTuple):
    """One measured value.

    Parameters
    ----------
    quantity
        The name of the measured quantity; one panel of the figure.
    series
        The name of the conditions; one curve of the panel.
    size
        The size that is varied: number of points, width, or number of neurons.
    repetition
        0, 1, ...; repetitions are independent.
    value
        The value, which must be positive if a slope is fitted.
    """

    quantity: str
    series: str
    size: int
    repetition: int
    value: float


@dataclass(frozen=True)
class Prediction:
    """The predicted slope d log value / d log size of one curve.

    Constants and logarithmic factors are not predicted.

    Parameters
    ----------
    quantity, series
        The curve.
    slope
        The predicted slope; None if the paper predicts none, so that only the fit is shown.
    bound
        Whether the slope is only that of an upper bound, which a steeper curve also satisfies.
    smallest, largest
        The range of sizes for the fit; None for no limit.
    """

    quantity: str
    series: str
    slope: float | None
    bound: bool = False
    smallest: int | None = None
    largest: int | None = None


class Experiment(Protocol):
    """Protocol of the class behind an entry; its keyword arguments are the options."""

    def measure(self, seed: int) -> Iterator[Measurement]:
        """Yield all measurements.

        Random streams are derived from the seed, the size and the repetition
        (`lmc_ot.rng.generator`), so adding a size does not change other values.
        """

    def predictions(self) -> list[Prediction]:
        """Return one prediction per curve."""
