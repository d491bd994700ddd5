"""Exact linear assignments, also where a low approximate dimension makes them slow."""

import numpy as np
from scipy.optimize import linear_sum_assignment

# Below, scipy takes some tenths of a second at most, and its answer stays what it always was.
SMALLEST = 1024
EASY = 0.5
TIED = 0.25
SAMPLED_ROWS = 128

LEVELS = (1.0, 0.3, 0.1, 0.03, 0.01)
ITERATIONS = 10
LARGEST_EXPONENT = 60.0  # exp(-60) is well within float32


def maximise(similarity: np.ndarray) -> np.ndarray:
    """The permutation p that maximises sum_i S[i, p_i]: int (n,).

    Parameters
    ----------
    similarity
        S, (n, n), finite; any real type.

    Raises
    ------
    ValueError
        An entry is not a number, or no assignment is finite; or S is not a matrix.

    Notes
    -----
    scipy's `linear_sum_assignment` (Crouse 2016, shortest augmenting paths) finds it. Its searches
    are long where many rows want the same columns, as they do if S is of low rank: 20 to 30 s at
    n = 4096 and rank 4. To subtract a number from every entry of a row or column changes the sums
    of all permutations by the same, so scipy is given

        C - u 1^T - 1 v^T,   C = -S,

    with u, v near optimal potentials (dual variables). Then a row finds its column at once, or
    near by. They are those of the entropic problem (`potentials`). Bad ones cost time and nothing
    else: scipy searches the whole matrix, and is exact. What is left is the rounding of the
    differences, 1e-16 of an entry. Where optima tie, it may be another one that is found.

    Scipy gets S as it is where that is fast: n is small, the rows want different columns, or
    maxima tie (rounding would break the ties that make it fast). `benchmarks/assignment.py`
    measures all this; `gap` proves an assignment optimal.
    """
    similarity = np.asarray(similarity)
    n = len(similarity)
    hard = similarity.shape == (n, n) and n >= SMALLEST
    if hard and _crowded(similarity) and not _tied(similarity):
        costs = reduced_costs(similarity)
        if costs is not None:
            return linear_sum_assignment(costs)[1]
    return linear_sum_assignment(similarity, maximize=True)[1]


def _crowded(similarity: np.ndarray) -> bool:
    """Whether many rows want the same columns."""
    return len(np.unique(similarity.argmax(1))) <= EASY * len(similarity)


def _tied(similarity: np.ndarray) -> bool:
    """Whether rows' maxima tie, in a sample of the rows."""
    sample = similarity[:: max(1, len(similarity) // SAMPLED_ROWS)]
    return np.mean((sample == sample.max(1, keepdims=True)).sum(1) > 1) > TIED


def reduced_costs(similarity: np.ndarray) -> np.ndarray | None:
    """Costs of the same optimum on which scipy is fast, float64 (n, n); None if the entries do not
    differ, or overflow."""
    n = len(similarity)
    with np.errstate(all="ignore"):
        rows = similarity.mean(1, dtype=np.float64)
        columns = similarity.mean(0, dtype=np.float64) - rows.mean()
        costs = rows[:, None] - similarity
        costs += columns
        scale = np.abs(costs).mean()
        if not (np.isfinite(scale) and scale > 0):
            return None
        single = np.empty((n, n), np.float32)
        u, v = potentials(np.divide(costs, scale, out=single, casting="same_kind"))
        # Rounded, so that rows that are equal (dead units) remain equal, and likewise columns.
        grid = 2.0 ** (np.floor(np.log2(scale)) - 12)
        u = grid * np.rint((scale * u.astype(np.float64) - rows) / grid)
        v = grid * np.rint((scale * v.astype(np.float64) - columns) / grid)
    if not (np.isfinite(u).all() and np.isfinite(v).all()):
        return None
    np.subtract(-u[:, None], similarity, out=costs)
    costs -= v
    return costs


def potentials(costs: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Potentials u, v (n,) of the entropic assignment problem, roughly.

    Parameters
    ----------
    costs
        float32 (n, n), of mean absolute value 1 and with rows and columns of mean 0.

    Notes
    -----
    Sinkhorn's algorithm with epsilon scaling, in the stabilised form of Schmitzer (2019): at
    every level epsilon a few iterations on exp(-(C - u - v) / epsilon), whose scalings then go
    into u and v. So they stay near 1, and float32 suffices. The first level is one at which
    nothing underflows.
    """
    n = len(costs)
    u, v = np.zeros(n, np.float32), np.zeros(n, np.float32)
    kernel = np.empty_like(costs)
    levels, first = list(LEVELS), np.ptp(costs) / LARGEST_EXPONENT
    while levels[0] < first:
        levels.insert(0, 3 * levels[0])
    for level in levels:
        np.subtract(costs, u[:, None], out=kernel)
        kernel -= v
        least = kernel.min(1)
        u += least
        kernel -= least[:, None]
        kernel *= np.float32(-1 / level)
        np.exp(kernel, out=kernel)
        b = np.ones(n, np.float32)
        for _ in range(ITERATIONS):
            a = 1 / (kernel @ b)
            b = 1 / (a @ kernel)
        u += np.float32(level) * np.log(a)
        v += np.float32(level) * np.log(b)
    return u, v


def gap(similarity: np.ndarray, permutation: np.ndarray) -> float:
    """An upper bound on how far sum_i S[i, p_i] is below the optimum: 0, up to rounding, proves
    that p is optimal.

    Notes
    -----
    Potentials with u_i + v_j <= C_ij and equality on p are looked for, by Bellman and Ford's
    method: v_j <- min_i (C_ij - C_{i, p_i} + v_{p_i}). It ends if and only if p is optimal, and is
    stopped after n rounds. If u_i + v_j exceeds C_ij by at most e, no sum is below that of p by
    more than n e. A round is two passes over the matrix: for tests, not for every matching.
    """
    n = len(similarity)
    own = similarity[np.arange(n), permutation].astype(np.float64)
    costs = reduced_costs(similarity)
    if costs is None:
        costs = -np.asarray(similarity, np.float64)
    costs -= costs[np.arange(n), permutation][:, None]
    rounding = n * np.finfo(float).eps * np.abs(own).max()
    v = np.zeros(n)
    for _ in range(n):
        least = np.minimum(v, (costs + v[permutation][:, None]).min(0))
        done = (least >= v - rounding / n).all()
        v = least
        if done:
            break
    excess = v - v[permutation][:, None] - costs
    return float(n * max(excess.max(), 0))
