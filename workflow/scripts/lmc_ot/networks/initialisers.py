"""Distributions of the initial weights, with mean 0 and variance 1 / fan-in (LeCun)."""

import math
from collections.abc import Callable

import numpy as np
from scipy.special import ndtr, ndtri

# Standard deviation of the standard normal distribution truncated to [-2, 2].
_MASS = math.erf(2 / math.sqrt(2))
TRUNCATED_STD = math.sqrt(1 - 2 * 2 * math.exp(-2) / (math.sqrt(2 * math.pi) * _MASS))


def lecun_normal(stream: np.random.Generator, units: int, fan_in: int) -> np.ndarray:
    """Draw float32 (units, fan_in), normal but truncated at two standard deviations."""
    low = ndtr(-2.0)
    standard = ndtri(low + (1 - 2 * low) * stream.random((units, fan_in)))
    return (standard / (TRUNCATED_STD * math.sqrt(fan_in))).astype(np.float32)


def lecun_uniform(stream: np.random.Generator, units: int, fan_in: int) -> np.ndarray:
    """Draw float32 (units, fan_in) uniformly from +- sqrt(3 / fan_in)."""
    limit = math.sqrt(3 / fan_in)
    return stream.uniform(-limit, limit, (units, fan_in)).astype(np.float32)


INITIALISERS = {"lecun_normal": lecun_normal, "lecun_uniform": lecun_uniform}


def initialise(module, initialiser: Callable, stream: np.random.Generator) -> None:
    """Draw the weights of a module's layers in order; biases become 0, scales of norms 1.

    The `torch.nn.Module` is on the CPU: experiments without networks use this file without torch.
    Kernels are drawn as flattened rows, one per unit.
    """
    for name, parameter in module.named_parameters():
        array = parameter.detach().numpy()
        if array.ndim > 1:
            array[...] = initialiser(stream, len(array), array[0].size).reshape(array.shape)
        else:
            array[...] = float(name.endswith("weight"))
