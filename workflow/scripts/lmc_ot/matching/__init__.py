"""Matchers. To add one, write a subclass of `matcher.Matcher` and add an entry below.

A matcher defines the similarity of units of two networks; `solver` turns it into permutations. The
keyword arguments of the class are the options declared in its entry; defaults belong there, not in
the class.
"""

from dataclasses import dataclass

from ..config.registry import Entry, Registry


@dataclass(frozen=True)
class MatcherEntry(Entry):
    """An entry of this registry.

    Parameters
    ----------
    activations
        Whether the matcher uses statistics of the activations. If not, its jobs depend neither on
        activations nor on the data set.
    """

    activations: bool = True


REGISTRY = Registry(
    "matcher",
    __name__,
    {
        "identity": MatcherEntry(
            "identity:Identity", "no permutation, the baseline", activations=False
        ),
        "naive_wm": MatcherEntry(
            "naive_wm:NaiveWeightMatching",
            "the paper's naive weight matching, by incoming weights only: minimises "
            "||W_A - P W_B||_F^2; not Git Re-Basin's weight matching",
            activations=False,
        ),
        "sigma_wm": MatcherEntry(
            "sigma_wm:SigmaWeightMatching",
            "the paper's proposed weight matching, weighted by the second moment of the "
            "activations of network A",
        ),
        "am": MatcherEntry(
            "am:ActivationMatching",
            "activation matching: minimises ||Z_A - P Z_B||_F^2 over the training examples",
            {
                "centred": {
                    "type": "boolean",
                    "default": True,
                    "description": "true uses the cross-covariance, as in the published runs; "
                    "false the uncentred cross second moment, as in the paper's formula",
                }
            },
        ),
    },
)
