"""Optimisers. To add one, write a subclass of `optimiser.Optimiser` and add an entry below.

Its keyword arguments are the options declared in its entry; defaults belong there, not in the
class.
"""

from ...config.registry import Entry, Registry

_FRACTION = {"type": "number", "minimum": 0, "exclusiveMaximum": 1}
_WEIGHT_DECAY = {
    "type": "number",
    "minimum": 0,
    "default": 0.0,
    "description": "coefficient of the L2 penalty, which is added to the gradient",
}

REGISTRY = Registry(
    "optimiser",
    __name__,
    {
        "sgd": Entry(
            "sgd:SGD",
            "stochastic gradient descent with momentum",
            {
                "momentum": {**_FRACTION, "default": 0.9, "description": "heavy-ball momentum"},
                "weight_decay": _WEIGHT_DECAY,
            },
        ),
        "adam": Entry(
            "adam:Adam",
            "Adam (Kingma and Ba, 2015)",
            {
                "beta1": {**_FRACTION, "default": 0.9, "description": "decay of the first moment"},
                "beta2": {
                    **_FRACTION,
                    "default": 0.999,
                    "description": "decay of the second moment",
                },
                "epsilon": {
                    "type": "number",
                    "exclusiveMinimum": 0,
                    "default": 1.0e-8,
                    "description": "constant added to the square root of the second moment",
                },
                "weight_decay": _WEIGHT_DECAY,
            },
        ),
    },
)
