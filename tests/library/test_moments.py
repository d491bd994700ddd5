"""Moments: streaming is as good as whole, exact to float32 products, each computed once."""

import numpy as np
import pytest

from lmc_ot.connectivity.dimension import Dimension, describe
from lmc_ot.errors import UserError
from lmc_ot.matching.moments import (
    ROWS_AT_ONCE,
    InMemory,
    Moments,
    NetworkMoments,
    cross_moments_of,
    moments_of,
)
from lmc_ot.networks.groups.group import INPUT, Producer, Tap


def test_moments_by_hand():
    x = np.array([[1, 2], [3, 4]], np.float32)
    y = np.array([[1], [-1]], np.float32)
    found = cross_moments_of([(x, y)])
    assert found.second.tolist() == [[-1], [-1]]
    assert found.mean_x.tolist() == [2, 3]
    assert found.mean_y.tolist() == [0]
    assert found.covariance.tolist() == [[-1], [-1]]


def test_streaming_equals_the_whole(stream):
    x, y = (stream.normal(size=(103, n)).astype(np.float32) + 1 for n in (5, 4))
    cuts = [1, 40, 41, 90]
    found = cross_moments_of(zip(np.split(x, cuts), np.split(y, cuts), strict=True))
    x, y = x.astype(np.float64), y.astype(np.float64)
    np.testing.assert_allclose(found.second, x.T @ y / 103, rtol=1e-6)
    np.testing.assert_allclose(found.mean_x, x.mean(0), rtol=1e-7)
    np.testing.assert_allclose(found.mean_y, y.mean(0), rtol=1e-7)
    centred = (x - x.mean(0)).T @ (y - y.mean(0)) / 103
    np.testing.assert_allclose(found.covariance, centred, rtol=1e-5, atol=1e-7)
    np.testing.assert_array_equal(found.second_moment(True), found.covariance)
    np.testing.assert_array_equal(found.second_moment(False), found.second)


def test_the_error_of_float32_products_is_as_documented(stream):
    """Over many blocks, relative to the standard deviations: below 5e-6."""
    x = np.maximum(stream.normal(size=(20 * ROWS_AT_ONCE, 40)) @ stream.normal(size=(40, 40)), 0)
    x = x.astype(np.float32)
    exact = np.cov(x.astype(np.float64).T, ddof=0)
    found = moments_of([x])
    deviations = np.sqrt(np.diagonal(exact))
    error = np.abs(found.covariance - exact) / np.outer(deviations, deviations)
    assert error.max() < 5e-6 and np.median(error) < 1e-7
    np.testing.assert_allclose(found.variance_x, deviations**2, rtol=5e-6)


def test_the_moments_of_one_vector_are_those_of_a_pair_of_it(stream):
    x = stream.normal(size=(50, 4)).astype(np.float32)
    one, pair = moments_of(np.split(x, 5)), cross_moments_of([(x, x.copy())])
    np.testing.assert_allclose(one.second, pair.second, rtol=1e-5, atol=1e-7)
    np.testing.assert_array_equal(one.second, one.second.T)
    np.testing.assert_array_equal(one.mean_x, one.mean_y)


def test_units_at_several_places_are_averaged_over_them(stream):
    """Three units with two places each, which count as samples."""
    x, y = (stream.normal(size=(200, 6)).astype(np.float32) + 1 for _ in range(2))
    places = np.array([[4, 0], [1, 5], [2, 3]])
    found = cross_moments_of([(x, y)]).at(places)
    samples = [np.concatenate([v[:, places[:, k]] for k in (0, 1)]) for v in (x, y)]
    expected = cross_moments_of([tuple(samples)])
    for name in ("covariance", "mean_x", "mean_y", "variance_x", "variance_y"):
        np.testing.assert_allclose(
            getattr(found, name), getattr(expected, name), rtol=1e-5, atol=1e-6
        )


