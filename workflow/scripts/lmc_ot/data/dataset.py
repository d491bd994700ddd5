"""Data sets in memory, and their standardisation."""

from dataclasses import dataclass, replace

import numpy as np

from ..errors import DataError


@dataclass(frozen=True)
class Split:
    """A split of a data set: ``images``, uint8 (n, *shape), and ``labels``, int64 (n,)."""

    images: np.ndarray
    labels: np.ndarray


@dataclass(frozen=True)
class Standardisation:
    """Mean and standard deviation of ``images / scale``, one number per channel."""

    mean: tuple[float, ...]
    deviation: tuple[float, ...]


@dataclass(frozen=True)
class Dataset:
    """Images and labels of a training and a test split.

    Parameters
    ----------
    train, test
        The two splits; neither may be empty.
    classes
        Number of classes; labels are 0 .. classes - 1.
    scale
        The pixel value that is scaled to 1: networks see ``images / scale`` (float32).
    standardisation
        If given, the mean of each channel is subtracted from these inputs, and the result is
        divided by the channel's standard deviation.
    """

    train: Split
    test: Split
    classes: int
    scale: float
    standardisation: Standardisation | None = None

    def __post_init__(self):
        shape = self.train.images.shape[1:]
        for name, split in self.splits.items():
            images, labels = split.images, split.labels
            if len(images) == 0:
                raise DataError(f"data set: the {name} split is empty: expected examples")
            if len(images) != len(labels):
                raise DataError(
                    f"data set: the {name} split has {len(images)} images but {len(labels)} labels"
                )
            if images.dtype != np.uint8 or images.shape[1:] != shape:
                raise DataError(
                    f"data set: the {name} images are {images.dtype} {images.shape[1:]}: "
                    f"expected uint8 of shape {shape}"
                )
            if labels.min() < 0 or labels.max() >= self.classes:
                raise DataError(
                    f"data set: a {name} label is outside 0 .. {self.classes - 1} "
                    f"(found {labels.min()} .. {labels.max()})"
                )
        if self.standardisation is not None:
            self._check_standardisation()

    def _check_standardisation(self) -> None:
        for name, values in vars(self.standardisation).items():
            if len(values) != self.channels:
                raise DataError(
                    f"data set: standardise.{name} has {len(values)} values, but the images have "
                    f"{self.channels} channels: give one value per channel"
                )
            with np.errstate(over="ignore"):
                finite = np.isfinite(np.array(values, np.float32)).all()
            if not finite:
                raise DataError(
                    f"data set: standardise.{name}: {list(values)}: expected finite numbers"
                )
        for channel, deviation in enumerate(self.standardisation.deviation):
            if not deviation >= np.finfo(np.float32).tiny:
                raise DataError(
                    f"data set: channel {channel} cannot be standardised, since its standard "
                    f"deviation is {deviation:g}: set standardise to null, or give a deviation "
                    f"above 0"
                )

    @property
    def splits(self) -> dict[str, Split]:
        """The two splits, by name."""
        return {"train": self.train, "test": self.test}

    @property
    def shape(self) -> tuple[int, ...]:
        """The shape of one image."""
        return self.train.images.shape[1:]

    @property
    def channels(self) -> int:
        """Number of channels of an image: the length of its third axis, or 1 if there is none."""
        return self.shape[2] if len(self.shape) == 3 else 1

    @property
    def black(self) -> np.ndarray:
        """The network's input for a pixel of value 0, float32 (channels,)."""
        return self._normalised(np.zeros(self.channels, np.float32))

    def standardised(
        self, mean: list[float] | None = None, deviation: list[float] | None = None
    ) -> "Dataset":
        """Return the same images, standardised per channel.

        Parameters
        ----------
        mean, deviation
            One value per channel, in units of ``scale``. None measures it over all pixels of the
            training split (the standard deviation with denominator n).

        Raises
        ------
        DataError
            The number of values is not the number of channels, or a deviation is 0.
        """
        measured = self._measured()
        return replace(
            self,
            standardisation=Standardisation(
                measured.mean if mean is None else tuple(mean),
                measured.deviation if deviation is None else tuple(deviation),
            ),
        )

    def standardised_as(self, standardise: str | dict | None) -> "Dataset":
        """Return the same images, standardised according to the config's option `standardise`.

        Parameters
        ----------
        standardise
            ``measured``, the arguments of `standardised`, or None for no standardisation.
        """
        if standardise is None:
            return self
        return self.standardised(**({} if standardise == "measured" else standardise))

    def _measured(self) -> Standardisation:
        pixels = self.train.images.reshape(-1, self.channels)
        # Integer sums are exact, whatever the order of summation.
        sums = pixels.sum(0, dtype=np.int64).tolist()
        squares = np.einsum("pc,pc->c", pixels, pixels, dtype=np.int64).tolist()
        count = len(pixels)
        variances = [
            (count * square - total**2) / count**2
            for total, square in zip(sums, squares, strict=True)
        ]
        return Standardisation(
            tuple(total / count / self.scale for total in sums),
            tuple(variance**0.5 / self.scale for variance in variances),
        )

    def _normalised(self, values: np.ndarray) -> np.ndarray:
        """Standardise values of ``images / scale``, float32 (..., channels), in place."""
        if self.standardisation is not None:
            values -= np.array(self.standardisation.mean, np.float32)
            values /= np.array(self.standardisation.deviation, np.float32)
        return values

    def inputs(self, split: str, examples: np.ndarray | None = None) -> np.ndarray:
        """Return the network's inputs, float32 (n, pixels), for all or for selected examples."""
        images = self.splits[split].images
        if examples is not None:
            images = images[examples]
        values = images.reshape(len(images), -1).astype(np.float32)
        values /= np.float32(self.scale)
        self._normalised(values.reshape(-1, self.channels))
        return values
