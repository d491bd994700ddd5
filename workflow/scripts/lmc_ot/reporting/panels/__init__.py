"""Panels of figures. A new one is two files of one name and one line here.

``panels/<name>.py`` has ``tabulate``, which makes the panel's table from the result tables, and
takes the options declared with the panel's line, without defaults of its own;
``figures/<name>.py`` has ``draw``, which draws that table and computes nothing.
"""

from dataclasses import dataclass

from ...config.registry import Entry, Registry


@dataclass(frozen=True)
class PanelEntry(Entry):
    """One line of this registry.

    Parameters
    ----------
    sources
        Which tables of its experiments the panel is made from: names of
        rules/functions/figures.smk.
    convolutional
        Whether it can show networks with convolutions.

    The schema of an option may have ``captions``, value -> the sentence on it in a caption.
    """

    sources: tuple[str, ...] = ()
    convolutional: bool = True


_MATCHER = {
    "type": "string",
    "default": "naive_wm",
    "description": "which of the experiment's matchers to show",
}
_SPLIT = {
    "enum": ["test", "train"],
    "default": "test",
    "description": "the split that the losses are taken on",
    "captions": {"train": "On training examples."},
}
_BOOTSTRAP = {
    "resamples": {
        "type": "integer",
        "minimum": 100,
        "maximum": 1_000_000,
        "default": 10_000,
        "description": "number of bootstrap resamples of the networks",
    },
    "confidence": {
        "type": "number",
        "exclusiveMinimum": 0,
        "exclusiveMaximum": 1,
        "default": 0.95,
        "description": "confidence level of the intervals",
    },
}
_CENTRED = {
    "type": "boolean",
    "default": False,
    "description": "take the dimensions of the centred covariances",
    "captions": {True: "Of centred covariances."},
}

_EXPERIMENTS = {
    "experiments": {
        "type": "array",
        "minItems": 1,
        "uniqueItems": True,
        "items": {"type": "string", "description": "an experiment"},
        "description": "the experiments that are compared, all with the same axis",
    }
}
_QUANTITY = {
    "enum": ["matched_distance", "barrier"],
    "default": "barrier",
    "description": "whose slopes are shown: of the squared distance of matched layers, or of the "
    "loss barrier at the midpoint",
    "captions": {
        "matched_distance": "Here: the squared distance of matched layers, as a share of their "
        "squared norms, in the norm that the matcher minimises; predicted, $-2/d$.",
        "barrier": "Here: the loss barrier at the midpoint, means over all pairs; predicted, "
        "$-1/d$ with the geometric mean over the layers.",
    },
}
_OF_SIZES = ("midpoints", "all_objectives", "dimensions")


def _of_one(target: str, description: str, options: dict, **others) -> PanelEntry:
    """A panel of one experiment."""
    experiment = {"type": "string", "description": "the experiment that is shown"}
    return PanelEntry(target, description, {"experiment": experiment, **options}, **others)


