"""Experiments on the paper's theorems. A new one is one file with a class, and one line here.

An experiment measures how something falls with a size, and says which slope the theorem predicts
(`experiment` documents the class). Its keyword arguments are the options declared with its line,
and it has no defaults of its own.
"""

from dataclasses import dataclass

from ..config.registry import Entry, Registry


@dataclass(frozen=True)
class TheoryEntry(Entry):
    """One line of this registry.

    Parameters
    ----------
    statement
        The statement of the paper that it tests.
    size
        The name of the size, for the figure's axis.
    contradicted_by
        The measurement that would contradict the statement.
    matchers
        Names of the matchers that it uses beside the one, if any, that its options name.
    """

    statement: str = ""
    size: str = "size"
    contradicted_by: str = ""
    matchers: tuple[str, ...] = ()


def sizes(default: list[int], what: str) -> dict:
    """Schema of the sizes to measure at."""
    return {
        "type": "array",
        "items": {"type": "integer", "minimum": 2},
        "minItems": 2,
        "uniqueItems": True,
        "default": default,
        "description": what,
    }


REPETITIONS = {
    "type": "integer",
    "minimum": 3,
    "default": 10,
    "description": "independent repetitions, all of which are kept",
}

INPUT_DIMENSIONS = {
    "type": "array",
    "items": {"type": "integer", "minimum": 1},
    "minItems": 1,
    "uniqueItems": True,
    "default": [5, 16],
    "description": "numbers of inputs d0",
}

MATCHER = {
    "registry": "matcher",
    "default": {"name": "sigma_wm"},
    "description": "the matcher that permutes B's hidden layers: its name and its options",
}

EXAMPLES = {
    "type": "integer",
    "minimum": 1,
    "default": 1000,
    "description": "number of inputs for the matcher, and of other inputs for the measurement",
}

