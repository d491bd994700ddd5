"""Approximate dimension against closed forms (paper, Appendix D.2)."""

import numpy as np
import pytest

from lmc_ot.connectivity.dimension import (
    Dimension,
    approximate_dimension,
    describe,
    entropy_rank,
    neighbour_dimension,
)
from lmc_ot.matching import REGISTRY
from lmc_ot.matching.matcher import Side
from lmc_ot.matching.moments import NetworkMoments, NoMoments
from lmc_ot.networks.groups.chain import chain


def random_covariance(stream, size=12, rank=12):
    factor = stream.normal(size=(size, rank))
    return factor @ factor.T


@pytest.mark.parametrize("rank", [1, 3, 20])
@pytest.mark.parametrize("scale", [1.0, 1e-6])
def test_a_multiple_of_a_projector_has_its_rank(stream, rank, scale):
    basis, _ = np.linalg.qr(stream.normal(size=(20, rank)))
    assert approximate_dimension(scale * basis @ basis.T) == pytest.approx(rank, rel=1e-12)


def test_two_eigenvalues_by_hand():
    """(3 + 1)^2 / (9 + 1)."""
    assert approximate_dimension(np.diag([3.0, 1.0])) == 1.6


@pytest.mark.parametrize(("units", "inputs"), [(64, 96), (96, 64), (80, 80)])
def test_gaussian_weights_have_the_dimension_of_their_sample(units, inputs):
    """W of m x d standard normals: E tr(W^T W) = m d, E tr((W^T W)^2) = m d (m + d + 1).

    The tolerance is five standard errors of the mean over the seeds, estimated from them; the
    ratio's own bias, of relative order 2 / (m d), is below it and is added.
    """
    found = []
    for seed in range(100):
        weight = np.random.default_rng(seed).normal(size=(units, inputs))
        found.append(approximate_dimension(weight.T @ weight))
    expected = units * inputs / (units + inputs + 1)
    tolerance = 5 * np.std(found, ddof=1) / np.sqrt(len(found)) + expected * 2 / (units * inputs)
    assert tolerance < 0.01 * expected
    assert np.mean(found) == pytest.approx(expected, abs=tolerance)


def test_the_papers_first_layer_at_initialisation(stream):
    """512 x 784: 309.5 (published, at the smallest learning rate: 308)."""
    weight = stream.normal(size=(512, 784))
    assert approximate_dimension(weight.T @ weight) == pytest.approx(309.5, rel=0.005)


def test_it_does_not_depend_on_the_scale(stream):
    covariance = random_covariance(stream)
    expected = approximate_dimension(covariance)
    for scale in (2.0**-40, 1e-60, 1e60):
        assert approximate_dimension(scale * covariance) == pytest.approx(expected, rel=1e-12)


def test_it_does_not_depend_on_the_basis(stream):
    covariance = random_covariance(stream)
    basis, _ = np.linalg.qr(stream.normal(size=covariance.shape))
    assert approximate_dimension(basis @ covariance @ basis.T) == pytest.approx(
        approximate_dimension(covariance), rel=1e-12
    )


def test_the_zero_matrix_has_dimension_zero():
    found = describe(np.zeros((4, 4)))
    assert (found.dimension, found.trace, found.largest_eigenvalue) == (0, 0, 0)


@pytest.mark.parametrize("rank", [1, 5, 12])
def test_it_equals_the_form_with_eigenvalues_and_lies_between_one_and_the_rank(stream, rank):
    covariance = random_covariance(stream, rank=rank)
    eigenvalues = np.linalg.eigvalsh(covariance)
    found = describe(covariance)
    assert found.dimension == pytest.approx(
        eigenvalues.sum() ** 2 / (eigenvalues**2).sum(), rel=1e-10
    )
    assert 1 - 1e-12 <= found.dimension <= rank * (1 + 1e-12)
    assert found.trace == pytest.approx(eigenvalues.sum(), rel=1e-10)
    assert found.largest_eigenvalue == pytest.approx(eigenvalues.max(), rel=1e-10)


def test_a_single_unit_has_dimension_one():
    assert describe(np.array([[2.5]])) == Dimension(1.0, 1.0, None, 2.5, 2.5)


# -- other dimensions of the same units ------------------------------------------------------


@pytest.mark.parametrize("rank", [1, 4, 12])
def test_the_entropy_rank_of_a_projector_is_its_rank(stream, rank):
    basis, _ = np.linalg.qr(stream.normal(size=(12, rank)))
    assert describe(3 * basis @ basis.T).entropy_rank == pytest.approx(rank, rel=1e-9)


def test_the_entropy_rank_of_two_eigenvalues_by_hand():
    """Shares 3/4 and 1/4: exp(3/4 log 4/3 + 1/4 log 4) = 4 / 3^(3/4)."""
    assert entropy_rank(np.array([3.0, 1.0])) == pytest.approx(4 / 3**0.75, rel=1e-12)
    assert entropy_rank(np.array([3.0, 1.0, 0.0, -1e-17])) == pytest.approx(4 / 3**0.75, rel=1e-12)


def test_the_entropy_rank_is_at_least_the_approximate_dimension(stream):
    for _ in range(20):
        found = describe(random_covariance(stream))
        assert found.dimension <= found.entropy_rank <= 12


