"""Networks as users have them, arrays or tensors by layer or by name, as matchers take them."""

from collections.abc import Mapping

import numpy as np

from ..errors import UserError
from ..tables import Parameters


def as_parameters(given: Mapping, what: str) -> Parameters:
    """A chain of layers by number: ``(layer, name)`` -> array, kernels flattened.

    Parameters
    ----------
    given
        Arrays or torch tensors of any float type, by ``(layer, name)`` with layers from 1, or by
        names as a state_dict has them (``0.weight``, ``0.bias``, ``2.weight``), in the order of
        the layers. A weight is (units, inputs), or (units, channels, height, width); every other
        parameter is (units,).
    what
        How to call the network in an error.

    Raises
    ------
    UserError
        A key, a type or a shape is something else, or a value is not finite.
    """
    parameters: Parameters = {}
    for key, value in _by_layer(given, what).items():
        named = f"{what}: layer {key[0]}, {key[1]}"
        array = _array(value, named)
        if key[1] == "weight":
            if array.ndim < 2:
                raise UserError(f"{named}: is of shape {array.shape}, expected (units, inputs)")
            array = array.reshape(len(array), -1)
        elif array.ndim != 1:
            raise UserError(f"{named}: is of shape {array.shape}, expected one value per unit")
        if not np.isfinite(array).all():
            bad = np.argwhere(~np.isfinite(array))[0].tolist()
            raise UserError(f"{named}: is not finite at {bad}: expected finite numbers")
        parameters[key] = array
    return parameters


def _by_layer(given: Mapping, what: str) -> dict[tuple[int, str], object]:
    """The same values by ``(layer, name)``."""
    if all(isinstance(key, tuple) and len(key) == 2 for key in given):
        pairs = list(given)
    elif all(isinstance(key, str) and "." in key for key in given):
        pairs = [tuple(key.rsplit(".", 1)) for key in given]
    else:
        example = next(iter(given), None)
        raise UserError(
            f"{what}: the key {example!r} is neither (layer, name) nor a state_dict's name"
        )
    prefixes = list(dict.fromkeys(layer for layer, _ in pairs))
    if all(isinstance(prefix, int) for prefix in prefixes):
        if prefixes and min(prefixes) < 1:
            raise UserError(f"{what}: a layer has the number {min(prefixes)}: they count from 1")
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
    """As an array; bfloat16, which numpy does not know, as float32."""
    if hasattr(value, "detach"):
        value = value.detach().cpu()
        value = (value.float() if str(value.dtype) == "torch.bfloat16" else value).numpy()
    array = np.asarray(value)
    if not np.issubdtype(array.dtype, np.floating):
        raise UserError(f"{named}: is of type {array.dtype}, expected floating-point numbers")
    return array
