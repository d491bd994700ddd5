"""A measure of how far the neurons of a layer are from independent, as the paper assumes.

The theorems assume that a layer's weight vectors are independent draws from one distribution
(Assumption 6). Pairs of neurons then have the same joint distribution whether or not both belong
to the same network. The cosines between the weight vectors of a layer are therefore compared with
those of a reference with independent neurons:

``other network``
    Pairs of one neuron from each of two networks, which are independent because the networks were
    trained separately. This works only for the first layer, since the inputs of deeper layers are
    hidden units, which do not correspond between networks.
``reshuffled``
    The layer after permuting the entries of each column separately, which removes any relation
    between neurons. Columns are taken in the basis of principal components, which preserves the
    second moment. Each half of the neurons uses the basis of the other half, because a basis
    fitted to the same sample makes its columns less correlated than those of independent draws.
    Reshuffling also removes dependence between the entries of one neuron (all large or all small),
    which the assumption allows; the measure is therefore an upper bound.
"""

import numpy as np
from scipy.stats import wasserstein_distance

from ..tables import Parameters

OTHER, RESHUFFLED, INDEPENDENT = "other network", "reshuffled", "independent"


def hidden_weights(parameters: Parameters) -> list[str]:
    """Return the names of the weights of a multilayer perceptron's hidden layers, in order."""
    return [name for name, array in parameters.items() if array.ndim == 2][:-1]


def cosines(x: np.ndarray, y: np.ndarray | None = None) -> np.ndarray:
    """Return the cosines between all pairs of rows of x, or between every row of x and of y.

    Parameters
    ----------
    x, y
        (neurons, inputs). Rows of zeros have no direction and are left out.

    Returns
    -------
    numpy.ndarray
        float64 (pairs,).
    """
    x = _directions(x)
    if y is None:
        return (x @ x.T)[np.triu_indices(len(x), 1)]
    return (x @ _directions(y).T).ravel()


def _directions(weight: np.ndarray) -> np.ndarray:
    weight = weight.astype(np.float64)
    norms = np.linalg.norm(weight, axis=1)
    return weight[norms > 0] / norms[norms > 0, None]


def halves(weight: np.ndarray, stream: np.random.Generator) -> list[tuple[np.ndarray, np.ndarray]]:
    """Split the neurons into two random halves, each with the principal components of the other.

    Parameters
    ----------
    weight
        (neurons, inputs).

    Returns
    -------
    list
        Two pairs (half, components): float64 (neurons / 2, inputs), and an orthogonal matrix
        (inputs, inputs) with one component per row.
    """
    order = stream.permutation(len(weight))
    a, b = (weight[np.sort(order[i::2])].astype(np.float64) for i in (0, 1))
    return [(x, np.linalg.svd(y, full_matrices=True)[2]) for x, y in ((a, b), (b, a))]


def reshuffled(
    weight: np.ndarray, components: np.ndarray, stream: np.random.Generator
) -> np.ndarray:
    """Permute a layer's entries along each component over the neurons, independently; float64."""
    return stream.permuted(weight @ components.T, axis=0) @ components


def distance(values: np.ndarray, reference: np.ndarray) -> float:
    """Return the 1-Wasserstein distance between two samples of cosines.

    The unit is the standard deviation of the reference. The result is NaN if that is 0 or
    undefined, for example for two neurons.
    """
    if len(values) == 0 or len(reference) < 2 or reference.std() == 0:
        return float("nan")
    return float(wasserstein_distance(values, reference) / reference.std())
