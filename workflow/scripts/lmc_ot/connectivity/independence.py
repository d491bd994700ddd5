"""How far the neurons of a layer are from independent: the paper's central assumption, measured.

The theorems take a layer's weight vectors as independent draws of one law (Assumption 6). Pairs of
neurons then have the same joint law whether both are of one network or not. So the cosines between
the weight vectors of a layer are compared with those of a reference whose neurons are independent:

``other network``
    one neuron of each of two networks, which are independent as they were trained separately. Only
    for the first layer: the inputs of deeper ones are hidden units, which correspond to nothing.
``reshuffled``
    the layer after its entries were exchanged within columns, each on its own, which leaves no
    relation between neurons. Columns are taken in the basis of the principal components, so that
    the second moment stays; each half of the neurons in the basis of the other half, since a basis
    that is fitted to a sample makes its columns more nearly uncorrelated than independent draws
    are. It also undoes a dependence between the entries of one neuron (all large, all small),
    which the assumption allows: read it as an upper bound.
"""

import numpy as np
from scipy.stats import wasserstein_distance

OTHER, RESHUFFLED, INDEPENDENT = "other network", "reshuffled", "independent"


def cosines(x: np.ndarray, y: np.ndarray | None = None) -> np.ndarray:
    """Cosines between rows: of all pairs of x, or of every row of x with every row of y.

    Parameters
    ----------
    x, y
        (neurons, inputs). A row of zeros has no direction and is left out.

    Returns
    -------
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
    """The neurons in two random halves, each with the principal components of the other.

    Parameters
    ----------
    weight
        (neurons, inputs).

    Returns
    -------
    Two of (half, components): float64 (neurons / 2, inputs), and an orthogonal matrix
    (inputs, inputs), one component per row.
    """
    order = stream.permutation(len(weight))
    a, b = (weight[np.sort(order[i::2])].astype(np.float64) for i in (0, 1))
    return [(x, np.linalg.svd(y, full_matrices=True)[2]) for x, y in ((a, b), (b, a))]


def reshuffled(
    weight: np.ndarray, components: np.ndarray, stream: np.random.Generator
) -> np.ndarray:
    """A layer with its entries along each component permuted over the neurons, float64."""
    return stream.permuted(weight @ components.T, axis=0) @ components


def distance(values: np.ndarray, reference: np.ndarray) -> float:
    """1-Wasserstein distance between two samples of cosines, in the reference's standard
    deviations; missing where the reference has none, as of two neurons."""
    if len(values) == 0 or len(reference) < 2 or reference.std() == 0:
        return float("nan")
    return float(wasserstein_distance(values, reference) / reference.std())