@pytest.mark.parametrize("dimension", [1, 2, 3])
def test_points_spread_evenly_in_a_subspace_have_its_dimension(stream, dimension):
    """Of a uniform law in a cube, turned into 20 dimensions and moved away from the origin; its
    boundary is the reason for more than the statistical error of dimension / sqrt(n)."""
    basis, _ = np.linalg.qr(stream.normal(size=(20, dimension)))
    points = stream.uniform(size=(4000, dimension)) @ basis.T + stream.normal(size=20)
    found = neighbour_dimension(points @ points.T)
    assert found == pytest.approx(dimension, rel=0.06)
    assert neighbour_dimension(7.5 * points @ points.T) == pytest.approx(found, rel=1e-3)


def test_the_neighbour_dimension_by_hand():
    """0, 1 and 3 on a line: the ratios of the two distances are 3, 2 and 3/2: 2 / log 9."""
    points = np.array([[0.0], [1.0], [3.0]])
    assert neighbour_dimension(points @ points.T) == pytest.approx(2 / np.log(9), rel=1e-12)
    twice = np.concatenate([points, points])
    assert neighbour_dimension(twice @ twice.T) == pytest.approx(2 / np.log(9), rel=1e-12)


@pytest.mark.parametrize("points", [np.zeros((5, 2)), np.eye(4), np.array([[0.0], [1.0]])])
def test_the_neighbour_dimension_is_not_always_defined(points):
    assert neighbour_dimension(points @ points.T) is None


# -- the Gram matrices of the matchers ---------------------------------------------------------


@pytest.fixture
def second_layer(random_mlp, stream, run_mlp, recorded, groups_of):
    """Layer 2 of a random network as matchers see it, its weight, phi_1 and phi_2."""
    parameters = random_mlp([6, 9, 7, 3])
    inputs = stream.normal(size=(300, 6)).astype(np.float32)
    phi = run_mlp(parameters, inputs)[0]
    groups = groups_of(parameters)
    network = Side(parameters, NetworkMoments(recorded(parameters, inputs)), groups)
    layer = network, groups["layers.1"]
    return layer, parameters["layers.1.weight"].astype(np.float64), phi[1], phi[2]


def moment(values, centred):
    values = values - values.mean(0) if centred else values
    return values.T @ values / len(values)


@pytest.mark.parametrize("centred", [False, True])
@pytest.mark.parametrize(("units", "inputs"), [(7, 9), (9, 7), (8, 8)])
def test_naive_wm_is_driven_by_the_moment_of_the_weight_vectors(stream, centred, units, inputs):
    """W^T W / units, one weight vector a sample: W W^T / units has the same eigenvalues but for
    zeros, and so the same dimension, entropy rank, trace and largest eigenvalue."""
    weight = (stream.normal(size=(units, inputs)) + 0.5).astype(np.float32)
    parameters = {"1.weight": weight, "2.weight": np.zeros((1, units), np.float32)}
    groups = chain({"1.weight": units, "2.weight": 1})
    matcher = REGISTRY.build({"name": "naive_wm"})
    found = matcher.gram(Side(parameters, NoMoments("a"), groups), groups["1"], centred)
    expected = moment(weight.astype(np.float64), centred)
    number = min(units, inputs)
    np.testing.assert_allclose(
        np.linalg.eigvalsh(found)[-number:], np.linalg.eigvalsh(expected)[-number:], atol=1e-12
    )
    for name in ("dimension", "entropy_rank", "trace", "largest_eigenvalue"):
        value = getattr(describe(expected), name)
        assert getattr(describe(found), name) == pytest.approx(value, rel=1e-8)


@pytest.mark.parametrize("centred", [False, True])
def test_sigma_wm_is_driven_by_the_moment_of_the_outputs_without_bias(second_layer, centred):
    """Products are computed in float32: errors are 1e-7 of the outputs' largest possible sizes."""
    layer, weight, phi, _ = second_layer
    found = REGISTRY.build({"name": "sigma_wm"}).gram(*layer, centred)
    sizes = np.abs(weight) @ np.sqrt(np.mean(phi**2, axis=0))
    allowed = 3e-7 * np.outer(sizes, sizes)
    for expected in (
        weight @ moment(phi, centred) @ weight.T,
        moment(phi @ weight.T, centred),
    ):
        assert (np.abs(found - expected) <= allowed).all()


@pytest.mark.parametrize("centred", [False, True])
@pytest.mark.parametrize("option", ["covariance", "second_moment"])
def test_am_is_driven_by_the_moment_of_the_activations(second_layer, centred, option):
    """Whether the matching is centred does not matter: both dimensions are asked for."""
    layer, _, _, phi = second_layer
    found = REGISTRY.build({"name": "am", "statistic": option}).gram(*layer, centred)
    np.testing.assert_allclose(found, moment(phi, centred), rtol=1e-5, atol=1e-7)


def test_no_matching_is_driven_by_nothing(second_layer):
    assert REGISTRY.build({"name": "identity"}).gram(*second_layer[0], False) is None


@pytest.mark.parametrize("name", REGISTRY.names)
@pytest.mark.parametrize("centred", [False, True])
def test_every_gram_matrix_is_symmetric_and_positive(second_layer, name, centred):
    found = REGISTRY.build({"name": name}).gram(*second_layer[0], centred)
    if found is not None:
        assert found.dtype == np.float64
        np.testing.assert_allclose(found, found.T, rtol=1e-12, atol=1e-12)
        assert np.linalg.eigvalsh(found).min() > -1e-9 * np.trace(found)
