"""Measures of a path: closed forms, and a real network with a permuted copy of itself."""

import numpy as np
import pytest

from lmc_ot.connectivity import barrier
from lmc_ot.connectivity.interpolation import evaluate_path
from lmc_ot.matching import REGISTRY
from lmc_ot.matching.matcher import match
from lmc_ot.matching.moments import NetworkMoments
from lmc_ot.networks.groups import apply

T = np.linspace(0, 1, 5)


def test_a_straight_path_has_no_barrier():
    found = barrier.measure(T, 2 + 3 * T)
    assert vars(found) == {
        "endpoint_a": 2.0,
        "endpoint_b": 5.0,
        "midpoint": 3.5,
        "midpoint_barrier": 0.0,
        "barrier": 0.0,
        "area": 0.0,
    }


def test_a_quadratic_bump_by_hand():
    """1 + t + 4 t (1 - t) at t = 0, 1/4, .., 1: an excess of 0, 3/4, 1, 3/4, 0.

    Trapezoids: (3/4 + 1 + 3/4) / 4 = 5/8, where the integral is 2/3.
    """
    found = barrier.measure(T, 1 + T + 4 * T * (1 - T))
    assert (found.endpoint_a, found.endpoint_b) == (1, 2)
    assert (found.midpoint, found.midpoint_barrier) == (2.5, 1)
    assert (found.barrier, found.area) == (1, 0.625)


def test_the_area_of_a_fine_grid_is_the_integral():
    t = barrier.grid(1001)
    assert barrier.measure(t, 4 * t * (1 - t)).area == pytest.approx(2 / 3, abs=1e-6)


def test_the_barrier_is_taken_where_the_path_is_worst():
    found = barrier.measure(T, np.array([0.0, 2.0, 1.0, 0.5, 0.0]))
    assert (found.barrier, found.midpoint_barrier, found.area) == (2, 1, 0.875)


def test_the_barrier_is_above_the_chord_not_above_the_endpoints_mean():
    """From 0 to 4 with a value of 3.5 at t = 3/4: half above the chord, though below B's 4."""
    assert barrier.measure(T, np.array([0.0, 1.0, 2.0, 3.5, 4.0])).barrier == 0.5


def test_a_path_below_its_chord_has_barrier_zero_and_negative_area():
    found = barrier.measure(T, -4 * T * (1 - T))
    assert (found.barrier, found.midpoint_barrier, found.area) == (0, -1, -0.625)


def test_a_drop_of_accuracy_is_a_barrier_and_a_rise_is_none():
    dip = np.array([0.75, 0.5, 0.25, 0.5, 0.75])
    worse = barrier.measure(T, dip, worse="lower")
    assert (worse.midpoint, worse.midpoint_barrier, worse.barrier) == (0.25, 0.5, 0.5)
    assert worse.area == 0.25
    better = barrier.measure(T, 1 - dip, worse="lower")
    assert (better.midpoint_barrier, better.barrier, better.area) == (-0.5, 0, -0.25)


def test_an_uneven_grid_is_integrated_by_its_own_steps():
    found = barrier.measure(np.array([0, 0.5, 0.75, 1]), np.array([0.0, 1.0, 1.0, 0.0]))
    assert found.area == 0.25 + 0.25 + 0.125


@pytest.mark.parametrize(
    "t",
    [
        [0.25, 0.5, 1],
        [0, 0.5, 0.75],
        [0, 0.25, 1],
        [0, 0.5, 0.5, 1],
        [0, 0.75, 0.5, 1],
        [1, 0.5, 0],
    ],
    ids=["no 0", "no 1", "no 1/2", "1/2 twice", "not in order", "backwards"],
)
def test_a_path_without_its_ends_or_middle_is_refused(t):
    with pytest.raises(ValueError, match="0, 1/2 and 1"):
        barrier.measure(np.array(t), np.ones(len(t)))


@pytest.mark.parametrize("points", [-1, 0, 1, 2, 4, 26])
def test_a_grid_without_the_middle_is_refused(points):
    with pytest.raises(ValueError, match=f"{points} points"):
        barrier.grid(points)


def test_every_odd_grid_has_exactly_its_ends_and_middle():
    for points in range(3, 402, 2):
        t = barrier.grid(points)
        assert len(t) == points
        assert (t[0], t[points // 2], t[-1]) == (0, 0.5, 1), points
        np.testing.assert_allclose(np.diff(t), 1 / (points - 1), rtol=1e-12)


# -- a real network and a permuted copy of itself --------------------------------------------


def loss_barrier(trained, clusters, b):
    network, a, _ = trained
    t = barrier.grid(11)
    images, labels = clusters.inputs("train"), clusters.train.labels
    loss, _ = evaluate_path(network, a, b, t, images, labels)
    return barrier.measure(t, loss).barrier


@pytest.mark.parametrize("name", [name for name in REGISTRY.names if name != "identity"])
def test_matching_removes_the_barrier_to_a_permuted_copy(
    name, trained, clusters, stream, recorded, groups_of
):
    _, a, _ = trained
    groups = groups_of(a)
    copy = apply.permute(a, groups, apply.random(groups, stream))
    inputs = clusters.inputs("train")
    moments = [NetworkMoments(recorded(network, inputs)) for network in (a, copy)]
    found = match(REGISTRY.build({"name": name}), a, copy, groups, *moments)
    assert loss_barrier(trained, clusters, copy) > 0.01
    matched = apply.permute(copy, groups, found.permutations)
    assert loss_barrier(trained, clusters, matched) < 1e-6
