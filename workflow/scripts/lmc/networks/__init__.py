"""Networks. A new one is one file with a class, and one line here.

The class is documented in `network`. Its keyword arguments are the options declared with its
line, after the input shape and the number of classes, which the data set gives.
"""

from ..registry import Entry, Registry

REGISTRY = Registry(
    "network",
    __name__,
    {
        "mlp": Entry(
            "mlp:MLP",
            "multilayer perceptron with relu; an image is flattened",
            {
                "hidden_widths": {
                    "type": "array",
                    "items": {"type": "integer", "minimum": 1},
                    "minItems": 1,
                    "default": [512, 512, 512],
                    "description": "units of each hidden layer",
                },
                "initialiser": {
                    "enum": ["lecun_normal", "lecun_uniform"],
                    "default": "lecun_normal",
                    "description": "law of the initial weights, variance 1 / fan-in; biases are 0",
                },
            },
        ),
    },
)
