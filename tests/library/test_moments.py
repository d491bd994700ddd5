"""Moments: streaming is as good as whole, float64 throughout, each computed once."""

import numpy as np
import pytest

from lmc_ot.connectivity.dimension import Dimension, describe
from lmc_ot.errors import UserError
from lmc_ot.matching.moments import InMemory, Moments, NetworkMoments, cross_moments_of, moments_of


def test_moments_by_hand():
    x = np.array([[1, 2], [3, 4]], np.float32)
    y = np.array([[1], [-1]], np.float32)
    found = cross_moments_of([(x, y)])
    assert found.second.tolist() == [[-1], [-1]]
    assert found.mean_x.tolist() == [2, 3]
    assert found.mean_y.tolist() == [0]
    assert found.covariance.tolist() == [[-1], [-1]]


def test_streaming_equals_the_whole(stream):
    x, y = stream.normal(size=(103, 5)) + 1, stream.normal(size=(103, 4)) - 2
    cuts = [1, 40, 41, 90]
    found = cross_moments_of(zip(np.split(x, cuts), np.split(y, cuts), strict=True))
    np.testing.assert_allclose(found.second, x.T @ y / 103, rtol=1e-12)
    np.testing.assert_allclose(found.mean_x, x.mean(0), rtol=1e-12)
    np.testing.assert_allclose(found.mean_y, y.mean(0), rtol=1e-12)
    centred = (x - x.mean(0)).T @ (y - y.mean(0)) / 103
    np.testing.assert_allclose(found.covariance, centred, rtol=1e-9)
    np.testing.assert_array_equal(found.second_moment(True), found.covariance)
    np.testing.assert_array_equal(found.second_moment(False), found.second)


def test_the_moments_of_one_vector_are_those_of_a_pair_of_it(stream):
    x = stream.normal(size=(50, 4)).astype(np.float32)
    one, pair = moments_of(np.split(x, 5)), cross_moments_of([(x, x.copy())])
    np.testing.assert_allclose(one.second, pair.second, rtol=1e-12)
    np.testing.assert_array_equal(one.second, one.second.T)
    np.testing.assert_array_equal(one.mean_x, one.mean_y)


def test_a_mean_that_float32_would_lose_does_not_spoil_the_covariance(stream):
    """Mean 4096, variance 1: the second moment is 2^24, of which float32 keeps no unit."""
    x = (4096 + stream.choice([-1.0, 1.0], size=(6000, 3))).astype(np.float32)
    expected = np.cov(x.astype(np.float64).T, ddof=0)
    single = x.T @ x / np.float32(len(x)) - np.outer(x.mean(0), x.mean(0))
    assert np.abs(single - expected).max() > 0.1
    found = moments_of(np.split(x, 6))
    assert found.second.dtype == np.float64
    np.testing.assert_allclose(found.covariance, expected, atol=1e-6)


def test_many_batches_are_added_in_float64():
    """In float32 a sum stays at 2^24 = 16,777,216 when ones are added to it."""
    batches = [np.full((1, 1), 4096, np.float32), *[np.ones((1, 1), np.float32)] * 100]
    assert moments_of(batches).second * 101 == 2**24 + 100


def test_integer_activations_do_not_overflow():
    assert moments_of([np.full((2, 1), 200, np.uint8)]).second.tolist() == [[40000]]


def test_the_activations_are_not_changed(stream):
    x = stream.normal(size=(5, 2))
    before = x.copy()
    moments_of([x])
    np.testing.assert_array_equal(x, before)


def test_no_examples_have_no_moments():
    with pytest.raises(ValueError, match="no examples"):
        moments_of([])
    with pytest.raises(ValueError, match="no examples"):
        moments_of([np.empty((0, 3))])


def test_batches_of_different_examples_are_refused():
    with pytest.raises(UserError, match="2 and 3 examples"):
        cross_moments_of([(np.ones((2, 1)), np.ones((3, 1)))])


class Counting(InMemory):
    """Activations that note which layers were read."""

    def __init__(self, layers):
        super().__init__(layers)
        self.read = []

    def batches(self, layer):
        self.read.append(layer)
        yield from super().batches(layer)