def test_scaled_moments_are_those_of_scaled_vectors(stream):
    x, y = (stream.normal(size=(50, 3)).astype(np.float32) for _ in range(2))
    factors = np.array([2.0, 0.5, 0.0]), np.array([1.0, -4.0, 0.25])
    found = cross_moments_of([(x, y)]).scaled(*factors)
    expected = cross_moments_of([(x * factors[0].astype("f"), y * factors[1].astype("f"))])
    for name in ("covariance", "mean_x", "mean_y", "variance_x", "variance_y"):
        np.testing.assert_allclose(
            getattr(found, name), getattr(expected, name), rtol=1e-5, atol=1e-7
        )


def test_a_mean_that_float32_would_lose_does_not_spoil_the_covariance(stream):
    """Mean 4096, variance 1: the second moment is 2^24, of which float32 keeps no unit."""
    x = (4096 + stream.choice([-1.0, 1.0], size=(6000, 3))).astype(np.float32)
    expected = np.cov(x.astype(np.float64).T, ddof=0)
    single = x.T @ x / np.float32(len(x)) - np.outer(x.mean(0), x.mean(0))
    assert np.abs(single - expected).max() > 0.1
    found = moments_of(np.split(x, 6))
    assert found.second.dtype == np.float64
    np.testing.assert_allclose(found.covariance, expected, atol=5e-6)


def test_many_batches_are_added_in_float64():
    """In float32 a sum stays at 2^24 = 16,777,216 when ones are added to it."""
    batches = [np.zeros((1, 1), np.float32), np.full((1, 1), 4096, np.float32)]
    batches += [np.ones((1, 1), np.float32)] * 100
    assert moments_of(batches).second * 102 == pytest.approx(2**24 + 100, abs=1e-3)


def test_the_activations_are_not_changed(stream):
    x = stream.normal(size=(5, 2)).astype(np.float32)
    before = x.copy()
    moments_of([x])
    np.testing.assert_array_equal(x, before)


def test_no_examples_have_no_moments():
    with pytest.raises(ValueError, match="no examples"):
        moments_of([])
    with pytest.raises(ValueError, match="no examples"):
        moments_of([np.empty((0, 3), np.float32)])


def test_batches_of_different_examples_are_refused():
    with pytest.raises(UserError, match="2 and 3 examples"):
        cross_moments_of([(np.ones((2, 1), "f"), np.ones((3, 1), "f"))])


class Counting(InMemory):
    """Activations that note which values were read."""

    def __init__(self, values):
        super().__init__(values)
        self.read = []

    def batches(self, value):
        self.read.append(value)
        yield from super().batches(value)


def at(value, width=1):
    return Tap(value, 1, np.arange(width)[:, None])


def dense(reads):
    return Producer("w", 0, None, at("made"), reads, reads, (), None)


@pytest.fixture
def values(stream):
    names = (INPUT, "phi_1", "phi_2")
    return {
        name: stream.normal(size=(20, width)).astype(np.float32) + 1
        for name, width in zip(names, (3, 4, 5), strict=True)
    }


def test_a_networks_moments_are_computed_once_and_only_when_asked_for(values):
    activations = Counting(values)
    moments = NetworkMoments(activations)
    assert activations.read == []
    for name in ("phi_2", INPUT, "phi_2", INPUT):
        expected = values[name].T @ values[name] / 20
        np.testing.assert_allclose(moments(at(name)).second, expected, rtol=1e-5)
    assert activations.read == ["phi_2", INPUT]


def test_shared_moments_of_the_input_are_used_for_it_alone(values):
    activations = Counting(values)
    shared = Moments.of_one(np.eye(3), np.zeros(3))
    moments = NetworkMoments(activations, lambda: shared)
    assert moments(at(INPUT)) is shared
    assert moments(at("phi_1")) is not shared
    assert activations.read == ["phi_1"]