REGISTRY = Registry(
    "panel",
    __name__,
    {
        "matching": _of_one(
            "matching:tabulate",
            "A permutation of the hidden units brings network B onto network A: each "
            "unit drawn as its incoming and outgoing weights, with the colour of its match.",
            {"matcher": _MATCHER},
            sources=("dataset", "checkpoints", "permutations"),
            convolutional=False,
        ),
        "approximate_dimension": _of_one(
            "approximate_dimension:tabulate",
            "Approximate dimension of the covariance that drives each matcher, against "
            "the swept value (in the paper's runs, the learning rate): mean over networks, band "
            "of one standard deviation; hollow, published numbers if there are any.",
            {"centred": _CENTRED},
            sources=("dimensions", "history"),
        ),
        "dimension_by_layer": _of_one(
            "dimension_by_layer:tabulate",
            "Approximate dimension of the covariance that drives each matcher, by layer, one line "
            "per setting: mean over networks, band of one standard deviation.",
            {"centred": _CENTRED},
            sources=("dimensions", "history"),
        ),
        "lmc_error": _of_one(
            "lmc_error:tabulate",
            "LMC error (loss at the midpoint of the path) against the swept value (in the "
            "paper's runs, the learning rate): mean over pairs, band of one standard deviation; "
            "dashed, mean of the endpoints; hollow, published numbers if there are any.",
            {"split": _SPLIT},
            sources=("results",),
        ),
        "dimension_against_error": _of_one(
            "dimension_against_error:tabulate",
            "Approximate dimension (geometric mean over the layers of network A) against LMC "
            "error (loss at the midpoint of the path): one point per pair of networks and matcher. "
            "A line joins the matchers on one pair of networks; darker means a larger "
            "swept value (in the paper's runs, a larger learning rate).",
            {"split": _SPLIT, "centred": _CENTRED},
            sources=("results",),
        ),
        "dimension_correlation": _of_one(
            "dimension_correlation:tabulate",
            "Spearman's rank correlation of approximate dimension and error. Within a setting (in "
            "the paper's runs, a learning rate), over matchers and pairs: does the matcher with "
            "the smaller dimension have the smaller error on the same networks? This is the "
            "paper's claim. Within a matcher, over settings and pairs: does a setting with smaller "
            "dimensions give smaller errors? Pooled: both at once. Filled: LMC error; hollow: loss "
            "barrier as a share of the barrier without matching. Bars: bootstrap intervals over "
            "resampled pairs of networks.",
            {"split": _SPLIT, "centred": _CENTRED, **_BOOTSTRAP},
            sources=("results",),
        ),
        "along_path": _of_one(
            "along_path:tabulate",
            "Loss or accuracy along the path from network A (t = 0) to permuted network B (t = 1), "
            "by setting: mean over pairs, band of one standard deviation.",
            {
                "split": _SPLIT,
                "metric": {
                    "enum": ["loss", "accuracy"],
                    "default": "loss",
                    "description": "the metric to show",
                    "captions": {"loss": "Here: loss.", "accuracy": "Here: accuracy."},
                },
            },
            sources=("path",),
        ),
        "all_pairs": _of_one(
            "all_pairs:tabulate",
            "LMC error over all pairs of networks (not only 0 and 1, 2 and 3, ...) against the "
            "swept value (in the paper's runs, the learning rate): mean, with bootstrap "
            "intervals of the mean over resampled networks; dashed, mean of the endpoints.",
            {"split": _SPLIT, **_BOOTSTRAP},
            sources=("midpoints",),
        ),
        "barrier": _of_one(
            "barrier:tabulate",
            "Loss barrier at the midpoint, over all pairs of networks, against the swept value: "
            "mean, with bootstrap intervals of the mean over resampled networks.",
            {"split": _SPLIT, **_BOOTSTRAP},
            sources=("midpoints",),
        ),
        "ranking": _of_one(
            "ranking:tabulate",
            "Ratio of two matchers' LMC errors, means over all pairs of networks, against the "
            "swept value (in the paper's runs, the learning rate), with bootstrap intervals over "
            "resampled networks. Below 1 the first matcher is better; an interval that contains 1 "
            "is inconclusive.",
            {"split": _SPLIT, **_BOOTSTRAP},
            sources=("midpoints",),
        ),
        "independence": _of_one(
            "independence:tabulate",
            "How far the neurons of a layer are from independent: distance (1-Wasserstein, in "
            "standard deviations) of the cosines between their weight vectors from those of "
            "neurons of two networks trained separately (first layer), and of a layer "
            "whose entries are reshuffled; dotted, the value for independent neurons. Mean over "
            "networks, band of one standard deviation.",
            {},
            sources=("checkpoints", "history"),
        ),
        "matched_distance": _of_one(
            "matched_distance:tabulate",
            "Squared distance of a layer of network A and of permuted network B, as a share of the "
            "sum of their squared norms, in the norm that the matcher minimises, against the swept "
            "value: mean over all pairs, with bootstrap intervals over resampled networks.",
            _BOOTSTRAP,
            sources=_OF_SIZES,
        ),
        "slopes": PanelEntry(
            "slopes:tabulate",
            "Measured against predicted slope of the logarithm of a quantity over that of the "
            "swept value, one point per experiment, matcher and layer, on the diagonal where they "
            "agree. Filled: with the approximate dimension d at the largest value; hollow: with "
            "that of the centred Gram matrix. Bars: bootstrap intervals over resampled networks.",
            {**_EXPERIMENTS, "quantity": _QUANTITY, "split": _SPLIT, **_BOOTSTRAP},
            sources=_OF_SIZES,
        ),
        "readings": PanelEntry(
            "readings:tabulate",
            "Which reading of the theorems predicts the measured slopes best: root of the mean "
            "squared difference of predicted and measured slopes, over experiments and matchers. "
            "Bars: bootstrap intervals over resampled networks.",
            {**_EXPERIMENTS, "quantity": _QUANTITY, "split": _SPLIT, **_BOOTSTRAP},
            sources=_OF_SIZES,
        ),
        "size_needed": PanelEntry(
            "size_needed:tabulate",
            "The value of the axis at which the loss barrier is a small share of that without "
            "matching. Filled: from the measured curve, beyond the largest measured value (dotted) "
            "on its fitted line; hollow: from the share at the largest value and the slope "
            "$-1/d$. Bars: bootstrap intervals over resampled networks.",
            {
                **_EXPERIMENTS,
                "share": {
                    "type": "number",
                    "exclusiveMinimum": 0,
                    "exclusiveMaximum": 1,
                    "default": 0.01,
                    "description": "the share of the barrier without matching",
                },
                "split": _SPLIT,
                **_BOOTSTRAP,
            },
            sources=_OF_SIZES,
        ),
    },
)
