"""What a data set is, once it is in memory."""

from dataclasses import dataclass

import numpy as np

from ..errors import DataError


@dataclass(frozen=True)
class Split:
    """One split: ``images`` uint8 (n, *shape), ``labels`` int64 (n,)."""

    images: np.ndarray
    labels: np.ndarray


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
        The pixel value that stands for 1: networks see ``images / scale`` (float32).
    """

    train: Split
    test: Split
    classes: int
    scale: float

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
                    f"uint8 of shape {shape} is wanted"
                )
            if labels.min() < 0 or labels.max() >= self.classes:
                raise DataError(
                    f"data set: a {name} label is outside 0 .. {self.classes - 1} "
                    f"(found {labels.min()} .. {labels.max()})"
                )

    @property
    def splits(self) -> dict[str, Split]:
        """Both splits by name."""
        return {"train": self.train, "test": self.test}

    @property
    def shape(self) -> tuple[int, ...]:
        """The shape of one image."""
        return self.train.images.shape[1:]

    def inputs(self, split: str, examples: np.ndarray | None = None) -> np.ndarray:
        """What a network sees: float32 (n, pixels), images / scale; of all examples, or some."""
        images = self.splits[split].images
        if examples is not None:
            images = images[examples]
        values = images.reshape(len(images), -1).astype(np.float32)
        values /= np.float32(self.scale)
        return values
