"""Networks. A new one is one file with a class, and one line here.

The class is documented in `network`. Its keyword arguments are the options declared with its
line, after the input shape and the number of classes, which the data set gives; it has no defaults
of its own.
"""

from dataclasses import dataclass

from ..config.registry import Entry, Registry


@dataclass(frozen=True)
class NetworkEntry(Entry):
    """One line of this registry.

    Parameters
    ----------
    convolutional
        Whether it has convolutions: its statistics are streamed unless the config says otherwise.
    """

    convolutional: bool = False


_INITIALISER = {
    "enum": ["lecun_normal", "lecun_uniform"],
    "default": "lecun_normal",
    "description": "law of the initial weights, variance 1 / fan-in; biases are 0",
}
_NORM = {
    "enum": ["layer", "batch", "none"],
    "default": "layer",
    "description": "between a convolution and its relu: over channels at every position, over the "
    "batch, or nothing",
}
_WIDTHS = {"type": "array", "items": {"type": "integer", "minimum": 1}, "minItems": 1}

REGISTRY = Registry(
    "network",
    __name__,
    {
        "mlp": NetworkEntry(
            "mlp:MLP",
            "multilayer perceptron with relu; an image is flattened",
            {
                "hidden_widths": {
                    **_WIDTHS,
                    "default": [512, 512, 512],
                    "description": "units of each hidden layer",
                },
                "initialiser": _INITIALISER,
            },
        ),
        "convnet": NetworkEntry(
            "convolutional:Convolutional",
            "groups of 3 x 3 convolutions with relu, each group max-pooled, and a dense head",
            {
                "groups": {
                    "type": "array",
                    "items": _WIDTHS,
                    "minItems": 1,
                    "default": [[16, 16], [32, 32]],
                    "description": "channels of the convolutions, group by group",
                },
                "head": {
                    **_WIDTHS,
                    "default": [64],
                    "description": "units of the head's hidden layers",
                },
                "norm": _NORM,
                "initialiser": _INITIALISER,
            },
            convolutional=True,
        ),
        "vgg16": NetworkEntry(
            "vgg16:VGG16",
            "VGG16 of 13 convolutions, m | 2m | 4m | 8m | 8m wide, and a head 8m - 8m",
            {
                "width": {
                    "type": "integer",
                    "minimum": 1,
                    "default": 64,
                    "description": "m; 64 is 1x",
                },
                "norm": _NORM,
                "initialiser": _INITIALISER,
            },
            convolutional=True,
        ),
    },
)
