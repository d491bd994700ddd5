"""Data sets. A new one is one file with a function that returns a `Dataset`, and one line here.

The function's keyword arguments are the options declared with its line, and it has no defaults of
its own. It is called once, by the rule prepare_dataset; everything after reads the parquet file
that rule writes.
"""

from ..config.registry import Entry, Registry

_FILES = {"type": ["string", "array", "null"], "items": {"type": "string"}, "minItems": 1}
_COUNT = {"type": ["integer", "null"], "minimum": 1, "default": None}

_STANDARDISE = {
    "default": None,
    "description": "subtract each channel's mean from the inputs and divide by its standard "
    "deviation: `measured` on the training split, or by given values; null for no standardisation",
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
                    "description": "one mean per channel, of pixels divided by scale",
                },
                "deviation": {
                    "type": "array",
                    "minItems": 1,
                    "items": {"type": "number", "exclusiveMinimum": 0},
                    "description": "one standard deviation per channel",
                },
            },
        },
    ],
}


class DatasetRegistry(Registry):
    """Data sets: a block says of any of them how its inputs are standardised."""

    def build(self, block: dict, *arguments, **others):
        """The `Dataset` that a block describes, standardised if the block says so."""
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
            "CIFAR-10: 50,000 train, 10,000 test; downloaded, or found in the data folder",
        ),
        "digits": Entry(
            "digits:digits",
            "8 x 8 digits that ship inside scikit-learn: 1,437 train, 360 test, no download",
        ),
        "mnist": Entry(
            "mnist:mnist",
            "MNIST: 60,000 train, 10,000 test; downloaded, or found in the data folder",
        ),
        "parquet": Entry(
            "parquet:parquet",
            "your own images: parquet files with a column of images (PNG or JPEG files, as binary "
            "or as a struct of bytes and path; or raw pixels as a list of uint8) and one of labels "
            "(integers from 0, or strings)",
            {
                "train": {
                    **_FILES,
                    "default": None,
                    "description": "the training files: names or patterns (train-*.parquet), one "
                    "or a list, relative to the data folder or absolute; needs test",
                },
                "test": {**_FILES, "default": None, "description": "the test files, as train"},
                "files": {
                    **_FILES,
                    "default": None,
                    "description": "instead of train and test: files with a column split "
                    "(train or test)",
                },
                "folder": {
                    "type": ["string", "null"],
                    "default": None,
                    "description": "instead of train and test: a folder as data hubs have it, with "
                    "files train-00000-of-00002.parquet, test-00000-of-00001.parquet and the like",
                },
                "image_column": {
                    "type": ["string", "null"],
                    "default": None,
                    "description": "the column of images; null for the one that is named image, "
                    "img or pixel_values",
                },
                "label_column": {
                    "type": ["string", "null"],
                    "default": None,
                    "description": "the column of labels; null for the one that is named label, "
                    "labels or fine_label",
                },
                "shape": {
                    "type": ["array", "null"],
                    "items": {"type": "integer", "minimum": 1},
                    "minItems": 2,
                    "maxItems": 3,
                    "default": None,
                    "description": "[height, width] or [height, width, channels] of an image; "
                    "required for raw pixels, null for that of the first image",
                },
                "classes": {
                    "type": ["integer", "null"],
                    "minimum": 1,
                    "maximum": 32768,
                    "default": None,
                    "description": "number of classes; null for the largest label + 1",
                },
                "scale": {
                    "type": "number",
                    "exclusiveMinimum": 0,
                    "default": 255.0,
                    "description": "the pixel value that stands for 1",
                },
                "train_examples": {
                    **_COUNT,
                    "description": "read only the first training examples, this many; null for all",
                },
                "test_examples": {
                    **_COUNT,
                    "description": "read only the first test examples, this many; null for all",
                },
            },
        ),
    },
    shared={"standardise": _STANDARDISE},
)