def test_a_networks_moments_are_computed_once_and_only_when_asked_for(stream):
    layers = [stream.normal(size=(20, width)) for width in (3, 4, 5)]
    activations = Counting(layers)
    moments = NetworkMoments(activations)
    assert activations.read == []
    for layer in (2, 0, 2, 0):
        expected = layers[layer].T @ layers[layer] / 20
        np.testing.assert_allclose(moments(layer).second, expected, rtol=1e-12)
    assert activations.read == [2, 0]


def test_shared_moments_of_the_input_are_used_for_layer_zero_alone(stream):
    activations = Counting([stream.normal(size=(20, 3))] * 2)
    shared = Moments.of_one(np.eye(3), np.zeros(3))
    moments = NetworkMoments(activations, lambda: shared)
    assert moments(0) is shared
    assert moments(1) is not shared
    assert activations.read == [1]


def test_crossing_two_networks_takes_the_same_layer_of_both(stream):
    layers = [[stream.normal(size=(20, width)) for width in (3, 4, 5)] for _ in range(2)]
    a, b = (NetworkMoments(InMemory(own)) for own in layers)
    found = a.cross(2, b)
    np.testing.assert_allclose(found.second, layers[0][2].T @ layers[1][2] / 20, rtol=1e-12)
    np.testing.assert_allclose(found.mean_y, layers[1][2].mean(0), rtol=1e-12)


def test_two_weights_fed_with_the_same_activations(stream):
    layers = [stream.normal(size=(20, width)) + 1 for width in (3, 4)]
    x, y = stream.normal(size=(5, 3)), stream.normal(size=(2, 3))
    found = NetworkMoments(InMemory(layers)).through(1, x, y)
    of_x, of_y = layers[0] @ x.T, layers[0] @ y.T
    np.testing.assert_allclose(found.second, of_x.T @ of_y / 20, rtol=1e-10)
    centred = (of_x - of_x.mean(0)).T @ (of_y - of_y.mean(0)) / 20
    np.testing.assert_allclose(found.covariance, centred, rtol=1e-8, atol=1e-12)


@pytest.mark.parametrize("centred", [False, True])
def test_squared_norms_are_traces_of_second_moments(stream, centred):
    x, y = stream.normal(size=(30, 3)) + 1, stream.normal(size=(30, 4)) - 2
    of_x, of_y = (values - values.mean(0) if centred else values for values in (x, y))
    expected = (of_x**2).sum() / 30, (of_y**2).sum() / 30
    found = cross_moments_of(zip(np.split(x, 3), np.split(y, 3), strict=True))
    assert found.squared_norms(centred) == pytest.approx(expected, rel=1e-12)
    weights = stream.normal(size=(5, 3)), stream.normal(size=(2, 3))
    expected = [((of_x @ weight.T) ** 2).sum() / 30 for weight in weights]
    assert moments_of([x]).through(*weights).squared_norms(centred) == pytest.approx(expected)


def test_a_weight_of_other_inputs_than_were_recorded_is_refused_in_one_line(stream, one_line):
    moments = NetworkMoments(InMemory([stream.normal(size=(20, 3))]))
    with pytest.raises(UserError) as error:
        moments.through(1, np.ones((2, 27)), np.ones((2, 27)))
    one_line(error, "layer 1", 27, 3, "activations.streamed")


CONSTANTS = [1.0, 0.1, -3.3333333, 1e4, 1e-5, 0.0]


@pytest.mark.parametrize("jitter", [0.0, 1e-7])
def test_constant_units_have_no_covariance(jitter, stream):
    """Theirs is exactly 0, as is the dimension: what rounding leaves would have any dimension."""
    constants = np.array(CONSTANTS) * (1 + jitter * stream.normal(size=(5000, len(CONSTANTS))))
    x = constants.astype(np.float32)
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
    np.testing.assert_allclose(found[:3, :3], np.cov(x[:, :3].T, ddof=0), rtol=1e-9)


def test_weights_fed_with_a_constant_layer_have_constant_outputs(stream):
    x = np.tile(stream.normal(size=8).astype(np.float32), (5000, 1))
    moments = NetworkMoments(InMemory([x]))
    weight = stream.normal(size=(6, 8)).astype(np.float32)
    found = moments.through(1, weight, weight)
    assert not found.covariance.any()
    np.testing.assert_allclose(found.second, np.outer(weight @ x[0], weight @ x[0]), rtol=1e-4)
