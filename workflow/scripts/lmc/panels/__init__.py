"""Panels of figures. A new one is two files of one name and one line here.

``panels/<name>.py`` has ``tabulate``, which makes the panel's table from the result tables;
``figures/<name>.py`` has ``draw``, which draws that table and computes nothing. The sources are
the kinds of table that ``tabulate`` is given.
"""

from ..registry import Entry, Registry

_MATCHER = {
    "type": "string",
    "default": "naive_wm",
    "description": "which of the experiment's matchers to show",
}
_SPLIT = {
    "enum": ["test", "train"],
    "default": "test",
    "description": "the split that the losses are taken on",
}

REGISTRY = Registry(
    "panel",
    __name__,
    {
        "matching": Entry(
            "matching:tabulate", {"matcher": _MATCHER}, ("checkpoints", "permutations")
        ),
        "approximate_dimension": Entry(
            "approximate_dimension:tabulate",
            {
                "centred": {
                    "type": "boolean",
                    "default": False,
                    "description": "draw the dimensions of the centred covariances",
                }
            },
            ("dimensions", "history"),
        ),
        "lmc_error": Entry("lmc_error:tabulate", {"split": _SPLIT}, ("results",)),
        "dimension_against_error": Entry(
            "dimension_against_error:tabulate", {"split": _SPLIT}, ("results",)
        ),
        "loss_along_path": Entry(
            "loss_along_path:tabulate", {"split": _SPLIT}, ("path", "history")
        ),
    },
)
