"""Two-layer mean-field networks: the SGD step, its noise, and what is measured of a pair."""

import numpy as np
import pytest

from lmc_ot.theory import REGISTRY, mean_field
from lmc_ot.theory.mean_field import (
    BARRIER,
    DEVIATION,
    LOSS_GAP,
    MeanField,
    ascent,
    compare,
    predict,
)
from lmc_ot.theory.transport import matching

SMALL = {
    "sizes": [16, 32],
    "dimension": 3,
    "time": 2.0,
    "step": 1.0,
    "decay": 0.02,
    "temperature": 0.1,
    "repetitions": 3,
}


def values(seed=0, **options):
    """(quantity, series, size, repetition) -> value."""
    found = list(MeanField(**{**SMALL, **options}).measure(seed))
    table = {tuple(measurement[:4]): measurement.value for measurement in found}
    assert len(table) == len(found)
    return table


@pytest.fixture
def network(stream):
    """Make a network of three inputs, neurons as columns, float64."""
    return lambda n: stream.normal(size=(4, n))


@pytest.fixture
def sample(stream):
    """Inputs and targets."""
    x = stream.uniform(-2, 2, (400, 3))
    return x, mean_field.target(x)


def test_the_prediction_is_the_mean_over_neurons(network, sample):
    theta = network(5)
    x = sample[0][7]
    expected = sum(a * np.tanh(w @ x) for a, w in zip(theta[0], theta[1:].T, strict=True)) / 5
    assert predict(theta, x[None])[0] == pytest.approx(expected, rel=1e-13)


def test_a_step_follows_the_gradient_by_finite_differences(network, stream):
    theta = np.stack([network(6), network(6)])
    x, y = stream.normal(size=(2, 3)), stream.normal(size=2)
    found = ascent(theta, x, y)
    for m in range(2):
        for at in np.ndindex(theta.shape[1:]):
            losses = []
            for move in (1e-5, -1e-5):
                moved = theta[m].copy()
                moved[at] += move
                losses.append((y[m] - predict(moved, x[m : m + 1])[0]) ** 2)
            gradient = (losses[0] - losses[1]) / 2e-5
            # The step is 2 s times this: the gradient of the loss times the number of neurons.
            assert 2 * found[m][at] == pytest.approx(-6 * gradient, rel=1e-6, abs=1e-9)


def test_training_is_the_papers_sgd_written_out():
    experiment = MeanField(**{**SMALL, "repetitions": 3})
    decay, steps, size = 0.3, 2 * 16, 1 / 16
    theta = experiment.train(5, 16, decay, 0.0)
    for number, network in enumerate("AB"):
        identity = ("mean field", 3, 16, 0, network)
        a, *w = mean_field.initial(mean_field.generator(5, *identity, "initial"), 3, 16)
        w = np.array(w).T
        stream = mean_field.generator(5, *identity, "examples")
        for _ in range(steps):
            x = stream.uniform(-(3**0.5), 3**0.5, 3)
            hidden = np.tanh(w @ x)
            residual = np.sin(x[0] + x[1]) - np.mean(a * hidden)
            shrink = 1 - 2 * decay * size
            a, w = (
                shrink * a + 2 * size * residual * hidden,
                shrink * w + 2 * size * residual * np.outer(a * (1 - hidden**2), x),
            )
        np.testing.assert_allclose(theta[number], np.vstack([a, w.T]), atol=2e-5)


def test_the_noise_has_the_papers_variance(monkeypatch):
    monkeypatch.setattr(mean_field, "ascent", lambda theta, x, y: np.zeros_like(theta))
    experiment = MeanField(**{**SMALL, "time": 3.0})
    still, moved = (experiment.train(0, 500, 0.0, tau) for tau in (0.0, 0.8))
    noise = (moved - still).astype(np.float64)
    # Brownian motion: after SGD time T, variance 2 T tau / D; 12,000 independent coordinates.
    assert noise.var() == pytest.approx(2 * 3.0 * 0.8 / 4, rel=0.06)
    assert abs(noise.mean()) < 0.06
    assert abs(np.corrcoef(noise[0].ravel(), noise[1].ravel())[0, 1]) < 0.1


