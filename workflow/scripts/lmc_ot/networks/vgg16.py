"""VGG16 as trained by Git Re-Basin on CIFAR-10 (paper, Appendix D.1)."""

from .convolutional import Convolutional

GROUPS = ((1, 1), (2, 2), (4, 4, 4), (8, 8, 8), (8, 8, 8))


class VGG16(Convolutional):
    """VGG16: 13 convolutions in five groups, and a head of two hidden layers.

    The first group has `width` channels, m; 64 in the original. The sides of an image must be
    multiples of 32.
    """

    def __init__(self, shape, classes, width: int, norm: str, initialiser: str):
        groups = [[factor * width for factor in group] for group in GROUPS]
        super().__init__(shape, classes, groups, [8 * width, 8 * width], norm, initialiser)
