"""Matchers against planted permutations, brute force and their formulas (paper, Section 6)."""

from itertools import permutations as all_orders

import numpy as np
import pytest

from lmc_ot.errors import UserError
from lmc_ot.matching import REGISTRY
from lmc_ot.matching.am import ActivationMatching
from lmc_ot.matching.moments import InMemory, NetworkMoments
from lmc_ot.matching.naive_wm import NaiveWeightMatching
from lmc_ot.matching.sigma_wm import SigmaWeightMatching
from lmc_ot.matching.solver import match
from lmc_ot.networks import permutation

# A matcher that is registered later is tested by the tests that are parametrised with this.
MATCHING = [name for name in REGISTRY.names if name != "identity"]
WIDTHS = [8, 12, 10, 4]


@pytest.fixture
def inputs(stream):
    return stream.normal(size=(400, WIDTHS[0])).astype(np.float32)


def matched(matcher, a, b, inputs, recorded):
    return match(matcher, a, b, *(NetworkMoments(recorded(n, inputs)) for n in (a, b)))


def best_order(similarity):
    """The best permutation of all of them, and its objective."""
    units = range(len(similarity))
    return max((sum(similarity[i, p[i]] for i in units), p) for p in all_orders(units))[::-1]


class Spy:
    """A matcher that keeps the similarities it found."""

    def __init__(self, matcher):
        self.matcher, self.similarities = matcher, []

    def similarity(self, layer):
        self.similarities.append(self.matcher.similarity(layer))
        return self.similarities[-1]

    def norms(self, layer):
        return self.matcher.norms(layer)


def similarity_of_layer_2(matcher, a, b, inputs, recorded):
    """That similarity, and B's weight of layer 2 with its columns as layer 1 was permuted."""
    spy = Spy(matcher)
    found = matched(spy, a, b, inputs, recorded)
    return spy.similarities[1], b[2, "weight"][:, found.permutations[1]].astype(np.float64)


# -- planted permutations --------------------------------------------------------------------


@pytest.mark.parametrize("noise", [0.0, 1e-3])
@pytest.mark.parametrize("name", MATCHING)
def test_a_planted_permutation_is_recovered(name, noise, random_mlp, stream, inputs, recorded):
    a = random_mlp(WIDTHS)
    planted = permutation.random(a, stream)
    b = {
        key: (array + noise * stream.normal(size=array.shape)).astype(np.float32)
        for key, array in permutation.apply(a, planted).items()
    }
    found = matched(REGISTRY.build({"name": name}), a, b, inputs, recorded).permutations
    for layer, p in permutation.inverse(planted).items():
        np.testing.assert_array_equal(found[layer], p)


@pytest.mark.parametrize("name", MATCHING)
def test_a_network_matches_itself_unmoved(name, random_mlp, inputs, recorded):
    a = random_mlp(WIDTHS)
    found = matched(REGISTRY.build({"name": name}), a, a, inputs, recorded)
    for layer, p in permutation.identity(a).items():
        np.testing.assert_array_equal(found.permutations[layer], p)
        assert found.objectives[layer] == found.identity_objectives[layer]


def test_the_identity_leaves_all_in_place(random_mlp, stream):
    a = random_mlp(WIDTHS)
    b = permutation.apply(a, permutation.random(a, stream))
    found = match(REGISTRY.build({"name": "identity"}), a, b)
    for layer, p in permutation.identity(a).items():
        np.testing.assert_array_equal(found.permutations[layer], p)
        assert found.objectives[layer] == found.identity_objectives[layer] == len(p)


@pytest.mark.parametrize("name", REGISTRY.names)
def test_a_matched_network_is_the_same_function(name, random_mlp, inputs, recorded, run_mlp):
    a, b = random_mlp(WIDTHS), random_mlp(WIDTHS)
    found = matched(REGISTRY.build({"name": name}), a, b, inputs, recorded)
    permuted = permutation.apply(b, found.permutations)
    np.testing.assert_allclose(
        run_mlp(permuted, inputs)[1], run_mlp(b, inputs)[1], rtol=1e-9, atol=1e-9
    )


