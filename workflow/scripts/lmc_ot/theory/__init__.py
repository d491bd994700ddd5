"""Numerical experiments on the paper's theorems. To add one, write a class and an entry below.

An experiment measures how a quantity decreases with a size and states the slope that the theorem
predicts; `experiment.Experiment` documents the class. Its keyword arguments are the options
declared in its entry; defaults belong there, not in the class.
"""

from dataclasses import dataclass

from ..config.registry import Entry, Registry


@dataclass(frozen=True)
class TheoryEntry(Entry):
    """An entry of this registry.

    Parameters
    ----------
    statement
        The statement of the paper that the experiment tests.
    size
        The name of the size, for the axis of the figure.
    contradicted_by
        The result that would contradict the statement.
    matchers
        Names of the matchers that the experiment uses in addition to the one in its options.
    """

    statement: str = ""
    size: str = "size"
    contradicted_by: str = ""
    matchers: tuple[str, ...] = ()


def sizes(default: list[int], what: str) -> dict:
    """Return the schema of an option for the sizes to measure at."""
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
    "description": "number of independent repetitions",
}

INPUT_DIMENSIONS = {
    "type": "array",
    "items": {"type": "integer", "minimum": 1},
    "minItems": 1,
    "uniqueItems": True,
    "default": [5, 16],
    "description": "input dimensions d0",
}

MATCHER = {
    "registry": "matcher",
    "default": {"name": "sigma_wm"},
    "description": "the matcher for the hidden layers of B, by name, and its options",
}

EXAMPLES = {
    "type": "integer",
    "minimum": 1,
    "default": 1000,
    "description": "number of inputs for matching, and of further inputs for measuring",
}

REGISTRY = Registry(
    "theory",
    __name__,
    {
        "isotropic": TheoryEntry(
            "isotropic:Isotropic",
            "Squared 2-Wasserstein distance between two samples of n points from N(0, I_d / d), "
            "for several dimensions d.",
            {
                "sizes": sizes([32, 64, 128, 256, 512], "numbers of points n"),
                "dimensions": sizes([2, 4, 8, 16, 32, 64], "dimensions d"),
                "repetitions": REPETITIONS,
            },
            statement="Lemma B.14 and Theorem 5.3",
            size="points n",
            contradicted_by="for d > 4, where lower and upper bound agree, a slope that differs "
            "from -2/d and does not approach it as n grows",
        ),
        "low_dimension": TheoryEntry(
            "low_dimension:LowDimension",
            "Squared 2-Wasserstein distance between two samples of n points from a Gaussian with k "
            "directions of unit standard deviation and d - k of standard deviation eta.",
            {
                "sizes": sizes([32, 64, 128, 256, 512], "numbers of points n"),
                "dimension": {
                    "type": "integer",
                    "minimum": 6,
                    "default": 64,
                    "description": "number of all directions, d",
                },
                "large_directions": {
                    "type": "integer",
                    "minimum": 5,
                    "default": 5,
                    "description": "number of directions with standard deviation 1, k",
                },
                "etas": {
                    "type": "array",
                    "items": {"type": "number", "minimum": 0},
                    "minItems": 1,
                    "uniqueItems": True,
                    "default": [0.0, 0.03, 0.1, 0.3],
                    "description": "standard deviations of the other directions, eta",
                },
                "repetitions": REPETITIONS,
            },
            statement="Lemma B.15 and Theorem 5.4",
            size="points n",
            contradicted_by="a slope flatter than -2/k while the small directions are not resolved "
            "(for eta = 0, at every n), or no bend towards -2/d once they are",
        ),
        "weighted_matching": TheoryEntry(
            "weighted_matching:WeightedMatching",
            "Squared distance between the outputs of two layers of n neurons on inputs of rank k, "
            "without matching, after naive weight matching and after Sigma-weighted matching.",
            {
                "sizes": sizes([32, 64, 128, 256, 512], "numbers of neurons n"),
                "dimension": {
                    "type": "integer",
                    "minimum": 6,
                    "default": 64,
                    "description": "number of inputs of a neuron, d",
                },
                "rank": {
                    "type": "integer",
                    "minimum": 1,
                    "default": 5,
                    "description": "rank of the second moment of the inputs, k",
                },
                "repetitions": REPETITIONS,
            },
            statement="Theorem D.2",
            size="neurons n",
            contradicted_by="a slope of -2/k for naive matching, or, for k > 4, a slope of "
            "weighted matching that does not approach -2/k as n grows",
            matchers=("identity", "naive_wm", "sigma_wm"),
        ),
        "random_networks": TheoryEntry(
            "random_networks:RandomNetworks",
            "Matched pairs of randomly initialised networks: distance of the midpoint's last "
            "hidden layer from those of the endpoints, and of its output from the mean of theirs.",
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
                    "description": "distributions of the weights, all with variance 1 / fan-in",
                },
                "matcher": MATCHER,
                "examples": EXAMPLES,
                "repetitions": REPETITIONS,
            },
            statement="Lemma 5.1, Theorem 5.2 and Section 5.5",
            size="width",
            contradicted_by="a curve that does not decrease with the width; at depth 1 and d0 > 4, "
            "a slope that does not approach the predicted one as the width grows; different slopes "
            "for uniform and for Gaussian weights",
        ),
        "dropout": TheoryEntry(
            "dropout:Dropout",
            "Error after keeping a random half of a hidden layer's neurons, rescaled by 2, and the "
            "LMC error of the same networks.",
            {
                "sizes": sizes([32, 64, 128, 256, 512], "widths of the hidden layer, even"),
                "input_dimensions": INPUT_DIMENSIONS,
                "matcher": MATCHER,
                "examples": EXAMPLES,
                "repetitions": REPETITIONS,
            },
            statement="Section 5.6 and Appendix B.14",
            size="width",
            contradicted_by="with outgoing weights 1 / width, an error above its bound, or, for "
            "d0 > 4, a slope flatter than -1/d0 as the width grows; steeper slopes satisfy the "
            "bounds, but if the two slopes differ, the errors do not have the same rate",
        ),
        "mean_field": TheoryEntry(
            "mean_field:MeanField",
            "Midpoints of pairs of two-layer mean-field networks trained by one-pass SGD, with and "
            "without noise and regularisation, and with and without matching.",
            {
                "sizes": sizes([32, 64, 128, 256, 512], "numbers of neurons N"),
                "dimension": {
                    "type": "integer",
                    "minimum": 2,
                    "default": 8,
                    "description": "number of inputs, d",
                },
                "time": {
                    "type": "number",
                    "exclusiveMinimum": 0,
                    "default": 5.0,
                    "description": "SGD time: number of steps times step size",
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
                    "description": "regularisation coefficient lambda of the noisy variant",
                },
                "temperature": {
                    "type": "number",
                    "minimum": 0,
                    "default": 0.1,
                    "description": "noise temperature tau of the noisy variant",
                },
                "repetitions": {**REPETITIONS, "default": 5},
            },
            statement="Theorem 3.1 and Corollary 3.2",
            size="neurons N",
            contradicted_by="a curve of matched pairs that stops decreasing as N grows",
        ),
    },
)
