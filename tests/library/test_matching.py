"""Matchers against planted permutations, brute force and their formulas (paper, Section 6)."""

from itertools import permutations as all_orders

import numpy as np
import pytest
import torch

from lmc_ot.errors import UserError
from lmc_ot.matching import REGISTRY
from lmc_ot.matching.am import ActivationMatching
from lmc_ot.matching.layerwise import LayerwiseMatcher
from lmc_ot.matching.matcher import match
from lmc_ot.matching.moments import InMemory, NetworkMoments
from lmc_ot.matching.naive_wm import NaiveWeightMatching
from lmc_ot.matching.sigma_wm import SigmaWeightMatching
from lmc_ot.networks.groups import apply
from lmc_ot.networks.groups.chain import chain
from lmc_ot.networks.groups.group import INPUT

# A matcher that is registered later is tested by the tests that are parametrised with these.
MATCHING = [name for name in REGISTRY.names if name != "identity"]
WIDTHS = [8, 12, 10, 4]
FIRST, SECOND = "layers.0", "layers.1"


def built(name, **options):
    return REGISTRY.build({"name": name, **options})


LAYERWISE = [n for n in REGISTRY.names if isinstance(built(n), LayerwiseMatcher)]


@pytest.fixture
def inputs(stream):
    return stream.normal(size=(400, WIDTHS[0])).astype(np.float32)


@pytest.fixture
def matched(recorded, groups_of, inputs):
    """Match B to A by a matcher, with moments over the inputs."""

    def run(matcher, a, b):
        moments = (NetworkMoments(recorded(network, inputs)) for network in (a, b))
        return match(matcher, a, b, groups_of(a), *moments)

    return run


@pytest.fixture
def similarities(matched):
    """The similarities that a layerwise matcher finds, by group, and its result."""

    def run(matcher, a, b):
        found, similarity = {}, matcher.similarity

        def spy(visit):
            found[visit.group.name] = similarity(visit)
            return found[visit.group.name]

        matcher.similarity = spy
        return found, matched(matcher, a, b)

    return run


def best_order(similarity):
    """The best permutation of all of them, and its objective."""
    units = range(len(similarity))
    return max((sum(similarity[i, p[i]] for i in units), p) for p in all_orders(units))[::-1]


# -- planted permutations --------------------------------------------------------------------


@pytest.mark.parametrize("noise", [0.0, 1e-3])
@pytest.mark.parametrize("name", MATCHING)
def test_a_planted_permutation_is_recovered(name, noise, random_mlp, stream, matched, groups_of):
    a = random_mlp(WIDTHS)
    planted = apply.random(groups_of(a), stream)
    b = {
        key: (array + noise * stream.normal(size=array.shape)).astype(np.float32)
        for key, array in apply.permute(a, groups_of(a), planted).items()
    }
    found = matched(built(name), a, b).permutations
    for group, p in apply.inverse(planted).items():
        np.testing.assert_array_equal(found[group], p)


@pytest.mark.parametrize("name", MATCHING)
def test_a_network_matches_itself_unmoved(name, random_mlp, matched, groups_of):
    a = random_mlp(WIDTHS)
    found = matched(built(name), a, a)
    for group, p in apply.identity(groups_of(a)).items():
        np.testing.assert_array_equal(found.permutations[group], p)
        assert found.objectives[group] == found.identity_objectives[group]


def test_the_identity_leaves_all_in_place(random_mlp, stream, matched, groups_of):
    a = random_mlp(WIDTHS)
    groups = groups_of(a)
    b = apply.permute(a, groups, apply.random(groups, stream))
    found = match(built("identity"), a, b, groups)
    for group, p in apply.identity(groups).items():
        np.testing.assert_array_equal(found.permutations[group], p)
        assert found.objectives[group] == found.identity_objectives[group] == len(p)


