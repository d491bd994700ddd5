"""Panels of figures. To add one, write two files of the same name and add an entry below.

In ``panels/<name>.py``, the function ``tabulate`` computes the panel's table from the tables of
the run. Its keyword arguments are the options declared in the entry; defaults belong there, not in
the function. In ``figures/<name>.py``, the function ``draw`` draws that table without computing
anything.
"""

from dataclasses import dataclass

from ...config.registry import Entry, Registry


@dataclass(frozen=True)
class PanelEntry(Entry):
    """An entry of this registry.

    The description is the caption of the panel. The schema of an option may have ``captions``,
    which maps a value to a sentence that is appended to the caption.

    Parameters
    ----------
    sources
        The tables of its experiments from which the panel is computed, by the names in
        rules/functions/figures.smk.
    convolutional
        Whether the panel supports networks with convolutions.
    """

    sources: tuple[str, ...] = ()
    convolutional: bool = True


_MATCHER = {
    "type": "string",
    "default": "naive_wm",
    "description": "label of the matcher to show",
}
_SPLIT = {
    "enum": ["test", "train"],
    "default": "test",
    "description": "the split on which the losses are evaluated",
    "captions": {"train": "Losses are evaluated on training examples."},
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
    "description": "use the dimensions of the centred covariances",
    "captions": {True: "Dimensions are those of the centred covariances."},
}

_EXPERIMENTS = {
    "experiments": {
        "type": "array",
        "minItems": 1,
        "uniqueItems": True,
        "items": {"type": "string", "description": "an experiment"},
        "description": "the experiments to compare, which all sweep over the same key",
    }
}
_QUANTITY = {
    "enum": ["matched_distance", "barrier"],
    "default": "barrier",
    "description": "the quantity whose slopes are shown: the squared distance of matched layers, "
    "or the loss barrier at the midpoint",
    "captions": {
        "matched_distance": "The quantity is the squared distance of matched layers relative to "
        "their squared norms, in the norm that the matcher minimises; the predicted slope is "
        "$-2/d$.",
        "barrier": "The quantity is the loss barrier at the midpoint, averaged over all pairs of "
        "networks; the predicted slope is $-1/d$, where $d$ is the geometric mean of the "
        "dimensions of the layers.",
    },
}
_OF_SIZES = ("midpoints", "all_objectives", "dimensions")


def _of_one(target: str, description: str, options: dict, **others) -> PanelEntry:
    """Return the entry of a panel that shows one experiment."""
    experiment = {"type": "string", "description": "the experiment to show"}
    return PanelEntry(target, description, {"experiment": experiment, **options}, **others)


