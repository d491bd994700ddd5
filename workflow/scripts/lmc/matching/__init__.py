"""Matchers. A new one is one file with a class, and one line here.

A matcher says how alike two units are; `solver` turns that into permutations. The class is
documented in `matcher`. Its keyword arguments are the options declared with its line.
"""

from ..registry import Entry, Registry

REGISTRY = Registry(
    "matcher",
    __name__,
    {
        "identity": Entry("identity:Identity"),
        "naive_wm": Entry("naive_wm:NaiveWeightMatching"),
        "sigma_wm": Entry("sigma_wm:SigmaWeightMatching"),
        "am": Entry(
            "am:ActivationMatching",
            {
                "centred": {
                    "type": "boolean",
                    "default": True,
                    "description": "cross covariance (the published runs) or, if false, "
                    "uncentred cross second moment (the paper's formula)",
                }
            },
        ),
    },
)
