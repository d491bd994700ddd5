"""Conversion of users' networks (arrays or tensors, by layer or by name) for the matchers."""

from collections.abc import Mapping

import numpy as np

from ..errors import UserError
from ..tables import Parameters


def as_parameters(given: Mapping, what: str) -> Parameters:
    """Convert a network to ``(layer, name)`` -> array, with kernels flattened.

    Parameters
    ----------
    given
        Arrays or torch tensors of any floating-point type, in the order of the layers. The keys
        are ``(layer, name)`` with layers numbered from 1, or names as in a state_dict
        (``0.weight``, ``0.bias``, ``2.weight``). A weight has shape (units, inputs) or
        (units, channels, height, width), every other parameter (units,).
    what
        The name of the network in error messages.

    Raises
    ------
    UserError
        A key, a type or a shape is not as described, or a value is not finite.
    """
    parameters: Parameters = {}
    for key, value in _by_layer(given, what).items():
        named = f"{what}: layer {key[0]}, {key[1]}"
        array = _array(value, named)
        if key[1] == "weight":
            if array.ndim < 2:
                raise UserError(f"{named}: has shape {array.shape}, expected (units, inputs)")
            array = array.reshape(len(array), -1)
        elif array.ndim != 1:
            raise UserError(f"{named}: has shape {array.shape}, expected one value per unit")
        if not np.isfinite(array).all():
            bad = np.argwhere(~np.isfinite(array))[0].tolist()
            raise UserError(f"{named}: not finite at {bad}: expected finite numbers")
        parameters[key] = array
    return parameters


def _by_layer(given: Mapping, what: str) -> dict[tuple[int, str], object]:
    """Return the same values with keys ``(layer, name)``."""
    if all(isinstance(key, tuple) and len(key) == 2 for key in given):
        pairs = list(given)
    elif all(isinstance(key, str) and "." in key for key in given):
        pairs = [tuple(key.rsplit(".", 1)) for key in given]
    else:
        example = next(iter(given), None)
        raise UserError(
            f"{what}: the key {example!r}: expected (layer, name), or a name as in a state_dict"
        )
    prefixes = list(dict.fromkeys(layer for layer, _ in pairs))
    if all(isinstance(prefix, int) for prefix in prefixes):
        if prefixes and min(prefixes) < 1:
            raise UserError(
                f"{what}: a layer has number {min(prefixes)}: expected numbers from 1 on"
            )
        return dict(zip(pairs, given.values(), strict=True))
    numbers = {prefix: number for number, prefix in enumerate(prefixes, start=1)}
    for prefix in prefixes:
        if (prefix, "weight") not in pairs:
            raise UserError(
                f"{what}: {prefix} has no weight: expected a chain of linear layers and "
                f"convolutions"
            )
    return {
        (numbers[prefix], name): value
        for (prefix, name), value in zip(pairs, given.values(), strict=True)
    }


def _array(value, named: str) -> np.ndarray:
    """Convert a value to an array; bfloat16, which numpy lacks, becomes float32."""
    if hasattr(value, "detach"):
        value = value.detach().cpu()
        value = (value.float() if str(value.dtype) == "torch.bfloat16" else value).numpy()
    array = np.asarray(value)
    if not np.issubdtype(array.dtype, np.floating):
        raise UserError(f"{named}: has type {array.dtype}, expected floating-point numbers")
    return array