def test_dead_units_tie_so_their_order_is_free_but_not_the_objective(
    random_mlp, stream, inputs, recorded, run_mlp
):
    a = random_mlp([8, 9, 4])
    dead = [1, 4, 7]
    a[1, "bias"][dead] = -100
    b = permutation.apply(a, permutation.random(a, stream))
    found = matched(REGISTRY.build({"name": "am"}), a, b, inputs, recorded)
    phi = run_mlp(a, inputs)[0][1]
    assert not phi[:, dead].any()
    np.testing.assert_allclose(found.objectives[1], phi.var(0).sum(), rtol=1e-5)
    back = permutation.apply(b, found.permutations)
    alive = np.setdiff1d(np.arange(9), dead)
    np.testing.assert_array_equal(back[1, "weight"][alive], a[1, "weight"][alive])
    midpoint = {key: (a[key] + back[key]) / 2 for key in a}
    np.testing.assert_allclose(
        run_mlp(midpoint, inputs)[1], run_mlp(a, inputs)[1], rtol=1e-5, atol=1e-5
    )


# -- brute force -----------------------------------------------------------------------------


@pytest.mark.parametrize("name", REGISTRY.names)
def test_one_layer_is_matched_as_by_brute_force(name, random_mlp, inputs, recorded):
    a, b = random_mlp([8, 6, 3]), random_mlp([8, 6, 3])
    spy = Spy(REGISTRY.build({"name": name}))
    found = matched(spy, a, b, inputs, recorded)
    best, objective = best_order(spy.similarities[0])
    assert tuple(found.permutations[1]) == best
    assert found.objectives[1] == pytest.approx(objective, rel=1e-12)
    assert found.identity_objectives[1] == pytest.approx(
        sum(spy.similarities[0][i, i] for i in range(6)), rel=1e-12
    )


def test_two_layers_are_matched_as_by_brute_force_layer_by_layer(random_mlp, inputs, recorded):
    """Written out, without the library: B's columns follow the units below."""
    a, b = random_mlp([8, 6, 6, 3]), random_mlp([8, 6, 6, 3])
    first, objective_1 = best_order(a[1, "weight"] @ b[1, "weight"].T.astype(np.float64))
    above = b[2, "weight"][:, list(first)]
    second, objective_2 = best_order(a[2, "weight"] @ above.T.astype(np.float64))
    found = matched(NaiveWeightMatching(), a, b, inputs, recorded)
    assert tuple(found.permutations[1]) == first
    assert tuple(found.permutations[2]) == second
    assert found.objectives[1] == pytest.approx(objective_1, rel=1e-6)
    assert found.objectives[2] == pytest.approx(objective_2, rel=1e-6)
    unmoved, _ = best_order(a[2, "weight"] @ b[2, "weight"].T.astype(np.float64))
    assert unmoved != second, "the pair must be one where the order of the columns matters"


def test_two_layers_of_sigma_wm_by_brute_force(random_mlp, inputs, recorded, run_mlp):
    a, b = random_mlp([8, 6, 6, 3]), random_mlp([8, 6, 6, 3])
    phi = run_mlp(a, inputs)[0]
    sigma = [values.T @ values / len(values) for values in phi]
    first, _ = best_order(a[1, "weight"] @ sigma[0] @ b[1, "weight"].T)
    second, _ = best_order(a[2, "weight"] @ sigma[1] @ b[2, "weight"][:, list(first)].T)
    found = matched(SigmaWeightMatching(), a, b, inputs, recorded)
    assert tuple(found.permutations[1]) == first
    assert tuple(found.permutations[2]) == second


def test_columns_of_a_layer_above_a_flattened_image_move_in_blocks(random_mlp):
    """Three units below with two positions each: six columns."""
    a = random_mlp([4, 3, 5])
    for layer, inputs in ((2, 6), (3, 5)):
        a[layer, "weight"] = np.random.default_rng(layer).normal(size=(5, inputs))
    planted = {1: np.array([2, 0, 1]), 2: np.array([4, 2, 0, 1, 3])}
    b = permutation.apply(a, planted)
    found = match(NaiveWeightMatching(), a, b).permutations
    for layer, p in permutation.inverse(planted).items():
        np.testing.assert_array_equal(found[layer], p)


# -- similarities and objectives by their formulas -------------------------------------------