def test_crossing_two_networks_takes_the_same_value_of_both(values, stream):
    others = {name: stream.normal(size=v.shape).astype(np.float32) for name, v in values.items()}
    a, b = NetworkMoments(InMemory(values)), NetworkMoments(InMemory(others))
    found = a.cross(at("phi_2"), b)
    expected = values["phi_2"].T.astype(float) @ others["phi_2"] / 20
    np.testing.assert_allclose(found.second, expected, rtol=1e-5, atol=1e-6)
    np.testing.assert_allclose(found.mean_y, others["phi_2"].mean(0), rtol=1e-5, atol=1e-7)


def test_two_weights_fed_with_the_same_activations(values, stream):
    x, y = stream.normal(size=(5, 3)), stream.normal(size=(2, 3))
    found = NetworkMoments(InMemory(values)).through(dense(INPUT), x, y)
    of_x, of_y = values[INPUT] @ x.T, values[INPUT] @ y.T
    np.testing.assert_allclose(found.second, of_x.T @ of_y / 20, rtol=1e-5)
    centred = (of_x - of_x.mean(0)).T @ (of_y - of_y.mean(0)) / 20
    np.testing.assert_allclose(found.covariance, centred, rtol=1e-4, atol=1e-6)


@pytest.mark.parametrize("centred", [False, True])
def test_squared_norms_are_traces_of_second_moments(stream, centred):
    x, y = (stream.normal(size=(30, n)).astype(np.float32) + 1 for n in (3, 4))
    of_x, of_y = (values - values.mean(0) if centred else values for values in (x, y))
    expected = (of_x**2).sum() / 30, (of_y**2).sum() / 30
    found = cross_moments_of(zip(np.split(x, 3), np.split(y, 3), strict=True))
    assert found.squared_norms(centred) == pytest.approx(expected, rel=1e-6)
    weights = stream.normal(size=(5, 3)), stream.normal(size=(2, 3))
    expected = [((of_x @ weight.T) ** 2).sum() / 30 for weight in weights]
    assert moments_of([x]).through(*weights).squared_norms(centred) == pytest.approx(expected)


def test_a_layer_whose_input_is_not_recorded_is_refused_in_one_line(values, one_line):
    with pytest.raises(UserError) as error:
        NetworkMoments(InMemory(values)).through(dense(None), np.ones((2, 27)), np.ones((2, 27)))
    one_line(error, "w", "activations.streamed")


CONSTANTS = [1.0, 0.1, -3.3333333, 1e4, 1e-5, 0.0]


def test_constant_units_have_no_covariance():
    """Theirs is exactly 0, as is the dimension: what rounding leaves would have any dimension."""
    x = np.tile(np.array(CONSTANTS, np.float32), (5000, 1))
    found = moments_of(np.split(x, 5))
    assert not found.covariance.any()
    assert describe(found.covariance) == Dimension(0.0, 0.0, None, 0.0, 0.0)
    assert found.squared_norms(True) == (0.0, 0.0)
    np.testing.assert_allclose(found.second, np.outer(CONSTANTS, CONSTANTS), rtol=1e-6)


def test_a_constant_unit_takes_nothing_from_the_others(stream):
    varying = stream.normal(size=(5000, 3)) + 2
    x = np.c_[varying, np.full(5000, 0.1)].astype(np.float32)
    found = moments_of([x]).covariance
    assert found[3, 3] == 0
    expected = np.cov(x[:, :3].astype(float).T, ddof=0)
    np.testing.assert_allclose(found[:3, :3], expected, rtol=1e-5, atol=1e-6)


def test_weights_fed_with_a_constant_layer_have_constant_outputs(stream):
    x = np.tile(stream.normal(size=8).astype(np.float32), (5000, 1))
    moments = NetworkMoments(InMemory({INPUT: x}))
    weight = stream.normal(size=(6, 8)).astype(np.float32)
    found = moments.through(dense(INPUT), weight, weight)
    assert not found.covariance.any()
    np.testing.assert_allclose(found.second, np.outer(weight @ x[0], weight @ x[0]), rtol=1e-4)
