"""Data sets. A new one is one file with a function that returns a `Dataset`, and one line here.

The function's keyword arguments are the options declared with its line. It is called once, by
the rule prepare_dataset; everything after reads the parquet file that rule writes.
"""

from ..registry import Entry, Registry

REGISTRY = Registry(
    "dataset",
    __name__,
    {
        "digits": Entry(
            "digits:digits",
            "8 x 8 digits that ship inside scikit-learn: 1,437 train, 360 test, no download",
        ),
        "mnist": Entry(
            "mnist:mnist",
            "MNIST: 60,000 train, 10,000 test; downloaded, or found in the data folder",
        ),
    },
)
