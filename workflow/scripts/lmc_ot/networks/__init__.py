"""Networks. To add one, write a subclass of `network.Network` and add an entry below.

Its arguments are the image shape and the number of classes, which come from the data set, and as
keywords the options declared in its entry; defaults belong there, not in the class.
"""

from dataclasses import dataclass

from ..config.registry import Entry, Registry


@dataclass(frozen=True)
class NetworkEntry(Entry):
    """An entry of this registry.

    Parameters
    ----------
    convolutional
        Whether the network has convolutions. If so, the statistics of its activations are computed
        on the fly unless the config says otherwise.
    """

    convolutional: bool = False


_INITIALISER = {
    "enum": ["lecun_normal", "lecun_uniform"],
    "default": "lecun_normal",
    "description": "distribution of the initial weights, with variance 1 / fan-in; biases are 0",
}
_NORM = {
    "enum": ["layer", "batch", "none"],
    "default": "layer",
    "description": "normalisation between a convolution and its ReLU: over the channels at each "
    "position, over the batch, or none",
}
_WIDTHS = {"type": "array", "items": {"type": "integer", "minimum": 1}, "minItems": 1}

REGISTRY = Registry(
    "network",
    __name__,
    {
        "mlp": NetworkEntry(
            "mlp:MLP",
            "multilayer perceptron with ReLU; images are flattened",
            {
                "hidden_widths": {
                    **_WIDTHS,
                    "default": [512, 512, 512],
                    "description": "number of units of each hidden layer",
                },
                "initialiser": _INITIALISER,
            },
        ),
        "convnet": NetworkEntry(
            "convolutional:Convolutional",
            "groups of 3 x 3 convolutions with ReLU, max-pooling after each group, and a dense "
            "head",
            {
                "groups": {
                    "type": "array",
                    "items": _WIDTHS,
                    "minItems": 1,
                    "default": [[16, 16], [32, 32]],
                    "description": "number of channels of each convolution, group by group",
                },
                "head": {
                    **_WIDTHS,
                    "default": [64],
                    "description": "number of units of each hidden layer of the head",
                },
                "norm": _NORM,
                "initialiser": _INITIALISER,
            },
            convolutional=True,
        ),
        "vgg16": NetworkEntry(
            "vgg16:VGG16",
            "VGG16: 13 convolutions in five groups of m, 2m, 4m, 8m and 8m channels, and a head "
            "of two hidden layers of 8m units",
            {
                "width": {
                    "type": "integer",
                    "minimum": 1,
                    "default": 64,
                    "description": "the width m; 64 is that of the original VGG16",
                },
                "norm": _NORM,
                "initialiser": _INITIALISER,
            },
            convolutional=True,
        ),
    },
)