@pytest.mark.parametrize("name", REGISTRY.names)
def test_a_matched_network_is_the_same_function(
    name, random_mlp, inputs, matched, run_mlp, groups_of
):
    a, b = random_mlp(WIDTHS), random_mlp(WIDTHS)
    permuted = apply.permute(b, groups_of(b), matched(built(name), a, b).permutations)
    np.testing.assert_allclose(
        run_mlp(permuted, inputs)[1], run_mlp(b, inputs)[1], rtol=1e-9, atol=1e-9
    )


def test_dead_units_tie_so_their_order_is_free_but_not_the_objective(
    random_mlp, stream, inputs, matched, run_mlp, groups_of
):
    a = random_mlp([8, 9, 4])
    dead = [1, 4, 7]
    a["layers.0.bias"][dead] = -100
    groups = groups_of(a)
    b = apply.permute(a, groups, apply.random(groups, stream))
    found = matched(built("am"), a, b)
    phi = run_mlp(a, inputs)[0][1]
    assert not phi[:, dead].any()
    np.testing.assert_allclose(found.objectives[FIRST], phi.var(0).sum(), rtol=1e-5)
    back = apply.permute(b, groups, found.permutations)
    alive = np.setdiff1d(np.arange(9), dead)
    np.testing.assert_array_equal(back["layers.0.weight"][alive], a["layers.0.weight"][alive])
    midpoint = {key: (a[key] + back[key]) / 2 for key in a}
    np.testing.assert_allclose(
        run_mlp(midpoint, inputs)[1], run_mlp(a, inputs)[1], rtol=1e-5, atol=1e-5
    )


# -- brute force -----------------------------------------------------------------------------


@pytest.mark.parametrize("name", LAYERWISE)
def test_one_layer_is_matched_as_by_brute_force(name, random_mlp, similarities):
    a, b = random_mlp([8, 6, 3]), random_mlp([8, 6, 3])
    seen, found = similarities(built(name), a, b)
    best, objective = best_order(seen[FIRST])
    assert tuple(found.permutations[FIRST]) == best
    assert found.objectives[FIRST] == pytest.approx(objective, rel=1e-12)
    assert found.identity_objectives[FIRST] == pytest.approx(np.trace(seen[FIRST]), rel=1e-12)


def test_two_layers_are_matched_as_by_brute_force_layer_by_layer(random_mlp, matched):
    """Written out, without the library: B's columns follow the units below."""
    a, b = random_mlp([8, 6, 6, 3]), random_mlp([8, 6, 6, 3])
    first, objective_1 = best_order(a["layers.0.weight"] @ b["layers.0.weight"].T.astype(float))
    above = b["layers.1.weight"][:, list(first)]
    second, objective_2 = best_order(a["layers.1.weight"] @ above.T.astype(float))
    found = matched(NaiveWeightMatching(), a, b)
    assert tuple(found.permutations[FIRST]) == first
    assert tuple(found.permutations[SECOND]) == second
    assert found.objectives[FIRST] == pytest.approx(objective_1, rel=1e-6)
    assert found.objectives[SECOND] == pytest.approx(objective_2, rel=1e-6)
    unmoved, _ = best_order(a["layers.1.weight"] @ b["layers.1.weight"].T.astype(float))
    assert unmoved != second, "the pair must be one where the order of the columns matters"


def test_two_layers_of_sigma_wm_by_brute_force(random_mlp, inputs, matched, run_mlp):
    a, b = random_mlp([8, 6, 6, 3]), random_mlp([8, 6, 6, 3])
    phi = run_mlp(a, inputs)[0]
    sigma = [values.T @ values / len(values) for values in phi]
    first, _ = best_order(a["layers.0.weight"] @ sigma[0] @ b["layers.0.weight"].T)
    second, _ = best_order(a["layers.1.weight"] @ sigma[1] @ b["layers.1.weight"][:, list(first)].T)
    found = matched(built("sigma_wm"), a, b)
    assert tuple(found.permutations[FIRST]) == first
    assert tuple(found.permutations[SECOND]) == second