REGISTRY = Registry(
    "theory",
    __name__,
    {
        "isotropic": TheoryEntry(
            "isotropic:Isotropic",
            "Squared Wasserstein distance between two samples of n points of N(0, I_d / d), by "
            "dimension d.",
            {
                "sizes": sizes([32, 64, 128, 256, 512], "numbers of points n"),
                "dimensions": sizes([2, 4, 8, 16, 32, 64], "dimensions d"),
                "repetitions": REPETITIONS,
            },
            statement="Lemma B.14 and Theorem 5.3",
            size="points n",
            contradicted_by="a slope steeper or flatter than -2/d for d > 4, where lower and upper "
            "bound meet, that does not move towards it as n grows",
        ),
        "low_dimension": TheoryEntry(
            "low_dimension:LowDimension",
            "Squared Wasserstein distance between two samples of n points of a Gaussian with k "
            "large directions and d - k of standard deviation eta.",
            {
                "sizes": sizes([32, 64, 128, 256, 512], "numbers of points n"),
                "dimension": {
                    "type": "integer",
                    "minimum": 6,
                    "default": 64,
                    "description": "all directions, d",
                },
                "large_directions": {
                    "type": "integer",
                    "minimum": 5,
                    "default": 5,
                    "description": "directions of standard deviation 1, k",
                },
                "etas": {
                    "type": "array",
                    "items": {"type": "number", "minimum": 0},
                    "minItems": 1,
                    "uniqueItems": True,
                    "default": [0.0, 0.03, 0.1, 0.3],
                    "description": "standard deviations of the others, eta",
                },
                "repetitions": REPETITIONS,
            },
            statement="Lemma B.15 and Theorem 5.4",
            size="points n",
            contradicted_by="a slope flatter than -2/k where the small directions cannot be seen "
            "yet (eta = 0 is that case at every n), or no bend towards -2/d once they can",
        ),
        "weighted_matching": TheoryEntry(
            "weighted_matching:WeightedMatching",
            "Squared distance of the outputs of two layers of n neurons on inputs of rank k, "
            "without matching, by naive weight matching and by Sigma-weighted matching.",
            {
                "sizes": sizes([32, 64, 128, 256, 512], "numbers of neurons n"),
                "dimension": {
                    "type": "integer",
                    "minimum": 6,
                    "default": 64,
                    "description": "inputs of a neuron, d",
                },
                "rank": {
                    "type": "integer",
                    "minimum": 1,
                    "default": 5,
                    "description": "rank of the inputs' second moment, k",
                },
                "repetitions": REPETITIONS,
            },
            statement="Theorem D.2",
            size="neurons n",
            contradicted_by="naive matching that falls with the slope -2/k of the weighted one, or "
            "a weighted one whose slope does not move towards -2/k as n grows (k > 4)",
            matchers=("identity", "naive_wm", "sigma_wm"),
        ),
        "random_networks": TheoryEntry(
            "random_networks:RandomNetworks",
            "Randomly initialised networks matched to each other: how far the midpoint's last "
            "hidden layer is from the endpoints', and its output from the mean of theirs.",
            {
                "sizes": sizes([32, 64, 128, 256], "widths of all hidden layers"),
                "depths": {
                    "type": "array",
                    "items": {"type": "integer", "minimum": 1},
                    "minItems": 1,
                    "uniqueItems": True,
                    "default": [1, 2, 3],
                    "description": "numbers of hidden layers",
                },
                "input_dimensions": INPUT_DIMENSIONS,
                "weights": {
                    "type": "array",
                    "items": {"enum": ["gaussian", "uniform"]},
                    "minItems": 1,
                    "uniqueItems": True,
                    "default": ["gaussian", "uniform"],
                    "description": "laws of the weights, all of variance 1 / fan-in",
                },
                "matcher": MATCHER,
                "examples": EXAMPLES,
                "repetitions": REPETITIONS,
            },
            statement="Lemma 5.1, Theorem 5.2 and Section 5.5",
            size="width",
            contradicted_by="a curve that does not fall with the width; at depth 1 and d0 > 4 a "
            "slope that does not move towards the predicted one as the width grows; uniform "
            "weights with another slope than Gaussian ones",
        ),
        "dropout": TheoryEntry(
            "dropout:Dropout",
            "Error of a random half of a hidden layer's neurons, rescaled by 2, beside the LMC "
            "error of the same networks.",
            {
                "sizes": sizes([32, 64, 128, 256, 512], "widths of the hidden layer, even"),
                "input_dimensions": INPUT_DIMENSIONS,
                "matcher": MATCHER,
                "examples": EXAMPLES,
                "repetitions": REPETITIONS,
            },
            statement="Section 5.6 and Appendix B.14",
            size="width",
            contradicted_by="with outgoing weights 1 / width, an error above its bound, or one "
            "flatter than -1/d0 as the width grows (d0 > 4); steeper ones obey the bounds, but are "
            "not of the same rate if they differ",
        ),
        "mean_field": TheoryEntry(
            "mean_field:MeanField",
            "Midpoints of pairs of two-layer mean-field networks trained by one-pass SGD, with and "
            "without noise and regularisation, matched and not.",
            {
                "sizes": sizes([32, 64, 128, 256, 512], "numbers of neurons N"),
                "dimension": {
                    "type": "integer",
                    "minimum": 2,
                    "default": 8,
                    "description": "inputs, d",
                },
                "time": {
                    "type": "number",
                    "exclusiveMinimum": 0,
                    "default": 5.0,
                    "description": "SGD time: steps times step size",
                },
                "step": {
                    "type": "number",
                    "exclusiveMinimum": 0,
                    "default": 1.0,
                    "description": "step size times N, the same for every N",
                },
                "decay": {
                    "type": "number",
                    "minimum": 0,
                    "default": 0.02,
                    "description": "regularisation lambda of the noisy variant",
                },
                "temperature": {
                    "type": "number",
                    "minimum": 0,
                    "default": 0.1,
                    "description": "noise tau of the noisy variant",
                },
                "repetitions": {**REPETITIONS, "default": 5},
            },
            statement="Theorem 3.1 and Corollary 3.2",
            size="neurons N",
            contradicted_by="a curve of matched pairs that stops falling, or rises, as N grows",
        ),
    },
)