REGISTRY = Registry(
    "panel",
    __name__,
    {
        "matching": _of_one(
            "matching:tabulate",
            "A permutation of the hidden units aligns network B with network A. Each unit is shown "
            "by its incoming and outgoing weights; matched units have the same colour.",
            {"matcher": _MATCHER},
            sources=("dataset", "checkpoints", "permutations"),
            convolutional=False,
        ),
        "approximate_dimension": _of_one(
            "approximate_dimension:tabulate",
            "Approximate dimension (participation ratio) of the covariance that each matcher "
            "uses, against the swept value (in the paper, the learning rate). Lines are means over "
            "networks, bands show one standard deviation, and hollow markers show published "
            "numbers where available.",
            {"centred": _CENTRED},
            sources=("dimensions", "history"),
        ),
        "dimension_by_layer": _of_one(
            "dimension_by_layer:tabulate",
            "Approximate dimension (participation ratio) of the covariance that each matcher "
            "uses, by layer, with one line per setting. Lines are means over networks, and bands "
            "show one standard deviation.",
            {"centred": _CENTRED},
            sources=("dimensions", "history"),
        ),
        "lmc_error": _of_one(
            "lmc_error:tabulate",
            "LMC error (loss at the midpoint of the path) against the swept value (in the paper, "
            "the learning rate). Lines are means over pairs of networks, bands show one standard "
            "deviation, dashed lines the mean loss of the endpoints, and hollow markers published "
            "numbers where available.",
            {"split": _SPLIT},
            sources=("results",),
        ),
        "dimension_against_error": _of_one(
            "dimension_against_error:tabulate",
            "Approximate dimension (geometric mean over the layers of network A) against LMC "
            "error (loss at the midpoint of the path), with one point per pair of networks and "
            "matcher. Lines connect the matchers on the same pair; darker lines correspond to "
            "larger swept values (in the paper, larger learning rates).",
            {"split": _SPLIT, "centred": _CENTRED},
            sources=("results",),
        ),
        "dimension_correlation": _of_one(
            "dimension_correlation:tabulate",
            "Spearman's rank correlation of approximate dimension and error. Within a setting (in "
            "the paper, a learning rate), over matchers and pairs, it tells whether the matcher "
            "with the smaller dimension has the smaller error on the same networks, which is the "
            "paper's claim. Within a matcher, over settings and pairs, it tells whether settings "
            "with smaller dimensions have smaller errors. The pooled correlation is over all "
            "points. Filled markers show the LMC error, hollow markers the loss barrier relative "
            "to that without matching. Bars are bootstrap intervals over resampled pairs of "
            "networks.",
            {"split": _SPLIT, "centred": _CENTRED, **_BOOTSTRAP},
            sources=("results",),
        ),
        "along_path": _of_one(
            "along_path:tabulate",
            "Loss or accuracy along the path from network A (t = 0) to the permuted network B "
            "(t = 1), by setting. Lines are means over pairs of networks, and bands show one "
            "standard deviation.",
            {
                "split": _SPLIT,
                "metric": {
                    "enum": ["loss", "accuracy"],
                    "default": "loss",
                    "description": "the metric to show",
                    "captions": {
                        "loss": "The loss is shown.",
                        "accuracy": "The accuracy is shown.",
                    },
                },
            },
            sources=("path",),
        ),
        "all_pairs": _of_one(
            "all_pairs:tabulate",
            "LMC error over all pairs of networks (not only 0 and 1, 2 and 3, ...) against the "
            "swept value (in the paper, the learning rate). Markers are means, bars are bootstrap "
            "intervals of the mean over resampled networks, and dashed lines show the mean loss of "
            "the endpoints.",
            {"split": _SPLIT, **_BOOTSTRAP},
            sources=("midpoints",),
        ),
        "barrier": _of_one(
            "barrier:tabulate",
            "Loss barrier at the midpoint over all pairs of networks, against the swept value. "
            "Markers are means, and bars are bootstrap intervals of the mean over resampled "
            "networks.",
            {"split": _SPLIT, **_BOOTSTRAP},
            sources=("midpoints",),
        ),
        "ranking": _of_one(
            "ranking:tabulate",
            "Ratio of the LMC errors of two matchers, averaged over all pairs of networks, against "
            "the swept value (in the paper, the learning rate). Bars are bootstrap intervals over "
            "resampled networks. Below 1 the first matcher is better; an interval that contains 1 "
            "is inconclusive.",
            {"split": _SPLIT, **_BOOTSTRAP},
            sources=("midpoints",),
        ),
        "independence": _of_one(
            "independence:tabulate",
            "Deviation of the neurons of a layer from independence: 1-Wasserstein distance, in "
            "standard deviations, between the cosines of their weight vectors and two references, "
            "namely cosines between neurons of two separately trained networks (first layer only) "
            "and cosines in a layer with reshuffled entries. Lines are means over networks, bands "
            "show one standard deviation, and dotted lines the value for independent neurons.",
            {},
            sources=("checkpoints", "history"),
        ),
        "matched_distance": _of_one(
            "matched_distance:tabulate",
            "Squared distance between a layer of network A and of the permuted network B, divided "
            "by the sum of their squared norms, in the norm that the matcher minimises, against "
            "the swept value. Markers are means over all pairs of networks, and bars are bootstrap "
            "intervals over resampled networks.",
            _BOOTSTRAP,
            sources=_OF_SIZES,
        ),
        "slopes": PanelEntry(
            "slopes:tabulate",
            "Measured against predicted slopes of a quantity as a function of the swept value, on "
            "logarithmic axes, with one point per experiment, matcher and layer. On the diagonal "
            "they agree. Predictions use the approximate dimension $d$ at the largest swept value "
            "(filled markers) or that of the centred Gram matrix (hollow markers). Bars are "
            "bootstrap intervals over resampled networks.",
            {**_EXPERIMENTS, "quantity": _QUANTITY, "split": _SPLIT, **_BOOTSTRAP},
            sources=_OF_SIZES,
        ),
        "readings": PanelEntry(
            "readings:tabulate",
            "How well alternative readings of the theorems predict the measured slopes: root mean "
            "square difference between predicted and measured slopes over experiments and "
            "matchers. Bars are bootstrap intervals over resampled networks.",
            {**_EXPERIMENTS, "quantity": _QUANTITY, "split": _SPLIT, **_BOOTSTRAP},
            sources=_OF_SIZES,
        ),
        "size_needed": PanelEntry(
            "size_needed:tabulate",
            "Swept value at which the loss barrier falls to a given share of the barrier without "
            "matching. Filled markers are read from the measured curve, and beyond the largest "
            "measured value (dotted line) extrapolated with its fitted slope. Hollow markers are "
            "extrapolated from the share at the largest value with slope $-1/d$. Bars are "
            "bootstrap intervals over resampled networks.",
            {
                **_EXPERIMENTS,
                "share": {
                    "type": "number",
                    "exclusiveMinimum": 0,
                    "exclusiveMaximum": 1,
                    "default": 0.01,
                    "description": "the barrier to reach, as a share of that without matching",
                },
                "split": _SPLIT,
                **_BOOTSTRAP,
            },
            sources=_OF_SIZES,
        ),
    },
)
