"""Data sets. To add one, write a function that returns a `Dataset` and add an entry below.

The function's keyword arguments are the options declared in its entry; defaults belong there, not
in the function. The rule prepare_dataset calls it once and writes a parquet file, which all later
rules read.
"""

from ..config.registry import Entry, Registry

_FILES = {"type": ["string", "array", "null"], "items": {"type": "string"}, "minItems": 1}
_CLASSES = {
    "type": ["integer", "null"],
    "minimum": 1,
    "maximum": 32768,
    "default": None,
    "description": "number of classes; null for the largest label plus 1",
}
_COUNT = {"type": ["integer", "null"], "minimum": 1, "default": None}

_STANDARDISE = {
    "default": None,
    "description": "subtract each channel's mean from the inputs and divide by its standard "
    "deviation, either `measured` on the training split or given; null for no standardisation",
    "anyOf": [
        {"type": "null"},
        {"type": "string", "enum": ["measured"]},
        {
            "type": "object",
            "required": ["mean", "deviation"],
            "properties": {
                "mean": {
                    "type": "array",
                    "minItems": 1,
                    "items": {"type": "number"},
                    "description": "one mean per channel, in units of scale",
                },
                "deviation": {
                    "type": "array",
                    "minItems": 1,
                    "items": {"type": "number", "exclusiveMinimum": 0},
                    "description": "one standard deviation per channel, in units of scale",
                },
            },
        },
    ],
}


class DatasetRegistry(Registry):
    """The registry of data sets; every block has the option ``standardise``."""

    def build(self, block: dict, *arguments, **others):
        """Return the `Dataset` that a block describes, standardised if the block asks for it."""
        options = self.complete(block)
        standardise = options.pop("standardise")
        data = self.get(options.pop("name"))(*arguments, **options, **others)
        return data.standardised_as(standardise)


REGISTRY = DatasetRegistry(
    "dataset",
    __name__,
    {
        "cifar10": Entry(
            "cifar10:cifar10",
            "CIFAR-10: 50,000 training and 10,000 test images, downloaded unless they are in the "
            "data folder",
        ),
        "digits": Entry(
            "digits:digits",
            "the 8 x 8 digits of scikit-learn: 1,437 training and 360 test images, no download",
        ),
        "mnist": Entry(
            "mnist:mnist",
            "MNIST: 60,000 training and 10,000 test images, downloaded unless they are in the data "
            "folder",
        ),
        "module": Entry(
            "module:build",
            "your own data, made by a Python function: images, uint8 (n, height, width[, "
            "channels]), scaled by 1/255; or floats of any shape (n, ...), which the network gets "
            "as they are; with class labels (n,), or with floats as targets of another loss",
            {
                "target": {
                    "type": "string",
                    "description": "a function, or what it would return: {train: (inputs, "
                    "targets), test: (inputs, targets)}, a tuple of these two, or a Dataset of "
                    "lmc_ot; package.module:name, or file.py:name with a path beside the config. "
                    "Inputs and targets are torch tensors or numpy arrays; instead of such a pair, "
                    "a torch Dataset, or a list of batches (inputs, targets)",
                },
                "arguments": {
                    "type": "object",
                    "default": {},
                    "additionalProperties": {"description": "any value"},
                    "description": "keyword arguments of the function",
                },
                "classes": _CLASSES,
            },
        ),
        "parquet": Entry(
            "parquet:parquet",
            "your own images: parquet files with a column of images (PNG or JPEG files as binary "
            "or as a struct of bytes and path, or raw pixels as a list of uint8) and a column of "
            "labels (integers from 0, or strings)",
            {
                "train": {
                    **_FILES,
                    "default": None,
                    "description": "the training files: a name or pattern (train-*.parquet), or a "
                    "list of them, relative to the data folder or absolute; requires test",
                },
                "test": {
                    **_FILES,
                    "default": None,
                    "description": "the test files, in the format of train",
                },
                "files": {
                    **_FILES,
                    "default": None,
                    "description": "instead of train and test: files with a column `split`, whose "
                    "values are train or test",
                },
                "folder": {
                    "type": ["string", "null"],
                    "default": None,
                    "description": "instead of train and test: a folder in the layout of data "
                    "hubs, with files such as train-00000-of-00002.parquet and "
                    "test-00000-of-00001.parquet",
                },
                "image_column": {
                    "type": ["string", "null"],
                    "default": None,
                    "description": "the column of images; null for the one named image, img or "
                    "pixel_values",
                },
                "label_column": {
                    "type": ["string", "null"],
                    "default": None,
                    "description": "the column of labels; null for the one named label, labels or "
                    "fine_label",
                },
                "shape": {
                    "type": ["array", "null"],
                    "items": {"type": "integer", "minimum": 1},
                    "minItems": 2,
                    "maxItems": 3,
                    "default": None,
                    "description": "[height, width] or [height, width, channels] of the images; "
                    "required for raw pixels; null for the shape of the first image",
                },
                "classes": _CLASSES,
                "scale": {
                    "type": "number",
                    "exclusiveMinimum": 0,
                    "default": 255.0,
                    "description": "the pixel value that is scaled to 1",
                },
                "train_examples": {
                    **_COUNT,
                    "description": "number of training examples to read, from the first on; null "
                    "for all",
                },
                "test_examples": {
                    **_COUNT,
                    "description": "number of test examples to read, from the first on; null for "
                    "all",
                },
            },
        ),
    },
    shared={"standardise": _STANDARDISE},
)
