"""The line between two networks, and the check that a permutation left the function."""

import numpy as np
import pytest
import torch

from lmc_ot.connectivity import interpolation
from lmc_ot.errors import UserError
from lmc_ot.networks import permutation
from support import mlp


def test_the_ends_are_the_networks_and_the_middle_is_their_mean(random_mlp):
    a, b = random_mlp([4, 3, 2]), random_mlp([4, 3, 2])
    for key in a:
        at = {t: interpolation.interpolate(a, b, t)[key] for t in (0.0, 0.25, 0.5, 1.0)}
        assert all(values.dtype == np.float32 for values in at.values())
        np.testing.assert_array_equal(at[0.0], a[key])
        np.testing.assert_array_equal(at[1.0], b[key])
        double = a[key].astype(np.float64), b[key].astype(np.float64)
        np.testing.assert_array_equal(at[0.5], ((double[0] + double[1]) / 2).astype(np.float32))
        np.testing.assert_allclose(at[0.25], 0.75 * double[0] + 0.25 * double[1], rtol=1e-6)


def test_interpolation_is_rounded_once():
    """In float32, (1 - t) a + t b of equal a and b is not always a."""
    a = {(1, "weight"): np.random.default_rng(0).normal(size=(100, 100)).astype(np.float32)}
    for t in np.linspace(0, 1, 25).tolist():  # a float64 would make numpy compute in float64
        np.testing.assert_array_equal(
            interpolation.interpolate(a, a, t)[1, "weight"], a[1, "weight"]
        )


def test_the_networks_are_not_changed(random_mlp):
    a, b = random_mlp([4, 3, 2]), random_mlp([4, 3, 2])
    interpolation.interpolate(a, b, 0.0)[1, "weight"][:] = 0
    assert a[1, "weight"].any()


@pytest.mark.parametrize("at_once", [1, 3, 100])
def test_a_path_is_evaluated_point_by_point(trained, clusters, run_mlp, monkeypatch, at_once):
    monkeypatch.setattr(interpolation, "NETWORKS_AT_ONCE", at_once)
    network, a, b = trained
    t = np.linspace(0, 1, 7)
    images, labels = clusters.inputs("test"), clusters.test.labels
    loss, accuracy = interpolation.evaluate_path(network, a, b, t, images, labels)
    assert loss.shape == accuracy.shape == (7,)
    for i, x in enumerate(t):
        between = {key: (1 - x) * a[key] + x * b[key] for key in a}
        _, logits = run_mlp(between, images)
        logits -= logits.max(1, keepdims=True)
        chances = np.exp(logits)[range(30), labels] / np.exp(logits).sum(1)
        assert loss[i] == pytest.approx(-np.log(chances).mean(), rel=1e-3, abs=1e-5)
        assert accuracy[i] == pytest.approx((logits.argmax(1) == labels).mean())


def test_points_of_any_lines_are_evaluated_as_those_of_a_path(trained, clusters):
    network, a, b = trained
    data = clusters.inputs("test"), clusters.test.labels
    points = [(a, a, 0.0), (a, b, 0.5), (b, b, 0.0)]
    found = interpolation.evaluate_points(network, points, *data)
    path = interpolation.evaluate_path(network, a, b, np.array([0.0, 0.5, 1.0]), *data)
    np.testing.assert_array_equal(found, path)


def test_a_permuted_network_passes_as_the_same_function(trained, clusters, stream):
    network, a, _ = trained
    permuted = permutation.apply(a, permutation.random(a, stream))
    interpolation.check_same_function(network, a, permuted, clusters.inputs("test"), "the pair")


def test_another_function_is_refused_in_one_line(trained, clusters, one_line):
    network, a, b = trained
    with pytest.raises(UserError) as error:
        interpolation.check_same_function(network, a, b, clusters.inputs("test"), "the pair")
    one_line(error, "the pair", "another function")


@pytest.mark.parametrize("broken", ["rows alone", "a bias", "a logit", "not finite"])
def test_a_small_fault_of_a_permutation_is_noticed(trained, clusters, broken):
    network, a, _ = trained
    permuted = permutation.apply(a, {1: np.roll(np.arange(16), 1)})
    if broken == "rows alone":
        permuted[2, "weight"] = a[2, "weight"]
    elif broken == "a bias":
        permuted[1, "bias"] = a[1, "bias"]
    elif broken == "a logit":
        permuted[3, "bias"][0] += 0.02
    else:
        permuted[3, "bias"][0] = np.nan
    with pytest.raises(UserError, match="another function"):
        interpolation.check_same_function(network, a, permuted, clusters.inputs("test"), "the pair")


def test_networks_of_large_logits_are_compared_by_their_size(random_mlp, stream):
    """Logits of 1e6 differ by float32 rounding alone, by more than any absolute tolerance."""
    a = random_mlp([8, 64, 3])
    a[2, "weight"] *= 1e6
    permuted = permutation.apply(a, permutation.random(a, stream))
    images = stream.normal(size=(50, 8)).astype(np.float32)
    interpolation.check_same_function(mlp((8,), 3, [64]), a, permuted, images, "the pair")


def test_fewer_points_are_evaluated_at_once_where_memory_does_not_suffice(
    trained, clusters, monkeypatch, capsys
):
    network, a, b = trained
    t = np.linspace(0, 1, 7)
    arguments = (network, a, b, t, clusters.inputs("test"), clusters.test.labels)
    expected = interpolation.evaluate_path(*arguments)
    measure, tried = interpolation.evaluate, []

    def hungry(network, some, *data):
        tried.append(len(next(iter(some.values()))))
        if tried[-1] > 2:
            raise torch.OutOfMemoryError("CUDA out of memory.")
        return measure(network, some, *data)

    monkeypatch.setattr(interpolation, "evaluate", hungry)
    found = interpolation.evaluate_path(*arguments)
    assert tried == [7, 4, 2, 2, 2, 1]
    np.testing.assert_allclose(found, expected, rtol=1e-5)
    assert "out of memory with 7 points of the path at once: halving to 4" in (
        capsys.readouterr().out
    )