def test_the_initial_law_has_the_stated_moments_and_bounds():
    theta = mean_field.initial(np.random.default_rng(0), 8, 20_000)
    assert theta.dtype == np.float32
    np.testing.assert_allclose(theta.mean(1), 0, atol=0.04)
    np.testing.assert_allclose(theta.var(1), [1] + 8 * [1 / 8], rtol=0.05)
    assert np.abs(theta[0]).max() <= 3**0.5 + 1e-6
    assert np.abs(theta[1:]).max() <= (3 / 8) ** 0.5 + 1e-6


def test_a_permuted_copy_is_found_and_has_no_errors(network, sample, stream):
    a = network(40)
    b = a[:, stream.permutation(40)]
    matched = compare(a, b[:, matching(a.T, b.T)], *sample)
    assert matched == pytest.approx({DEVIATION: 0, LOSS_GAP: 0, BARRIER: 0}, abs=1e-14)
    assert compare(a, b, *sample)[DEVIATION] > 1e-3


def test_what_is_measured_is_its_definition(network, sample):
    a, b = network(5), network(5)
    x, y = sample
    found = compare(a, b, x, y)
    middle, mean = predict((a + b) / 2, x), (predict(a, x) + predict(b, x)) / 2
    assert found[DEVIATION] == pytest.approx(np.mean((middle - mean) ** 2))
    gap = np.mean((middle - y) ** 2) - np.mean((mean - y) ** 2)
    assert found[LOSS_GAP] == pytest.approx(abs(gap))
    losses = [np.mean((predict(a + t * (b - a), x) - y) ** 2) for t in np.arange(9) / 8]
    excess = [loss - losses[0] - t / 8 * (losses[8] - losses[0]) for t, loss in enumerate(losses)]
    assert found[BARRIER] == pytest.approx(max(excess), abs=1e-12)


def test_the_seed_gives_every_value_and_another_seed_gives_others():
    first = values(3)
    assert first == values(3)
    other = values(4)
    assert all(other[key] != value for key, value in first.items() if key[0] == DEVIATION)


def test_one_more_size_or_repetition_changes_no_other_value():
    few, many = values(), values(sizes=[8, 16, 32], repetitions=4)
    assert few.items() < many.items()


def test_examples_are_drawn_in_blocks_that_change_nothing(monkeypatch):
    expected = values()
    monkeypatch.setattr(mean_field, "BLOCK", 7)
    assert values() == expected


def test_the_variants_differ_by_noise_and_decay_alone():
    found = values(decay=0.0, temperature=0.0)
    for (quantity, series, *rest), value in found.items():
        if series.startswith("noiseless"):
            assert found[quantity, series.replace("noiseless", "noisy"), *rest] == value


def test_every_fitted_curve_is_measured():
    curves = {key[:2] for key in values()}
    predicted = {(p.quantity, p.series) for p in MeanField(**SMALL).predictions()}
    assert predicted == {curve for curve in curves if curve[0] != BARRIER}
    assert all(value > 0 for key, value in values().items() if key[0] != BARRIER)


def test_matched_pairs_become_connected_as_they_widen_and_others_do_not():
    """At these options and seeds 0 to 9 the matched deviation falls at least fifteenfold, and ends
    below a thousandth of the unmatched one."""
    found = values(sizes=[16, 128], dimension=2, time=4.0, repetitions=6)

    def deviation(variant, name, size):
        series = f"{variant}, {name}"
        return np.mean([found[DEVIATION, series, size, r] for r in range(6)])

    for variant in ("noiseless", "noisy"):
        wide = deviation(variant, "matched", 128)
        assert wide < deviation(variant, "matched", 16) / 3
        assert wide < deviation(variant, "not matched", 128) / 30


def test_training_lowers_the_loss(sample):
    x = np.random.default_rng(1).uniform(-(3**0.5), 3**0.5, (2000, 3))
    y = mean_field.target(x)
    loss = {
        time: np.mean(
            [
                np.mean((predict(theta.astype(float), x) - y) ** 2)
                for theta in MeanField(**{**SMALL, "time": time}).train(0, 128, 0.0, 0.0)
            ]
        )
        for time in (1e-9, 4.0)
    }
    assert loss[4.0] < loss[1e-9] / 3


def test_the_registry_offers_it_with_defaults():
    entry = REGISTRY.entry("mean_field")
    assert "Theorem 3.1" in entry.statement
    assert REGISTRY.build({"name": "mean_field"}).predictions()