@pytest.mark.parametrize("starts", [1, 4])
def test_weight_matching_climbs_to_where_no_group_alone_can_rise(
    starts, random_mlp, matched, groups_of
):
    """Every other permutation of one group, by brute force, has a smaller product."""
    a, b = random_mlp([8, 5, 4, 3]), random_mlp([8, 5, 4, 3])
    groups = groups_of(a)

    def product(permutations):
        moved = apply.permute(b, groups, permutations)
        return sum(float(np.vdot(a[k].astype(float), moved[k].astype(float))) for k in a)

    found = matched(built("weight_matching", starts=starts), a, b)
    best = product(found.permutations)
    for group in groups:
        for p in all_orders(range(group.size)):
            other = {**found.permutations, group.name: np.array(p)}
            assert product(other) <= best + 1e-9
    assert found.spread >= 0 and (starts > 1 or found.spread == 0)


def test_weight_matchings_objective_is_the_product_of_a_groups_members(random_mlp, matched):
    a, b = random_mlp([8, 5, 3]), random_mlp([8, 5, 3])
    found = matched(built("weight_matching"), a, b)
    p = found.permutations[FIRST]
    parts = [(a["layers.0.weight"], b["layers.0.weight"][p])]
    parts += [(a["layers.0.bias"], b["layers.0.bias"][p])]
    parts += [(a["layers.1.weight"], b["layers.1.weight"][:, p])]
    assert found.objectives[FIRST] == pytest.approx(sum((x * y).sum() for x, y in parts), rel=1e-5)
    assert found.norms[FIRST] == pytest.approx(
        tuple(sum((part[i] ** 2).sum() for part in parts) for i in (0, 1)), rel=1e-5
    )


# -- similarities and objectives by their formulas -------------------------------------------


def test_sigma_wm_by_hand():
    """Sigma of rank 2, from the inputs (1, 2, 0) and (0, 2, 4). Naive matching swaps, this not.

    Sigma = ((1/2, 1, 0), (1, 4, 4), (0, 4, 8)); W_A Sigma = ((1/2, -3, -8), (1, 4, 4)).
    """
    inputs = np.array([[1, 2, 0], [0, 2, 4]], np.float32)
    top = np.zeros((1, 2), np.float32)
    a = {"1.weight": np.array([[1, 0, -1], [0, 1, 0]], np.float32), "2.weight": top}
    b = {"1.weight": np.array([[1, 1, 0], [2, 0, 1]], np.float32), "2.weight": top}
    groups = chain({"1.weight": 2, "2.weight": 1})
    found = match(built("sigma_wm"), a, b, groups, NetworkMoments(InMemory({INPUT: inputs})))
    assert found.permutations["1"].tolist() == [0, 1]
    assert (found.objectives["1"], found.identity_objectives["1"]) == (3.5, 3.5)
    assert found.norms["1"] == (12.5, 16.5)
    found = match(NaiveWeightMatching(), a, b, groups)
    assert found.permutations["1"].tolist() == [1, 0]
    assert (found.objectives["1"], found.identity_objectives["1"]) == (2, 1)
    assert found.norms["1"] == (3, 7)


def test_sigma_wm_with_the_identity_for_sigma_is_naive_wm(random_mlp, groups_of):
    """16 inputs 4 e_i: their second moment is the identity exactly."""
    a, b = random_mlp([16, 6, 3]), random_mlp([16, 6, 3])
    white = NetworkMoments(InMemory({INPUT: 4 * np.eye(16, dtype=np.float32)}))
    sigma = match(built("sigma_wm"), a, b, groups_of(a), white)
    naive = match(NaiveWeightMatching(), a, b, groups_of(a))
    assert sigma.objectives == pytest.approx(naive.objectives)
    np.testing.assert_array_equal(sigma.permutations[FIRST], naive.permutations[FIRST])