def test_sigma_wm_by_hand():
    """Sigma of rank 2, from the inputs (1, 2, 0) and (0, 2, 4). Naive matching swaps, this not.

    Sigma = ((1/2, 1, 0), (1, 4, 4), (0, 4, 8)); W_A Sigma = ((1/2, -3, -8), (1, 4, 4)).
    """
    inputs = np.array([[1, 2, 0], [0, 2, 4]], np.float32)
    top = np.zeros((1, 2), np.float32)
    a = {(1, "weight"): np.array([[1, 0, -1], [0, 1, 0]], np.float32), (2, "weight"): top}
    b = {(1, "weight"): np.array([[1, 1, 0], [2, 0, 1]], np.float32), (2, "weight"): top}
    sigma = Spy(SigmaWeightMatching())
    found = match(sigma, a, b, NetworkMoments(InMemory([inputs])))
    assert sigma.similarities[0].tolist() == [[-2.5, -7], [5, 6]]
    assert found.permutations[1].tolist() == [0, 1]
    assert (found.objectives[1], found.identity_objectives[1]) == (3.5, 3.5)
    assert found.norms[1] == (12.5, 16.5)
    naive = Spy(NaiveWeightMatching())
    found = match(naive, a, b)
    assert naive.similarities[0].tolist() == [[1, 1], [1, 0]]
    assert found.permutations[1].tolist() == [1, 0]
    assert (found.objectives[1], found.identity_objectives[1]) == (2, 1)
    assert found.norms[1] == (3, 7)


def test_sigma_wm_with_the_identity_for_sigma_is_naive_wm(random_mlp):
    """16 inputs 4 e_i: their second moment is the identity exactly."""
    a, b = random_mlp([16, 6, 3]), random_mlp([16, 6, 3])
    white = NetworkMoments(InMemory([4 * np.eye(16, dtype=np.float32)]))
    sigma, naive = Spy(SigmaWeightMatching()), Spy(NaiveWeightMatching())
    assert match(sigma, a, b, white).objectives == pytest.approx(match(naive, a, b).objectives)
    np.testing.assert_allclose(sigma.similarities[0], naive.similarities[0], rtol=1e-12)


def test_sigma_wm_is_the_weights_with_sigma_between(random_mlp, inputs, recorded, run_mlp):
    a, b = random_mlp(WIDTHS), random_mlp(WIDTHS)
    phi = run_mlp(a, inputs)[0][1]
    sigma = phi.T @ phi / len(phi)
    found, weight_b = similarity_of_layer_2(SigmaWeightMatching(), a, b, inputs, recorded)
    expected = a[2, "weight"] @ sigma @ weight_b.T
    np.testing.assert_allclose(found, expected, rtol=1e-5, atol=1e-6)


def test_sigma_wm_is_the_cross_moment_of_both_layers_fed_with_as_activations(
    random_mlp, inputs, recorded, run_mlp
):
    """The identity that makes Sigma-WM scale to convolutions."""
    a, b = random_mlp(WIDTHS), random_mlp(WIDTHS)
    phi = run_mlp(a, inputs)[0][1]
    found, weight_b = similarity_of_layer_2(SigmaWeightMatching(), a, b, inputs, recorded)
    of_a, of_b = phi @ a[2, "weight"].T, phi @ weight_b.T
    np.testing.assert_allclose(found, of_a.T @ of_b / len(phi), rtol=1e-5, atol=1e-6)


