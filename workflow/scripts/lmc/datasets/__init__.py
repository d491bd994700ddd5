"""Data sets. A new one is one file with a function that returns a `Dataset`, and one line here.

The function's keyword arguments are the options declared with its line. It is called once, by
the rule prepare_dataset; everything after reads the parquet file that rule writes.
"""

from ..registry import Entry, Registry

REGISTRY = Registry(
    "dataset",
    __name__,
    {
        "digits": Entry("digits:digits"),
        "mnist": Entry("mnist:mnist"),
    },
)
