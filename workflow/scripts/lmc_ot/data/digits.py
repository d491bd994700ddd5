"""The handwritten digits included in scikit-learn: 8 x 8 pixels, 0 .. 16, no download."""

import numpy as np

from ..rng import generator
from .dataset import Dataset, Split

TEST_EXAMPLES = 360


def digits() -> Dataset:
    """Return 1,437 training and 360 test images, a fixed random split of scikit-learn's 1,797."""
    from sklearn.datasets import load_digits

    bunch = load_digits()
    images = bunch.images.astype(np.uint8)
    labels = bunch.target.astype(np.int64)
    order = generator(0, "digits", "split").permutation(len(images))
    test, train = order[:TEST_EXAMPLES], order[TEST_EXAMPLES:]
    return Dataset(
        train=Split(images[train], labels[train]),
        test=Split(images[test], labels[test]),
        classes=10,
        scale=16.0,
    )
