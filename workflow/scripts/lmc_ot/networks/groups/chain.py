"""The groups of a chain of dense layers, which are known without a module: W_1, W_2, ..."""

from itertools import pairwise

import numpy as np

from .group import CONSUMES, INPUT, PRODUCES, Group, Groups, Member, Producer, Tap


def chain(weights: dict[str, int]) -> Groups:
    """Return the groups of phi_l = relu(W_l phi_{l-1}): one for each layer but the last.

    The theory's networks are chains without biases. The values of a chain are called ``phi_1``,
    ``phi_2``, ..., and ``outputs_1``, ..., before the activation.

    Parameters
    ----------
    weights
        Name of each weight, in order -> its number of units.
    """
    groups = []
    for layer, ((weight, units), (above, _)) in enumerate(pairwise(weights.items()), 1):
        places = np.arange(units, dtype=np.int32)[:, None]
        consumes = (groups[-1].name,) if groups else ()
        reads = f"phi_{layer - 1}" if groups else INPUT
        output = Tap(f"outputs_{layer}", 1, places)
        members = Member(weight, 0, places, PRODUCES), Member(above, 1, places, CONSUMES)
        groups.append(
            Group(
                weight.removesuffix(".weight"),
                units,
                members,
                producers=(Producer(weight, 0, None, output, reads, reads, consumes, None),),
                taps=(Tap(f"phi_{layer}", 1, places),),
            )
        )
    return Groups(tuple(groups), {}, (), (), 0.0)
