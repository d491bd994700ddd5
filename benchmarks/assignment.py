"""Seconds of exact linear assignments: scipy, `matching/assignment.py`, and other candidates.

A candidate takes a similarity matrix and returns the permutation that maximises it. All candidates
take turns on the same matrices. The measure is the CPU time of the process with one thread, which
depends less on other work on the machine than the wall time does. The objective of every
permutation is compared with that of scipy, and a dual certificate proves that the result of
`matching/assignment.py` is optimal.

    .venv/bin/python benchmarks/assignment.py --libraries /tmp/lapenv/lib/python3.11/site-packages

The libraries (lapx, lapjv, POT and ortools) are not part of the environment. Without this option,
only the candidates that need numpy and scipy are measured.
"""

import argparse
import importlib.util
import statistics
import sys
import time
from collections.abc import Callable

import common
import numpy as np
import pandas as pd
from scipy.optimize import linear_sum_assignment
from scipy.sparse import csr_array
from scipy.sparse.csgraph import min_weight_full_bipartite_matching
from threadpoolctl import threadpool_limits

from lmc_ot.matching import assignment

SIZES = (512, 2048, 4096)
LIMIT = 60.0  # seconds that a candidate may be expected to take
SLOW = 5.0  # seconds from which one turn must do

# --- Costs ---------------------------------------------------------------------------------------


def low_rank(k: int):
    """X Y^T for X and Y of shape (n, k) with independent standard normal entries."""
    return lambda stream, n: stream.normal(size=(n, k)) @ stream.normal(size=(n, k)).T


def noisy_copy(stream, n: int):
    """Similarities of points in 64 dimensions and a permuted copy with noise of half their size."""
    x = stream.normal(size=(n, 64))
    return x @ (x[stream.permutation(n)] + stream.normal(size=(n, 64)) / 2).T


def dead_units(share: float):
    """A matrix of rank 8 in which a share of the rows and columns is 0."""

    def make(stream, n):
        found = low_rank(8)(stream, n)
        found[stream.random(n) < share] = 0
        found[:, stream.random(n) < share] = 0
        return found

    return make


