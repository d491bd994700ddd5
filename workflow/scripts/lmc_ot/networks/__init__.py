"""Networks. To add one, write a `torch.nn.Module` and add an entry below.

Its arguments are the image shape and the number of classes (for other targets than classes, of
values in a target), which come from the data set, and as keywords the options declared in its
entry; defaults belong there, not in the class. Its forward maps float32 images (n, channels,
height, width), or the user's inputs (n, ...), to logits (n, classes). If it has a method
``initialise``, this draws its initial parameters from a numpy generator; otherwise those of torch
are used, with a seed of their own.
"""

from dataclasses import dataclass

from ..config.registry import Entry, Registry


@dataclass(frozen=True)
class NetworkEntry(Entry):
    """An entry of this registry.

    Parameters
    ----------
    dense
        Whether all layers are dense. If not, the statistics of the network's activations are
        computed on the fly unless the config says otherwise.
    """

    dense: bool = False


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
_COUNT = {"type": "integer", "minimum": 1}
_WIDTHS = {"type": "array", "items": _COUNT, "minItems": 1}


def _count(default: int, description: str) -> dict:
    return {**_COUNT, "default": default, "description": description}


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
            dense=True,
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
        ),
        "vgg16": NetworkEntry(
            "vgg16:VGG16",
            "VGG16: 13 convolutions in five groups of m, 2m, 4m, 8m and 8m channels, and a head "
            "of two hidden layers of 8m units",
            {
                "width": _count(64, "the width m; 64 is that of the original VGG16"),
                "norm": _NORM,
                "initialiser": _INITIALISER,
            },
        ),
        "resnet20": NetworkEntry(
            "resnet20:ResNet20",
            "ResNet20 for small images: nine residual blocks of two 3 x 3 convolutions, in three "
            "stages of 16, 32 and 64 channels",
            {
                "width": {
                    "type": "number",
                    "exclusiveMinimum": 0,
                    "default": 1,
                    "description": "multiplies the numbers of channels; may be a fraction",
                },
                "norm": _NORM,
                "shortcuts": {
                    "enum": ["padded", "projected"],
                    "default": "padded",
                    "description": "where the shape changes, shortcuts take every other position "
                    "and add channels of zeros, or are 1 x 1 convolutions with a norm",
                },
                "initialiser": _INITIALISER,
            },
        ),
        "vit": NetworkEntry(
            "vit:ViT",
            "vision transformer for small images, with a class token and the initial parameters "
            "of torch",
            {
                "patch": _count(4, "side of a patch; must divide the sides of an image"),
                "depth": _count(4, "number of blocks"),
                "heads": _count(4, "number of heads of a block; must divide the width"),
                "width": _count(
                    64, "number of units of a token; hidden layers have four times as many"
                ),
            },
        ),
        "module": NetworkEntry(
            "module:build",
            "any torch.nn.Module that maps images (n, channels, height, width), or your own "
            "inputs, to logits, or to what your loss expects",
            {
                "target": {
                    "type": "string",
                    "description": "a class, or a function that returns a module: "
                    "package.module:name, or file.py:name with a path beside the config",
                },
                "arguments": {
                    "type": "object",
                    "default": {},
                    "additionalProperties": {"description": "any value"},
                    "description": "keyword arguments of the target, such as the number of classes",
                },
                "channels": {
                    "type": ["integer", "null"],
                    "minimum": 1,
                    "default": None,
                    "description": "number of channels to which grey images are repeated; null "
                    "leaves images as they are",
                },
            },
        ),
    },
)
