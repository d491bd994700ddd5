"""Exact assignments: against brute force and scipy, on costs of every kind."""

import itertools

import numpy as np
import pytest
from scipy.optimize import linear_sum_assignment

from lmc_ot.matching import assignment


def objective(similarity, permutation):
    return similarity[np.arange(len(similarity)), permutation].sum()


@pytest.fixture
def reducing(monkeypatch):
    """Potentials are subtracted at every size, however easy the matrix."""
    monkeypatch.setattr(assignment, "SMALLEST", 2)
    monkeypatch.setattr(assignment, "SAMPLED_ROWS", 1)
    monkeypatch.setattr(assignment, "EASY", 2.0)
    monkeypatch.setattr(assignment, "TIED", 2.0)


def low_rank(stream, n, k):
    return stream.normal(size=(n, k)) @ stream.normal(size=(k, n))


def half_dead(stream, n):
    found = low_rank(stream, n, 3)
    found[::2] = 0
    found[:, 1::2] = 0
    return found


def outlier(stream, n):
    found = low_rank(stream, n, 2)
    found[0, -1] = 1e7
    return found


KINDS = {
    "Gaussian": lambda stream, n: stream.normal(size=(n, n)),
    "rank 1": lambda stream, n: low_rank(stream, n, 1),
    "rank 4": lambda stream, n: low_rank(stream, n, 4),
    "non-negative": lambda stream, n: np.maximum(low_rank(stream, n, 3), 0),
    "float32": lambda stream, n: low_rank(stream, n, 4).astype(np.float32),
    "integers": lambda stream, n: stream.integers(-3, 4, (n, n)),
    "zeros and ones": lambda stream, n: stream.random((n, n)) < 0.2,
    "ties": lambda stream, n: np.rint(low_rank(stream, n, 4)),
    "equal columns": lambda stream, n: np.repeat(stream.normal(size=(n, 1)), n, 1),
    "equal rows": lambda stream, n: np.repeat(stream.normal(size=(1, n)), n, 0),
    "constant": lambda stream, n: np.full((n, n), 2.5),
    "all zero": lambda stream, n: np.zeros((n, n)),
    "dead units": half_dead,
    "a permutation": lambda stream, n: 5.0 * np.eye(n)[stream.permutation(n)],
    "outlier": outlier,
    "heavy tails": lambda stream, n: stream.standard_cauchy((n, n)),
    "offsets": lambda stream, n: (
        low_rank(stream, n, 2) + 1e4 * stream.normal(size=n) + 1e4 * stream.normal(size=(n, 1))
    ),
    "far from zero": lambda stream, n: 1e6 + low_rank(stream, n, 2),
    "huge": lambda stream, n: 1e300 * low_rank(stream, n, 2) / n,
    "small": lambda stream, n: 1e-300 * low_rank(stream, n, 2),
    "denormal": lambda stream, n: 1e-318 * stream.integers(-9, 9, (n, n)),
}


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("n", [1, 2, 6])
def test_no_permutation_is_better(kind, n, stream, reducing):
    similarity = KINDS[kind](stream, n)
    found = assignment.maximise(similarity)
    assert sorted(found) == list(range(n))
    wide = similarity.astype(np.float64)
    best = max(objective(wide, list(p)) for p in itertools.permutations(range(n)))
    size = n * np.abs(wide).max()
    assert objective(wide, found) == pytest.approx(best, rel=1e-9, abs=1e-12 * size)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("n", [20, 150])
def test_the_objective_is_that_of_scipy_and_certified(kind, n, stream, reducing):
    similarity = KINDS[kind](stream, n)
    found = assignment.maximise(similarity)
    assert sorted(found) == list(range(n))
    wide = similarity.astype(np.float64)
    expected = objective(wide, linear_sum_assignment(wide, maximize=True)[1])
    size = n * np.abs(wide).max()
    assert objective(wide, found) == pytest.approx(expected, rel=1e-9, abs=1e-12 * size)
    assert assignment.gap(similarity, found) <= 1e-9 * size


def test_a_unique_optimum_is_found_whatever_the_potentials(stream, reducing, monkeypatch):
    similarity = low_rank(stream, 60, 4)
    expected = linear_sum_assignment(similarity, maximize=True)[1]
    for _ in range(5):
        u, v = stream.normal(size=(2, 60)).astype(np.float32)
        monkeypatch.setattr(assignment, "potentials", lambda costs, u=u, v=v: (u, v))
        np.testing.assert_array_equal(assignment.maximise(similarity), expected)


def test_potentials_that_overflow_are_not_used(stream, reducing, monkeypatch):
    similarity = low_rank(stream, 30, 4)
    bad = np.full(30, np.inf, np.float32)
    monkeypatch.setattr(assignment, "potentials", lambda costs: (bad, bad))
    assert assignment.reduced_costs(similarity) is None
    expected = linear_sum_assignment(similarity, maximize=True)[1]
    np.testing.assert_array_equal(assignment.maximise(similarity), expected)