def hubs(stream, n: int):
    """Groups of sixteen rows that prefer the same column, and then one column each."""
    found = stream.normal(size=(n, n))
    found[np.arange(n), stream.permutation(n)] += 10
    found[np.arange(n), np.arange(n) // 16 * 16] += 40
    return found


def rounded(stream, n: int):
    """A matrix of rank 4 rounded to integers, with many ties."""
    return np.rint(low_rank(4)(stream, n))


MAIN = {
    "Gaussian": lambda stream, n: stream.normal(size=(n, n)),
    "rank 4": low_rank(4),
    "rank 8": low_rank(8),
}
ELSEWHERE = {
    "rank 1": low_rank(1),
    "rank 2": low_rank(2),
    "rank 16": low_rank(16),
    "rank 64": low_rank(64),
    "uniform": lambda stream, n: stream.random((n, n)),
    "Cauchy": lambda stream, n: stream.standard_cauchy((n, n)),
    "integers 0 .. 9": lambda stream, n: stream.integers(0, 10, (n, n)).astype(float),
    "rank 4, rounded": rounded,
    "rank 8, 10 % dead": dead_units(0.1),
    "rank 8, 50 % dead": dead_units(0.5),
    "offsets of columns": lambda stream, n: stream.normal(size=(n, n)) + 99 * stream.normal(size=n),
    "noisy copy": noisy_copy,
    "all equal": lambda stream, n: np.ones((n, n)),
    "hubs": hubs,
}


def trained(width: int) -> dict[str, np.ndarray]:
    """The similarities of the second hidden layers of two trained networks for Sigma-WM and AM."""
    from lmc_ot.data.digits import digits
    from lmc_ot.matching import REGISTRY, solver
    from lmc_ot.matching.moments import InMemory, NetworkMoments
    from lmc_ot.matching.recording import chosen_samples, record
    from lmc_ot.networks.build import build
    from lmc_ot.training.loop import train
    from lmc_ot.training.optimisers import REGISTRY as OPTIMISERS
    from lmc_ot.training.settings import NetworkId

    data = digits()
    network = build({"name": "mlp", "hidden_widths": [width, width]}, data)
    ids = [NetworkId(0, 0.1), NetworkId(1, 0.1)]
    settings, sgd = (
        common.training_config(batch_size=50, epochs=3),
        OPTIMISERS.build({"name": "sgd"}),
    )
    found = train(network, data, ids, settings, sgd, seed=0, report=lambda line: None)
    moments = []
    networks = [found.networks[number] for number in range(2)]
    for parameters in networks:
        samples = chosen_samples(data, None, 1, 0)
        batches = [layers for _, layers in record(network, parameters, data, samples)]
        layers = [np.concatenate(parts) for parts in zip(*batches, strict=True)]
        moments.append(NetworkMoments(InMemory([data.inputs("train"), *layers])))
    kept = {}
    for name in ("sigma_wm", "am"):
        matcher, seen = REGISTRY.build({"name": name}), []
        similarity = matcher.similarity

        def keep(layer, similarity=similarity, seen=seen):
            seen.append(similarity(layer))
            return seen[-1]

        matcher.similarity = keep
        solver.match(matcher, *networks, *moments)
        kept[name] = np.asarray(seen[1], np.float64)
    return kept


# --- Candidates ----------------------------------------------------------------------------------


def scipy(similarity):
    return linear_sum_assignment(similarity, maximize=True)[1]


def minima(similarity):
    """scipy after subtracting the minima of rows and then columns, as in the Hungarian method."""
    costs = similarity.max(1, keepdims=True) - similarity
    costs -= costs.min(0)
    return linear_sum_assignment(costs)[1]


def ordered(similarity):
    """scipy with rows and columns in the order of the first singular vectors."""
    right = np.ones(len(similarity))
    for _ in range(10):
        left = similarity @ right
        right = left @ similarity
        right /= np.linalg.norm(right)
    rows, columns = np.argsort(left), np.argsort(right)
    found = np.empty(len(similarity), int)
    found[rows] = columns[scipy(similarity[np.ix_(rows, columns)])]
    return found


def half(similarity):
    """scipy after subtracting the optimal potentials of a random half, extended to all rows."""
    return _half(-similarity, np.random.default_rng(0))[0]


def _half(costs, stream):
    n = len(costs)
    if n <= 128:
        found = linear_sum_assignment(costs)[1]
        return found, *_dense_potentials(costs, found)
    rows, columns = (np.sort(stream.permutation(n)[: n // 2]) for _ in range(2))
    _, u, _ = _half(costs[np.ix_(rows, columns)], stream)
    v = (costs[rows] - u[:, None]).min(0)
    u = (costs - v).min(1)
    costs = costs - u[:, None] - v
    found = linear_sum_assignment(costs)[1]
    more_u, more_v = _dense_potentials(costs, found)
    return found, u + more_u, v + more_v


def _dense_potentials(costs, found):
    """Optimal potentials by the method of Bellman and Ford."""
    own = costs[np.arange(len(costs)), found]
    costs, v = costs - own[:, None], np.zeros(len(costs))
    while True:
        least = np.minimum(v, (costs + v[found][:, None]).min(0))
        if (least >= v - 1e-12).all():
            return own - v[found], v
        v = least


def sparse(similarity):
    """An assignment on candidates alone, the 16 best of every row and column by the reduced costs
    of `assignment.py`, by scipy's sparse solver; and again with the pairs that its potentials
    show to be missing, until there are none."""
    costs = assignment.reduced_costs(similarity)
    n, k = len(costs), 16
    allowed = np.zeros((n, n), bool)
    np.put_along_axis(allowed, np.argpartition(costs, k, 1)[:, :k], True, 1)
    np.put_along_axis(allowed, np.argpartition(costs, k, 0)[:k], True, 0)
    lift = 1 - costs.min()  # the solver takes no explicit zeros
    while True:
        rows, columns = np.nonzero(allowed)
        values = costs[rows, columns]
        try:
            graph = csr_array((values + lift, (rows, columns)), shape=(n, n))
            found = min_weight_full_bipartite_matching(graph)[1]
        except ValueError:  # no full matching among them
            k *= 2
            np.put_along_axis(allowed, np.argpartition(costs, k, 1)[:, :k], True, 1)
            continue
        own, v = costs[np.arange(n), found], np.zeros(n)
        steps, order = values - own[rows], np.argsort(columns, kind="stable")
        starts = np.searchsorted(columns[order], np.arange(n))
        while True:
            least = np.minimum.reduceat((steps + v[found][rows])[order], starts)
            least = np.minimum(v, least)
            if (least >= v - 1e-12).all():
                break
            v = least
        missing = costs - (own - v[found])[:, None] - v < -1e-10
        if not missing.any():
            return found
        allowed |= missing


def lapx_jv(similarity):
    import lap

    return lap.lapjv(-similarity)[1]


def lapx_c(similarity):
    import lap

    return lap.lapjvc(-similarity)[2]


def lapjv(similarity):
    import lapjv as module

    return module.lapjv(-similarity)[0]


def pot(similarity):
    import ot

    plan = ot.emd([], [], similarity.max() - similarity, numItermax=2_000_000_000)
    return plan.argmax(1)


def ortools(similarity):
    from ortools.graph.python import linear_sum_assignment as module

    n = len(similarity)
    costs = similarity.max() - similarity
    costs *= 2.0**32 / max(costs.max(), 1e-300)  # it takes integers only
    solver = module.SimpleLinearSumAssignment()
    rows, columns = np.divmod(np.arange(n * n, dtype=np.int32), np.int32(n))
    solver.add_arcs_with_cost(rows, columns, np.rint(costs).astype(np.int64).ravel())
    assert solver.solve() == solver.OPTIMAL
    return np.array([solver.right_mate(i) for i in range(n)])


OURS = "lmc_ot.matching.assignment"
CANDIDATES: dict[str, Callable] = {"scipy": scipy, OURS: assignment.maximise}
OTHERS: dict[str, tuple[Callable, str | None]] = {
    "minima": (minima, None),
    "ordered": (ordered, None),
    "half": (half, None),
    "sparse": (sparse, None),
    "lapx lapjv": (lapx_jv, "lap"),
    "lapx lapjvc": (lapx_c, "lap"),
    "lapjv": (lapjv, "lapjv"),
    "POT emd": (pot, "ot"),
    "ortools": (ortools, "ortools"),
}

# --- Measuring -----------------------------------------------------------------------------------


def measure(name: str, similarity, candidates, turns: int, before: dict) -> dict:
    """One row of the table: the CPU seconds of all candidates, which take turns."""
    n, units = len(similarity), np.arange(len(similarity))
    taken = {candidate: [] for candidate in candidates}
    walls, objectives, ours = {candidate: [] for candidate in candidates}, {}, None
    for turn in range(turns):
        for candidate, function in candidates.items():
            earlier = before.get((name, candidate))
            if earlier and earlier[1] * (n / earlier[0]) ** 3 > LIMIT:
                continue
            if turn and taken[candidate][0] > SLOW and candidate not in CANDIDATES:
                continue
            wall, begin = time.perf_counter(), time.process_time()
            found = function(similarity)
            taken[candidate].append(time.process_time() - begin)
            walls[candidate].append(time.perf_counter() - wall)
            assert np.array_equal(np.sort(found), units), candidate
            objectives[candidate] = similarity[units, found].sum()
            ours = found if candidate == OURS else ours
    for candidate, seconds in taken.items():
        if seconds:
            before[name, candidate] = n, statistics.median(seconds)
    best = max(objectives.values())
    size = max(abs(best), np.abs(similarity).max())
    row = {"similarity": name, "n": n}
    row |= {f"{c} s": statistics.median(taken[c]) for c in CANDIDATES}
    row["times faster"] = common.median_ratio(taken["scipy"], taken[OURS])
    row |= {f"{c} wall s": statistics.median(walls[c]) for c in CANDIDATES}
    row["short of the best"] = (best - objectives[OURS]) / size
    row["proved to"] = assignment.gap(similarity, ours) / size
    for candidate in candidates:
        if candidate not in CANDIDATES:
            row[f"{candidate} s"] = statistics.median(taken[candidate] or [np.nan])
            if candidate in objectives and best - objectives[candidate] > 1e-9 * size:
                print(f"{candidate} falls short: {name}, {n}", file=sys.stderr)
    print(row, flush=True)
    return row


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--sizes", type=int, nargs="+", default=SIZES)
    parser.add_argument("--turns", type=int, default=3)
    parser.add_argument("--libraries", help="site-packages with lapx, lapjv, POT and ortools")
    parser.add_argument(
        "--output", action="store_true", help="write benchmarks/results/assignment.*"
    )
    options = parser.parse_args()
    if options.libraries:
        sys.path.append(options.libraries)
    everything = CANDIDATES | {
        name: function
        for name, (function, module) in OTHERS.items()
        if module is None or importlib.util.find_spec(module)
    }
    rows, before = [], {}
    with threadpool_limits(1):
        warm = np.random.default_rng(0).normal(size=(64, 64))
        for function in everything.values():
            function(warm)
        for n in options.sizes:
            for name, make in MAIN.items():
                similarity = make(np.random.default_rng(n), n)
                rows.append(measure(name, similarity, everything, options.turns, before))
        for n in [n for n in options.sizes if n <= 2048]:
            for name, similarity in trained(n).items():
                label = f"digits, {name}"
                rows.append(measure(label, similarity, everything, options.turns, before))
        middle = sorted(options.sizes)[len(options.sizes) // 2]
        for name, make in ELSEWHERE.items():
            similarity = make(np.random.default_rng(0), middle)
            rows.append(measure(name, similarity, CANDIDATES, options.turns, before))
    notes = [
        common.machine(),
        f"CPU seconds, one thread, medians of {options.turns} interleaved turns (one where a "
        f"candidate takes more than {SLOW:g} s); none where more than {LIMIT:g} s are expected, "
        "or where the candidate was not tried.",
    ]
    common.publish("assignment", pd.DataFrame(rows), notes, options.output)


if __name__ == "__main__":
    main()
