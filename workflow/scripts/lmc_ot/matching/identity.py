"""No matching: the baseline of every figure."""

import numpy as np

from .matcher import Matcher


class Identity(Matcher):
    """A unit is like the unit of the same number, and like no other."""

    def similarity(self, layer):
        return np.eye(len(layer.a.weight))
