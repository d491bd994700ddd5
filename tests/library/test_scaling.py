"""Slopes and sizes needed against closed forms: power laws, Gaussian neurons, rank-k neurons."""

import numpy as np
import pytest

from lmc_ot.connectivity.correlation import spearman
from lmc_ot.connectivity.scaling import NEVER, size_needed, size_predicted, slopes
from lmc_ot.matching import REGISTRY
from lmc_ot.matching.matcher import match
from lmc_ot.matching.moments import InMemory, Moments, NetworkMoments
from lmc_ot.networks.groups.chain import chain

SIZES = np.array([32.0, 64, 128, 256, 512, 1024])


def test_a_power_law_has_its_exponent():
    values = np.array([3 * SIZES**-0.4, 2 * SIZES**0.1, 7 * SIZES**0])
    np.testing.assert_allclose(slopes(SIZES, values), [-0.4, 0.1, 0.0], atol=1e-12)


def test_slopes_are_those_of_numpy(stream):
    values = stream.lognormal(size=(20, len(SIZES)))
    expected = [np.polyfit(np.log(SIZES), np.log(row), 1)[0] for row in values]
    np.testing.assert_allclose(slopes(SIZES, values), expected, rtol=1e-9)


def test_values_without_a_logarithm_are_left_out():
    law = 3 * SIZES**-0.4
    some = np.array([law, law, law, law])
    some[0, [1, 4]] = [0.0, -1.0]
    some[1, 2:] = np.nan
    some[2, 1:] = -1.0
    some[3] = np.nan
    np.testing.assert_allclose(slopes(SIZES, some), [-0.4, -0.4, np.nan, np.nan], atol=1e-12)


@pytest.mark.parametrize("exponent", [0.5, 1.0])
@pytest.mark.parametrize("target", [0.3, 0.01, 1e-4])
def test_a_power_law_needs_the_size_at_which_it_is_the_target(exponent, target):
    """Within the sizes, between two of them, and beyond: value = 8 n^-s, so n = (8 / t)^(1 / s)."""
    values = 8 * SIZES[None] ** -exponent
    expected = max(np.log10(8 / target) / exponent, np.log10(32))
    assert size_needed(SIZES, values, target)[0] == pytest.approx(expected, rel=1e-9)
    last = size_predicted(SIZES[-1], values[:, -1], target, np.array([-exponent]))
    assert last[0] == pytest.approx(np.log10(8 / target) / exponent, rel=1e-9)


def test_a_target_may_never_be_reached_or_from_the_beginning():
    values = np.array([SIZES**0.1, SIZES**-1e-4, 1e-3 * SIZES**0, 1.0 - 2 * (SIZES > 100)])
    expected = [NEVER, NEVER, np.log10(32), np.log10(128)]
    np.testing.assert_allclose(size_needed(SIZES, values, 0.01), expected)
    values[0, 2] = np.nan
    assert np.isnan(size_needed(SIZES, values, 0.01)[0])
    assert np.isnan(size_predicted(1024, np.array([0.0, 0.5]), 0.01, np.array([-1, 0.2]))).all()
    assert size_predicted(1024, np.array([0.5]), 0.01, np.array([-1e-3]))[0] == NEVER


def test_rank_correlations_are_scipys(stream):
    from scipy.stats import spearmanr

    values = stream.normal(size=(2, 5, 9)).round(1)
    expected = [spearmanr(x, y).statistic for x, y in zip(*values, strict=True)]
    np.testing.assert_allclose(spearman(values), expected, rtol=1e-12)


# -- the theorem's rate, through the workflow's own matchers ----------------------------------


def distances(name, weights_of, sigma, sizes, repetitions=12):
    """Squared distances of matched layers of independent neurons, as shares: (repetitions, S)."""
    matcher = REGISTRY.build({"name": name})
    d = len(sigma)
    moments = NetworkMoments(InMemory({}), lambda: Moments.of_one(sigma, np.zeros(d)))
    rows = []
    for _ in range(repetitions):
        row = []
        for n in sizes:
            a, b = ({"1.weight": weights_of(n), "2.weight": np.zeros((1, n))} for _ in range(2))
            found = match(matcher, a, b, chain({"1.weight": n, "2.weight": 1}), moments, moments)
            total = sum(found.norms["1"])
            row.append((total - 2 * found.objectives["1"]) / total)
        rows.append(row)
    return np.array(rows)


def interval(values):
    """Mean of slopes and four standard errors."""
    return values.mean(), 4 * values.std(ddof=1) / np.sqrt(len(values))


def test_gaussian_neurons_come_close_at_the_theorems_rate(stream):
    """-2 / d at d = 8 (Theorem 5.3), whose finite-size deviation is below 0.03 (docs/theory.md)."""
    sizes = np.array([64, 128, 256, 512])
    shares = distances("naive_wm", lambda n: stream.normal(size=(n, 8)), np.eye(8), sizes)
    slope, margin = interval(slopes(sizes, shares))
    assert margin < 0.03
    assert slope == pytest.approx(-2 / 8, abs=margin + 0.03)


def test_neurons_of_rank_k_have_the_rate_of_k(stream):
    """64 inputs, of which sigma-weighted matching sees 5: -2/5; naive matching sees all 64."""
    sizes = np.array([64, 128, 256, 512])
    sigma = np.diag(np.r_[np.ones(5), np.zeros(59)])
    shares = distances("sigma_wm", lambda n: stream.normal(size=(n, 64)), sigma, sizes)
    slope, margin = interval(slopes(sizes, shares))
    assert slope == pytest.approx(-2 / 5, abs=margin + 0.03)
    shares = distances("naive_wm", lambda n: stream.normal(size=(n, 64)), sigma, sizes)
    assert interval(slopes(sizes, shares))[0] == pytest.approx(-2 / 64, abs=0.06)
