"""The bootstrap over networks: all resamples of few networks, closed forms, coverage."""

from itertools import combinations, product

import numpy as np
import pytest

from lmc_ot.connectivity.bootstrap import Resamples, resample

PAIRS = list(combinations(range(8), 2))


def stream():
    return np.random.default_rng(0)


def test_few_networks_give_the_distribution_of_all_their_resamples():
    values = {(0, 1): 1.0, (0, 2): 4.0, (1, 2): 9.0}
    exact = []
    for drawn in product(range(3), repeat=3):
        found = [values[min(i, j), max(i, j)] for i, j in combinations(drawn, 2) if i != j]
        exact += [np.mean(found)] if found else []
    means = resample(list(values), 100_000, stream()).means(np.array(list(values.values())))
    for value in set(np.round(exact, 9)):
        share = np.isclose(exact, value).mean()
        assert np.isclose(means, value).mean() == pytest.approx(share, abs=0.01)
    assert np.isclose(means[:, None], sorted(set(exact))).any(axis=1).all()


def test_networks_have_any_numbers():
    found = resample([(0, 1), (0, 2), (1, 2)], 50, stream()).weights
    np.testing.assert_array_equal(resample([(3, 9), (3, 20), (9, 20)], 50, stream()).weights, found)


def test_every_resample_has_a_pair_and_weights_that_sum_to_one():
    weights = resample([(0, 1), (0, 2), (1, 2)], 10_000, stream()).weights
    assert weights.shape == (10_000, 3)
    np.testing.assert_allclose(weights.sum(axis=1), 1)
    assert (weights >= 0).all()


def sums(networks):
    return np.array([networks[i] + networks[j] for i, j in PAIRS])


def test_pairs_that_share_networks_are_not_counted_as_independent():
    """A pair's value is the sum of its networks': the mean's variance is 4 / n of a network's."""
    draws = np.random.default_rng(1)
    spreads, taken_for_independent = [], []
    for _ in range(400):
        h = sums(draws.normal(size=8))
        found = resample(PAIRS, 500, draws)
        spreads.append((found.means(h) / found.narrowness).var())
        taken_for_independent.append(h.var() / len(PAIRS))
    assert np.mean(spreads) == pytest.approx(4 / 8, rel=0.1)
    assert np.mean(taken_for_independent) < 0.25 * 4 / 8


@pytest.mark.parametrize("law", ["normal", "lognormal"])
def test_the_interval_of_eight_networks_covers_about_as_often_as_it_says(law):
    draws = np.random.default_rng(2)
    hits, plain_hits = [], []
    for _ in range(1_000):
        x = draws.normal(size=8)
        found = resample(PAIRS, 500, draws)
        h, truth = (sums(x), 0) if law == "normal" else (sums(np.exp(x / 2)), 2 * np.exp(1 / 8))
        means = found.means(h)
        low, high = found.interval(means, 0.95)
        hits.append(low <= truth <= high)
        low, high = np.quantile(means, [0.025, 0.975])
        plain_hits.append(low <= truth <= high)
    print(f"{law}: covers in {np.mean(hits):.1%}, plain percentiles in {np.mean(plain_hits):.1%}")
    assert np.mean(plain_hits) < 0.9
    assert 0.88 < np.mean(hits) < 0.97


def test_the_interval_lies_between_equal_tails():
    many = Resamples(np.empty((0, 0)), networks=10**9, narrowness=1.0)
    assert many.interval(np.arange(1001.0), 0.9) == pytest.approx((50, 950))


@pytest.mark.parametrize("pairs", [[], [(0, 1)]])
def test_a_single_pair_has_no_bootstrap(pairs):
    with pytest.raises(ValueError, match="at least two"):
        resample(pairs, 100, stream())
