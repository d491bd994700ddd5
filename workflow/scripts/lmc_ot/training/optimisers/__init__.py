"""Optimisers of an ensemble. A new one is one file with a class, and one line here.

The class is documented in `optimiser`. Its keyword arguments are the options declared with its
line, and it has no defaults of its own.
"""

from ...config.registry import Entry, Registry

_FRACTION = {"type": "number", "minimum": 0, "exclusiveMaximum": 1}
_WEIGHT_DECAY = {
    "type": "number",
    "minimum": 0,
    "default": 0.0,
    "description": "L2 penalty, added to the gradient",
}

REGISTRY = Registry(
    "optimiser",
    __name__,
    {
        "sgd": Entry(
            "sgd:SGD",
            "stochastic gradient descent",
            {
                "momentum": {**_FRACTION, "default": 0.9, "description": "heavy-ball momentum"},
                "weight_decay": _WEIGHT_DECAY,
            },
        ),
        "adam": Entry(
            "adam:Adam",
            "Adam",
            {
                "beta1": {**_FRACTION, "default": 0.9, "description": "decay of the mean"},
                "beta2": {**_FRACTION, "default": 0.999, "description": "decay of the square"},
                "epsilon": {
                    "type": "number",
                    "exclusiveMinimum": 0,
                    "default": 1.0e-8,
                    "description": "added to the root of the second moment",
                },
                "weight_decay": _WEIGHT_DECAY,
            },
        ),
    },
)
