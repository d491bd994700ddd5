"""Matchers. A new one is one file with a class, and one line here.

A matcher says how alike two units are; `solver` turns that into permutations. The class is
documented in `matcher`. Its keyword arguments are the options declared with its line, and it has no
defaults of its own.
"""

from dataclasses import dataclass

from ..config.registry import Entry, Registry


@dataclass(frozen=True)
class MatcherEntry(Entry):
    """One line of this registry.

    Parameters
    ----------
    activations
        Whether it takes statistics of the activations. One that reads weights alone is given
        neither activations nor the data set, and does not depend on them.
    """

    activations: bool = True


REGISTRY = Registry(
    "matcher",
    __name__,
    {
        "identity": MatcherEntry(
            "identity:Identity", "no matching, the baseline", activations=False
        ),
        "naive_wm": MatcherEntry(
            "naive_wm:NaiveWeightMatching",
            "weight matching by incoming weights: minimises ||W_A - P W_B||_F^2",
            activations=False,
        ),
        "sigma_wm": MatcherEntry(
            "sigma_wm:SigmaWeightMatching",
            "weight matching weighted by the second moment of A's activations: the paper's own",
        ),
        "am": MatcherEntry(
            "am:ActivationMatching",
            "activation matching: minimises ||Z_A - P Z_B||_F^2 over the training examples",
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