@pytest.mark.parametrize("centred", [False, True])
def test_sigma_wm_is_the_weights_with_sigma_between(
    centred, random_mlp, inputs, similarities, run_mlp
):
    """It is also the cross moment of both layers fed with A's activations: the same identity."""
    a, b = random_mlp(WIDTHS), random_mlp(WIDTHS)
    phi = run_mlp(a, inputs)[0][1]
    if centred:
        phi = phi - phi.mean(0)
    found, result = similarities(SigmaWeightMatching(centred), a, b)
    weight_b = b["layers.1.weight"][:, result.permutations[FIRST]].astype(float)
    of_a, of_b = phi @ a["layers.1.weight"].T, phi @ weight_b.T
    np.testing.assert_allclose(found[SECOND], of_a.T @ of_b / len(phi), rtol=1e-5, atol=1e-5)


def cross(statistic, x, y):
    if statistic == "second_moment":
        return x.T @ y / len(x)
    x, y = x - x.mean(0), y - y.mean(0)
    if statistic == "correlation":
        x, y = (np.divide(v, v.std(0), out=np.zeros_like(v), where=v.std(0) > 0) for v in (x, y))
    return x.T @ y / len(x)


@pytest.mark.parametrize("statistic", ["covariance", "second_moment", "correlation"])
def test_am_is_a_cross_moment_of_the_activations(
    statistic, random_mlp, inputs, similarities, run_mlp
):
    a, b = random_mlp(WIDTHS), random_mlp(WIDTHS)
    phi_a, phi_b = (run_mlp(network, inputs)[0][2] for network in (a, b))
    found, _ = similarities(ActivationMatching(statistic), a, b)
    np.testing.assert_allclose(found[SECOND], cross(statistic, phi_a, phi_b), rtol=1e-4, atol=1e-5)
    assert built("am").statistic == "covariance"


@pytest.mark.parametrize("name", ["naive_wm", "sigma_wm", "am"])
def test_norms_and_objective_make_the_distance_that_is_minimised(
    name, random_mlp, inputs, matched, run_mlp, groups_of
):
    a, b = random_mlp(WIDTHS), random_mlp(WIDTHS)
    found = matched(built(name), a, b)
    moved = apply.permute(b, groups_of(b), found.permutations)
    phi_a, phi_b = (run_mlp(network, inputs)[0] for network in (a, moved))
    difference = a["layers.1.weight"] - moved["layers.1.weight"]
    of_outputs, of_units = phi_a[1] @ difference.T, phi_a[2] - phi_b[2]
    expected = {
        "naive_wm": (difference**2).sum(),
        "sigma_wm": (of_outputs**2).sum(1).mean(),
        "am": of_units.var(0).sum(),
    }[name]
    norm_a, norm_b = found.norms[SECOND]
    assert norm_a + norm_b - 2 * found.objectives[SECOND] == pytest.approx(expected, rel=1e-4)


@pytest.mark.parametrize("name", LAYERWISE)
def test_the_objective_is_at_least_that_of_random_orders(name, random_mlp, stream, similarities):
    a, b = random_mlp(WIDTHS), random_mlp(WIDTHS)
    seen, found = similarities(built(name), a, b)
    for group, similarity in seen.items():
        assert similarity.dtype == np.float64
        units = np.arange(len(similarity))
        assert found.objectives[group] >= found.identity_objectives[group]
        for _ in range(50):
            assert found.objectives[group] >= similarity[units, stream.permutation(units)].sum()


# -- what a matching asks for and refuses ----------------------------------------------------


@pytest.mark.parametrize("name", [n for n in REGISTRY.names if not REGISTRY.entry(n).activations])
def test_matchers_of_weights_alone_need_no_statistics(name, random_mlp, groups_of):
    a, b = random_mlp(WIDTHS), random_mlp(WIDTHS)
    assert set(match(built(name), a, b, groups_of(a)).permutations) == {FIRST, SECOND}


