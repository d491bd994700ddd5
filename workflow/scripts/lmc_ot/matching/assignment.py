"""Exact linear assignment, also for similarities of low approximate dimension, which are slow."""

import numpy as np
from scipy.optimize import linear_sum_assignment

# Below this size scipy takes some tenths of a second at most; its results are then used unchanged.
SMALLEST = 1024
EASY = 0.5
TIED = 0.25
SAMPLED_ROWS = 128

LEVELS = (1.0, 0.3, 0.1, 0.03, 0.01)
ITERATIONS = 10
LARGEST_EXPONENT = 60.0  # exp(-60) is well within float32


def maximise(similarity: np.ndarray) -> np.ndarray:
    """Return the permutation p that maximises sum_i S[i, p_i], int (n,).

    S is (n, n), finite, of any real type. Raises ValueError if S is not a matrix, an entry is NaN,
    or no assignment has a finite sum.

    The solver is scipy's `linear_sum_assignment` (shortest augmenting paths; Crouse, 2016). It is
    slow if many rows compete for the same columns, as happens if S has low rank: 20 to 30 s at
    n = 4096 and rank 4. Subtracting a constant from a row or a column changes the sums of all
    permutations by the same amount, so in these cases scipy solves the equivalent problem

        C - u 1^T - 1 v^T,   C = -S,

    with potentials (dual variables) u, v close to the optimum, namely those of the entropic
    problem (`potentials`). The search for a row's column then ends almost immediately. Inaccurate
    potentials cost time but not correctness, since scipy solves the problem exactly; the only
    error is the rounding of the differences, 1e-16 of an entry. Among tied optima, a different one
    may be returned.

    Scipy solves S directly where this is fast: n is small, the rows prefer different columns, or
    maxima are tied (rounding would break the ties that make it fast). `benchmarks/assignment.py`
    measures the timings; `gap` certifies optimality.
    """
    similarity = np.asarray(similarity)
    n = len(similarity)
    hard = similarity.shape == (n, n) and n >= SMALLEST
    if hard and _crowded(similarity) and not _tied(similarity):
        costs = reduced_costs(similarity)
        if costs is not None:
            return linear_sum_assignment(costs)[1]
    return linear_sum_assignment(similarity, maximize=True)[1]


def assign(similarities: list[np.ndarray], heads: int) -> list[np.ndarray]:
    """Return the permutations of the groups of a family, int (n,) each, that are best together.

    There is one similarity for each group, (heads x units, heads x units). Heads are permuted as
    wholes, in the same way in all groups, and units within heads. The value of matching head i to
    head j is that of the best assignment of their units, summed over the groups, and the heads are
    assigned by these values. Both are exact.
    """
    if heads == 1:
        return [maximise(similarity) for similarity in similarities]
    values, inside = np.zeros((heads, heads)), {}
    for group, similarity in enumerate(similarities):
        m = len(similarity) // heads
        parts = similarity.reshape(heads, m, heads, m)
        for i, j in np.ndindex(heads, heads):
            p = maximise(parts[i, :, j])
            inside[group, i, j] = j * m + p
            values[i, j] += parts[i, np.arange(m), j, p].sum()
    order = maximise(values)
    return [
        np.concatenate([inside[group, i, j] for i, j in enumerate(order)])
        for group in range(len(similarities))
    ]


def _crowded(similarity: np.ndarray) -> bool:
    """Tell whether many rows compete for the same columns."""
    return len(np.unique(similarity.argmax(1))) <= EASY * len(similarity)


def _tied(similarity: np.ndarray) -> bool:
    """Tell whether the maxima of many rows are tied, from a sample of the rows."""
    sample = similarity[:: max(1, len(similarity) // SAMPLED_ROWS)]
    return np.mean((sample == sample.max(1, keepdims=True)).sum(1) > 1) > TIED


def reduced_costs(similarity: np.ndarray) -> np.ndarray | None:
    """Return equivalent costs on which scipy is fast, float64 (n, n).

    The result is None if all entries are equal, or if the computation overflows.
    """
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
        # Rounding keeps equal rows (of dead units) equal, and likewise columns.
        grid = 2.0 ** (np.floor(np.log2(scale)) - 12)
        u = grid * np.rint((scale * u.astype(np.float64) - rows) / grid)
        v = grid * np.rint((scale * v.astype(np.float64) - columns) / grid)
    if not (np.isfinite(u).all() and np.isfinite(v).all()):
        return None
    np.subtract(-u[:, None], similarity, out=costs)
    costs -= v
    return costs


def potentials(costs: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return approximate potentials u, v, (n,) each, of the entropic assignment problem.

    The costs are float32 (n, n), with mean absolute value 1, and rows and columns of mean 0.

    This is Sinkhorn's algorithm with epsilon scaling in the stabilised form of Schmitzer (2019).
    Each level epsilon performs a few iterations on exp(-(C - u - v) / epsilon) and then absorbs
    the scalings into u and v. The scalings therefore stay close to 1, and float32 suffices. The
    first level is large enough to avoid underflow.
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
    """Return an upper bound on the distance of sum_i S[i, p_i] from the optimum.

    A bound of 0, up to rounding, proves that p is optimal.

    The Bellman-Ford iteration v_j <- min_i (C_ij - C_{i, p_i} + v_{p_i}) searches for potentials
    with u_i + v_j <= C_ij and equality on p. It converges if and only if p is optimal, and is
    stopped after n rounds. If u_i + v_j exceeds C_ij by at most e, then no permutation has a cost
    more than n e below that of p. Each round takes two passes over the matrix, so this is meant
    for tests and not for every matching.
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
