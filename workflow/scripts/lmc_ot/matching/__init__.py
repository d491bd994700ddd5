"""Matchers. To add one, write a subclass of a base class and add an entry below.

`layerwise.LayerwiseMatcher` asks for the similarity of the units of two networks, group by group;
`iterative.IterativeMatcher` also for an objective, and visits the groups until it no longer rises;
`matcher.Matcher` leaves everything to the class. The keyword arguments of the class are the options
declared in its entry; defaults belong there, not in the class.
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
        "weight_matching": MatcherEntry(
            "weight_matching:WeightMatching",
            "Git Re-Basin's weight matching: maximises the product of all trained parameters by "
            "coordinate ascent over the groups in random order",
            {
                "starts": {
                    "type": "integer",
                    "minimum": 1,
                    "default": 3,
                    "description": "number of starts, of which the best is kept; the first is the "
                    "identity, the second the result of naive_wm, the others are random",
                },
                "sweeps": {
                    "type": "integer",
                    "minimum": 1,
                    "default": 100,
                    "description": "largest number of visits to every group",
                },
            },
            activations=False,
        ),
        "sigma_wm": MatcherEntry(
            "sigma_wm:SigmaWeightMatching",
            "the paper's proposed weight matching, weighted by the second moment of the "
            "activations of network A",
            {
                "centred": {
                    "type": "boolean",
                    "default": False,
                    "description": "true subtracts the means, as batch norm does; false is the "
                    "paper's formula",
                }
            },
        ),
        "am": MatcherEntry(
            "am:ActivationMatching",
            "activation matching: minimises ||Z_A - P Z_B||_F^2 over the training examples",
            {
                "statistic": {
                    "enum": ["covariance", "second_moment", "correlation"],
                    "default": "covariance",
                    "description": "moment of the activations of A and B: covariance as in the "
                    "published runs, the uncentred second moment as in the paper's formula, or "
                    "correlation as in Git Re-Basin's code",
                }
            },
        ),
    },
)