def test_am_uncentred_is_the_cross_second_moment_of_the_activations(
    random_mlp, inputs, recorded, run_mlp
):
    a, b = random_mlp(WIDTHS), random_mlp(WIDTHS)
    phi_a, phi_b = (run_mlp(network, inputs)[0][2] for network in (a, b))
    found, _ = similarity_of_layer_2(ActivationMatching(centred=False), a, b, inputs, recorded)
    np.testing.assert_allclose(found, phi_a.T @ phi_b / len(phi_a), rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("name", ["naive_wm", "sigma_wm", "am"])
def test_norms_and_objective_make_the_distance_that_is_minimised(
    name, random_mlp, inputs, recorded, run_mlp
):
    a, b = random_mlp(WIDTHS), random_mlp(WIDTHS)
    found = matched(REGISTRY.build({"name": name}), a, b, inputs, recorded)
    phi_a, phi_b = (
        run_mlp(network, inputs)[0] for network in (a, permutation.apply(b, found.permutations))
    )
    difference = a[2, "weight"] - permutation.apply(b, found.permutations)[2, "weight"]
    of_outputs, of_units = phi_a[1] @ difference.T, phi_a[2] - phi_b[2]
    expected = {
        "naive_wm": (difference**2).sum(),
        "sigma_wm": (of_outputs**2).sum(1).mean(),
        "am": of_units.var(0).sum(),
    }[name]
    norm_a, norm_b = found.norms[2]
    assert norm_a + norm_b - 2 * found.objectives[2] == pytest.approx(expected, rel=1e-4)


def test_am_centred_is_the_cross_covariance_and_the_default(random_mlp, inputs, recorded, run_mlp):
    a, b = random_mlp(WIDTHS), random_mlp(WIDTHS)
    phi_a, phi_b = (run_mlp(network, inputs)[0][2] for network in (a, b))
    expected = (phi_a - phi_a.mean(0)).T @ (phi_b - phi_b.mean(0)) / len(phi_a)
    for matcher in (ActivationMatching(centred=True), REGISTRY.build({"name": "am"})):
        found, _ = similarity_of_layer_2(matcher, a, b, inputs, recorded)
        np.testing.assert_allclose(found, expected, rtol=1e-4, atol=1e-6)
    uncentred, _ = similarity_of_layer_2(ActivationMatching(False), a, b, inputs, recorded)
    np.testing.assert_allclose(
        uncentred - expected, np.outer(phi_a.mean(0), phi_b.mean(0)), rtol=1e-4, atol=1e-6
    )
    assert np.abs(uncentred - expected).max() > 0.01


def distances(kind, a, b, inputs, run_mlp):
    """The two matrices and the inner product whose distance a matcher minimises, for layer 1."""
    if kind == "naive":
        return a[1, "weight"], b[1, "weight"], np.eye(a[1, "weight"].shape[1])
    if kind == "sigma":
        return a[1, "weight"], b[1, "weight"], inputs.T @ inputs / len(inputs)
    z_a, z_b = (run_mlp(n, inputs)[0][1] for n in (a, b))
    if kind == "am centred":
        z_a, z_b = z_a - z_a.mean(0), z_b - z_b.mean(0)
    return z_a.T, z_b.T, np.eye(len(inputs)) / len(inputs)


@pytest.mark.parametrize(
    ("kind", "matcher"),
    [
        ("naive", NaiveWeightMatching()),
        ("sigma", SigmaWeightMatching()),
        ("am", ActivationMatching(centred=False)),
        ("am centred", ActivationMatching(centred=True)),
    ],
)
def test_the_squared_distance_is_a_constant_less_twice_the_objective(
    kind, matcher, random_mlp, inputs, recorded, run_mlp
):
    """||X - P Y||^2 = ||X||^2 + ||Y||^2 - 2 sum_i S[i, p[i]], for the best and for no order."""
    a, b = random_mlp([8, 7, 3]), random_mlp([8, 7, 3])
    x, y, inner = (m.astype(np.float64) for m in distances(kind, a, b, inputs, run_mlp))
    found = matched(matcher, a, b, inputs, recorded)

    def norm(m):
        return np.trace(m @ inner @ m.T)

    constant = norm(x) + norm(y)
    best = norm(x - y[found.permutations[1]])
    assert best == pytest.approx(constant - 2 * found.objectives[1], rel=1e-4)
    assert norm(x - y) == pytest.approx(constant - 2 * found.identity_objectives[1], rel=1e-4)
    assert best < norm(x - y)


@pytest.mark.parametrize("name", MATCHING)
def test_the_objective_is_at_least_that_of_random_orders(
    name, random_mlp, stream, inputs, recorded
):
    a, b = random_mlp(WIDTHS), random_mlp(WIDTHS)
    spy = Spy(REGISTRY.build({"name": name}))
    found = matched(spy, a, b, inputs, recorded)
    for layer, similarity in enumerate(spy.similarities, start=1):
        units = np.arange(len(similarity))
        assert found.objectives[layer] >= found.identity_objectives[layer]
        for _ in range(50):
            assert found.objectives[layer] >= similarity[units, stream.permutation(units)].sum()


# -- what the solver asks for and refuses ----------------------------------------------------


@pytest.mark.parametrize("name", ["identity", "naive_wm"])
def test_matchers_of_weights_alone_need_no_statistics(name, random_mlp):
    a, b = random_mlp(WIDTHS), random_mlp(WIDTHS)
    assert set(match(REGISTRY.build({"name": name}), a, b).permutations) == {1, 2}


def test_networks_that_differ_in_shape_are_refused_in_one_line(random_mlp, one_line):
    with pytest.raises(UserError) as error:
        match(NaiveWeightMatching(), random_mlp([2, 3, 2]), random_mlp([2, 4, 2]), what="pair 5")
    one_line(error, "pair 5", "layer 1", "weight")


@pytest.mark.parametrize("name", REGISTRY.names)
def test_similarities_are_float64(name, random_mlp, inputs, recorded):
    a, b = random_mlp(WIDTHS), random_mlp(WIDTHS)
    found, _ = similarity_of_layer_2(REGISTRY.build({"name": name}), a, b, inputs, recorded)
    assert found.dtype == np.float64 and found.shape == (10, 10)
