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
        Which tables of its experiment the panel is made from: names of rules/functions/figures.smk.
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

REGISTRY = Registry(
    "panel",
    __name__,
    {
        "matching": PanelEntry(
            "matching:tabulate",
            "A permutation of the hidden units brings network B onto network A: each "
            "unit drawn as its incoming and outgoing weights, with the colour of its match.",
            {"matcher": _MATCHER},
            sources=("dataset", "checkpoints", "permutations"),
            convolutional=False,
        ),
        "approximate_dimension": PanelEntry(
            "approximate_dimension:tabulate",
            "Approximate dimension of the covariance that drives each matcher, against "
            "the swept value (in the paper's runs, the learning rate): mean over networks, band "
            "of one standard deviation; hollow, published numbers if there are any.",
            {"centred": _CENTRED},
            sources=("dimensions", "history"),
        ),
        "dimension_by_layer": PanelEntry(
            "dimension_by_layer:tabulate",
            "Approximate dimension of the covariance that drives each matcher, by layer, one line "
            "per setting: mean over networks, band of one standard deviation.",
            {"centred": _CENTRED},
            sources=("dimensions", "history"),
        ),
        "lmc_error": PanelEntry(
            "lmc_error:tabulate",
            "LMC error (loss at the midpoint of the path) against the swept value (in the "
            "paper's runs, the learning rate): mean over pairs, band of one standard deviation; "
            "dashed, mean of the endpoints; hollow, published numbers if there are any.",
            {"split": _SPLIT},
            sources=("results",),
        ),
        "dimension_against_error": PanelEntry(
            "dimension_against_error:tabulate",
            "Approximate dimension (geometric mean over the layers of network A) against LMC "
            "error (loss at the midpoint of the path): one point per pair of networks and matcher. "
            "A line joins the matchers on one pair of networks; darker means a larger "
            "swept value (in the paper's runs, a larger learning rate).",
            {"split": _SPLIT, "centred": _CENTRED},
            sources=("results",),
        ),
        "dimension_correlation": PanelEntry(
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
        "along_path": PanelEntry(
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
        "all_pairs": PanelEntry(
            "all_pairs:tabulate",
            "LMC error over all pairs of networks (not only 0 and 1, 2 and 3, ...) against the "
            "swept value (in the paper's runs, the learning rate): mean, with bootstrap "
            "intervals of the mean over resampled networks; dashed, mean of the endpoints.",
            {"split": _SPLIT, **_BOOTSTRAP},
            sources=("midpoints",),
        ),
        "ranking": PanelEntry(
            "ranking:tabulate",
            "Ratio of two matchers' LMC errors, means over all pairs of networks, against the "
            "swept value (in the paper's runs, the learning rate), with bootstrap intervals over "
            "resampled networks. Below 1 the first matcher is better; an interval that contains 1 "
            "is inconclusive.",
            {"split": _SPLIT, **_BOOTSTRAP},
            sources=("midpoints",),
        ),
        "independence": PanelEntry(
            "independence:tabulate",
            "How far the neurons of a layer are from independent: distance (1-Wasserstein, in "
            "standard deviations) of the cosines between their weight vectors from those of "
            "neurons of two networks trained separately (first layer), and of a layer "
            "whose entries are reshuffled; dotted, the value for independent neurons. Mean over "
            "networks, band of one standard deviation.",
            {},
            sources=("checkpoints", "history"),
        ),
    },
    shared={"experiment": {"type": "string", "description": "the experiment that is shown"}},
)
