"""Data sets in memory."""

from dataclasses import dataclass, replace

import numpy as np

from ..errors import DataError


@dataclass(frozen=True)
class Split:
    """One split: ``images`` uint8 (n, *shape), ``labels`` int64 (n,)."""

    images: np.ndarray
    labels: np.ndarray


@dataclass(frozen=True)
class Standardisation:
    """``mean`` and ``deviation`` of every channel of ``images / scale``, one number per channel."""

    mean: tuple[float, ...]
    deviation: tuple[float, ...]


@dataclass(frozen=True)
class Dataset:
    """Images and labels, train and test.

    Parameters
    ----------
    train, test
        The two splits, neither of them empty.
    classes
        Number of classes; labels are 0 .. classes - 1.
    scale
        The pixel value that stands for 1.
    standardisation
        Networks see ``images / scale`` (float32), less the mean and divided by the deviation of
        their channel if this is given.
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
                raise DataError(f"data set: the {name} split is empty: it needs examples")
            if len(images) != len(labels):
                raise DataError(
                    f"data set: the {name} split has {len(images)} images and {len(labels)} labels"
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
                    f"data set: standardise.{name} has {len(values)} values, the images have "
                    f"{self.channels} channels: give one value per channel"
                )
            with np.errstate(over="ignore"):
                finite = np.isfinite(np.array(values, np.float32)).all()
            if not finite:
                raise DataError(f"data set: standardise.{name}: {list(values)}: not finite")
        for channel, deviation in enumerate(self.standardisation.deviation):
            if not deviation >= np.finfo(np.float32).tiny:
                raise DataError(
                    f"data set: channel {channel} cannot be standardised, its deviation is "
                    f"{deviation:g}: set standardise to null, or give a deviation above 0"
                )

    @property
    def splits(self) -> dict[str, Split]:
        """Both splits by name."""
        return {"train": self.train, "test": self.test}

    @property
    def shape(self) -> tuple[int, ...]:
        """The shape of one image."""
        return self.train.images.shape[1:]

    @property
    def channels(self) -> int:
        """Number of channels of an image: the length of its third axis, 1 where it has none."""
        return self.shape[2] if len(self.shape) == 3 else 1

    @property
    def black(self) -> np.ndarray:
        """The input of a network for a pixel of value 0: float32 (channels,)."""
        return self._normalised(np.zeros(self.channels, np.float32))

    def standardised(
        self, mean: list[float] | None = None, deviation: list[float] | None = None
    ) -> "Dataset":
        """The same images, standardised per channel.

        Parameters
        ----------
        mean, deviation
            One value per channel, in units of ``scale``; both are measured over all pixels of the
            training split where they are None (the deviation with denominator n).

        Raises
        ------
        DataError
            The numbers of values and channels differ, or a deviation is 0.
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
        """The same images, as the option `standardise` of a config's block asks for.

        Parameters
        ----------
        standardise
            ``measured``, the arguments of `standardised`, or None for the images as they are.
        """
        if standardise is None:
            return self
        return self.standardised(**({} if standardise == "measured" else standardise))

    def _measured(self) -> Standardisation:
        pixels = self.train.images.reshape(-1, self.channels)
        # Integers, so that the sums are exact in any order.
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
        """Values of ``images / scale``, float32 (..., channels), standardised in place."""
        if self.standardisation is not None:
            values -= np.array(self.standardisation.mean, np.float32)
            values /= np.array(self.standardisation.deviation, np.float32)
        return values

    def inputs(self, split: str, examples: np.ndarray | None = None) -> np.ndarray:
        """The inputs of a network: float32 (n, pixels), of all examples, or of some."""
        images = self.splits[split].images
        if examples is not None:
            images = images[examples]
        values = images.reshape(len(images), -1).astype(np.float32)
        values /= np.float32(self.scale)
        self._normalised(values.reshape(-1, self.channels))
        return values
