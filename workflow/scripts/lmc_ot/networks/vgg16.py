"""VGG16 as Git Re-Basin trains it on CIFAR-10 (paper, Appendix D.1)."""

from .convolutional import Convolutional

GROUPS = ((1, 1), (2, 2), (4, 4, 4), (8, 8, 8), (8, 8, 8))


class VGG16(Convolutional):
    """13 convolutions in five groups, and a head of two hidden layers.

    Parameters
    ----------
    shape, classes
        See `Network`; the sides of an image are multiples of 32.
    norm, initialiser
        See `Convolutional`.
    """

    def __init__(self, shape, classes, width: int, norm: str, initialiser: str):
        groups = [[factor * width for factor in group] for group in GROUPS]
        super().__init__(shape, classes, groups, [8 * width, 8 * width], norm, initialiser)
