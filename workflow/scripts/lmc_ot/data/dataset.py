"""Data sets in memory, and their standardisation."""

import math
from dataclasses import dataclass, replace

import numpy as np

from ..errors import DataError


@dataclass(frozen=True)
class Split:
    """A split of a data set.

    Parameters
    ----------
    images
        uint8 (n, height, width) or (n, height, width, channels); or any other inputs, float32
        (n, *shape), whose axis 1 in the module's layout comes last, as the channels of images.
    labels
        int64 (n,) classes; or, for losses such as the mean squared error, float32 (n, ...) targets.
    """

    images: np.ndarray
    labels: np.ndarray


@dataclass(frozen=True)
class Standardisation:
    """Mean and standard deviation of ``images / scale``, one number per channel."""

    mean: tuple[float, ...]
    deviation: tuple[float, ...]


@dataclass(frozen=True)
class Dataset:
    """Images, or other inputs, and labels, or other targets, of a training and a test split.

    Parameters
    ----------
    train, test
        The two splits; neither may be empty.
    classes
        Number of classes; labels are 0 .. classes - 1. None for targets that are not classes.
    scale
        The pixel value that is scaled to 1: networks see ``images / scale`` (float32). Inputs that
        are floats are used as they are.
    standardisation
        If given, the mean of each channel is subtracted from these inputs, and the result is
        divided by the channel's standard deviation.
    """

    train: Split
    test: Split
    classes: int | None
    scale: float = 1.0
    standardisation: Standardisation | None = None

    def __post_init__(self):
        inputs = "images" if self.is_images else "inputs"
        targets = "targets" if self.classes is None else "labels"
        for name, split in self.splits.items():
            images, labels = split.images, split.labels
            if len(images) == 0:
                raise DataError(f"data set: the {name} split is empty: expected examples")
            if len(images) != len(labels):
                raise DataError(
                    f"data set: the {name} split has {len(images)} {inputs} but {len(labels)} "
                    f"{targets}"
                )
            dtype = np.dtype(np.uint8 if self.is_images else np.float32)
            if images.dtype != dtype or images.shape[1:] != self.shape:
                raise DataError(
                    f"data set: the {name} {inputs} are {images.dtype} {images.shape[1:]}: "
                    f"expected {dtype} of shape {self.shape}"
                )
            if not self.is_images and not np.isfinite(images).all():
                raise DataError(f"data set: the {name} inputs have values that are not finite")
            self._check_labels(name, labels)
        if self.standardisation is not None:
            self._check_standardisation()

    def _check_labels(self, name: str, labels: np.ndarray) -> None:
        if self.classes is None:
            shape = self.train.labels.shape[1:]
            if labels.dtype != np.float32 or labels.shape[1:] != shape:
                raise DataError(
                    f"data set: the {name} targets are {labels.dtype} {labels.shape[1:]}: "
                    f"expected float32 of shape {shape}"
                )
            if not np.isfinite(labels).all():
                raise DataError(f"data set: the {name} targets have values that are not finite")
        elif labels.min() < 0 or labels.max() >= self.classes:
            raise DataError(
                f"data set: a {name} label is outside 0 .. {self.classes - 1} "
                f"(found {labels.min()} .. {labels.max()})"
            )

    def _check_standardisation(self) -> None:
        if not self.is_images:
            raise DataError(
                "data set: standardise: only images are standardised, other inputs are used as "
                "they are: remove this option"
            )
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
    def is_images(self) -> bool:
        """Whether the inputs are images, and not floats that are used as they are."""
        return self.train.images.dtype != np.float32

    @property
    def shape(self) -> tuple[int, ...]:
        """The shape of one image."""
        return self.train.images.shape[1:]

    @property
    def channels(self) -> int:
        """Number of channels of an image: the length of its third axis, or 1 if there is none."""
        return self.shape[2] if len(self.shape) == 3 else 1

    @property
    def outputs(self) -> int:
        """Number of outputs of a network: one for each class, or for each value of a target."""
        return self.classes or math.prod(self.train.labels.shape[1:])

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
        measured = self._measured() if self.is_images else Standardisation((), ())
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
        """Return the network's inputs, float32 (n, values), for all or for selected examples."""
        images = self.splits[split].images
        if examples is not None:
            images = images[examples]
        if not self.is_images:
            return images.reshape(len(images), -1)
        values = images.reshape(len(images), -1).astype(np.float32)
        values /= np.float32(self.scale)
        self._normalised(values.reshape(-1, self.channels))
        return values