@pytest.mark.parametrize("k", [1, 4])
def test_reduced_costs_differ_by_rows_and_columns_and_nearly_vanish(k, stream, reducing):
    similarity = low_rank(stream, 200, k)
    costs = assignment.reduced_costs(similarity)
    moved = costs + similarity
    moved -= moved[:, :1]
    np.testing.assert_allclose(moved - moved[:1], 0, atol=1e-12)
    own = costs[np.arange(200), assignment.maximise(similarity)]
    assert np.abs(own - np.median(own)).mean() < 0.1 * np.abs(similarity).mean()


def test_equal_units_stay_equal(stream, reducing):
    """Dead units tie exactly, and scipy is fast on exact ties."""
    costs = assignment.reduced_costs(half_dead(stream, 100))
    dead = costs[::2, 1::2]
    assert len(np.unique(dead)) == 1


def test_the_matrix_is_not_changed(stream, reducing):
    similarity = low_rank(stream, 40, 3)
    before = similarity.copy()
    assignment.maximise(similarity)
    assignment.gap(similarity, np.arange(40))
    np.testing.assert_array_equal(similarity, before)


def test_small_easy_and_tied_matrices_go_to_scipy_as_they_are(stream, monkeypatch):
    asked = []
    original = assignment.reduced_costs
    monkeypatch.setattr(
        assignment, "reduced_costs", lambda found: asked.append(1) or original(found)
    )
    monkeypatch.setattr(assignment, "SMALLEST", 256)

    def reduces(similarity):
        asked.clear()
        assignment.maximise(similarity)
        return bool(asked)

    low = low_rank(stream, 300, 4)
    assert reduces(low)
    assert not reduces(low[:255, :255])
    assert not reduces(low[:, :290])
    assert not reduces(stream.normal(size=(300, 300)))
    assert not reduces(stream.integers(0, 9, (300, 300)))
    assert not reduces(np.zeros((300, 300)))


def test_up_to_the_papers_widths_the_answer_is_scipys(stream):
    similarity = np.rint(low_rank(stream, 512, 4))
    expected = linear_sum_assignment(similarity, maximize=True)[1]
    np.testing.assert_array_equal(assignment.maximise(similarity), expected)


@pytest.mark.parametrize("bad", [np.nan, -np.inf])
def test_what_is_no_number_is_an_error(bad, stream, reducing):
    similarity = low_rank(stream, 30, 3)
    similarity[3] = bad
    with pytest.raises(ValueError):
        assignment.maximise(similarity)


def test_a_forbidden_pair_is_left_to_scipy(stream, reducing):
    similarity = low_rank(stream, 30, 3)
    similarity[3, 4] = -np.inf
    expected = linear_sum_assignment(similarity, maximize=True)[1]
    np.testing.assert_array_equal(assignment.maximise(similarity), expected)


def test_the_gap_bounds_what_is_missing(stream):
    """A worse permutation has a gap of at least what it lacks."""
    similarity = low_rank(stream, 40, 4)
    best = linear_sum_assignment(similarity, maximize=True)[1]
    assert assignment.gap(similarity, best) < 1e-9
    for _ in range(10):
        worse = best.copy()
        i, j = stream.choice(40, 2, replace=False)
        worse[[i, j]] = worse[[j, i]]
        missing = objective(similarity, best) - objective(similarity, worse)
        assert missing > 0
        assert assignment.gap(similarity, worse) >= missing * (1 - 1e-9)


def test_large_and_of_low_rank(stream):
    """The case it is for: the size where it begins, with a certificate."""
    similarity = low_rank(stream, 1024, 4)
    assert assignment.reduced_costs(similarity) is not None
    found = assignment.maximise(similarity)
    np.testing.assert_array_equal(found, linear_sum_assignment(similarity, maximize=True)[1])
    assert assignment.gap(similarity, found) < 1e-9 * objective(similarity, found)


@pytest.mark.parametrize(("heads", "units", "groups"), [(1, 5, 1), (3, 2, 2), (2, 3, 1), (4, 1, 2)])
def test_heads_are_assigned_with_their_units_as_by_brute_force(heads, units, groups):
    """Over all permutations of heads and, for each group, of the units within every head."""
    stream = np.random.default_rng(heads)
    size = heads * units
    similarities = [stream.normal(size=(size, size)) for _ in range(groups)]
    found = assignment.assign(similarities, heads)
    value = sum(objective(s, p) for s, p in zip(similarities, found, strict=True))
    best = -np.inf
    inside = list(itertools.permutations(range(units)))
    for order in itertools.permutations(range(heads)):
        total = 0.0
        for similarity in similarities:
            for i, j in enumerate(order):
                part = similarity[i * units : (i + 1) * units, j * units : (j + 1) * units]
                total += max(part[np.arange(units), list(p)].sum() for p in inside)
        best = max(best, total)
    assert value == pytest.approx(best, rel=1e-12)
    for p in found:
        assert sorted(p) == list(range(size))
        assert (p.reshape(heads, units) // units == found[0].reshape(heads, units) // units).all()