@pytest.mark.parametrize("name", [n for n in REGISTRY.names if REGISTRY.entry(n).activations])
def test_a_matcher_of_activations_says_that_it_needs_them(name, random_mlp, groups_of, one_line):
    a, b = random_mlp(WIDTHS), random_mlp(WIDTHS)
    with pytest.raises(UserError) as error:
        match(built(name), a, b, groups_of(a), what="pair 5")
    one_line(error, "pair 5, A", "moments")


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_state_dicts_of_modules_are_matched_as_their_arrays(dtype, random_mlp, groups_of):
    matcher, groups = built("naive_wm"), groups_of(random_mlp(WIDTHS))
    states = [
        {name: torch.from_numpy(array).to(dtype) for name, array in network.items()}
        for network in (random_mlp(WIDTHS), random_mlp(WIDTHS))
    ]
    arrays = [{name: t.float().numpy() for name, t in state.items()} for state in states]
    found, expected = match(matcher, *states, groups), match(matcher, *arrays, groups)
    assert found.objectives == expected.objectives


def test_networks_that_differ_in_shape_are_refused_in_one_line(random_mlp, one_line, groups_of):
    a, b = random_mlp([2, 3, 2]), random_mlp([2, 4, 2])
    with pytest.raises(UserError) as error:
        match(NaiveWeightMatching(), a, b, groups_of(a), what="pair 5")
    one_line(error, "pair 5", "layers.0.weight", (3, 2), (4, 2))


def test_groups_of_another_network_are_refused_in_one_line(random_mlp, one_line, groups_of):
    a, other = random_mlp([2, 3, 2]), random_mlp([2, 4, 5, 2])
    with pytest.raises(UserError) as error:
        match(NaiveWeightMatching(), a, a, groups_of(other), what="pair 5")
    one_line(error, "pair 5", "another architecture")


def test_a_network_with_nan_is_refused_in_one_line(random_mlp, one_line, groups_of):
    a, b = random_mlp([2, 3, 2]), random_mlp([2, 3, 2])
    b["layers.1.bias"][0] = np.nan
    with pytest.raises(UserError) as error:
        match(NaiveWeightMatching(), a, b, groups_of(a), what="pair 5")
    one_line(error, "pair 5, B", "layers.1.bias", "not finite")


def test_frozen_groups_are_left_alone(random_mlp, one_line, groups_of):
    a, b = random_mlp(WIDTHS), random_mlp(WIDTHS)
    groups = groups_of(a)
    found = match(NaiveWeightMatching(), a, b, groups.without([FIRST], "freeze"))
    assert set(found.permutations) == {SECOND}
    p = found.permutations[SECOND]
    unmoved = (a["layers.1.weight"] * b["layers.1.weight"][p]).sum()
    assert found.objectives[SECOND] == pytest.approx(unmoved, rel=1e-5)
    with pytest.raises(UserError) as error:
        groups.without(["layers.7"], "freeze")
    one_line(error, "freeze", "layers.7", FIRST)


@pytest.mark.parametrize("given", [(), ("a",)])
@pytest.mark.parametrize("name", ["am", "sigma_wm"])
def test_missing_moments_are_named(name, given, random_mlp, groups_of, one_line):
    a, b = random_mlp([4, 3, 2]), random_mlp([4, 3, 2])
    groups = groups_of(a)
    values = {INPUT: np.eye(4, dtype=np.float32)}
    values |= {tap.value: np.eye(3, dtype=np.float32) for group in groups for tap in group.taps}
    moments = [NetworkMoments(InMemory(values)) for _ in given]
    if name == "sigma_wm" and given:
        match(built(name), a, b, groups, *moments)  # it needs those of A only
        return
    with pytest.raises(UserError) as error:
        match(built(name), a, b, groups, *moments, what="a pair")
    one_line(error, f"a pair, {'B' if given else 'A'}", "needs statistics of the activations")
