"""Theorem D.2, random networks and dropout: exact oracles, then rates on easy cases."""

import warnings
from itertools import combinations

import numpy as np
import pandas as pd
import pytest

from lmc_ot.config.completion import complete
from lmc_ot.errors import ConfigError
from lmc_ot.matching import REGISTRY as MATCHERS
from lmc_ot.networks.groups import apply
from lmc_ot.networks.groups.chain import chain
from lmc_ot.registries import REGISTRIES
from lmc_ot.theory import REGISTRY, dropout, random_networks, weighted_matching
from lmc_ot.theory.rates import slopes
from lmc_ot.theory.transport import squared_distance

MATCHING = [name for name in MATCHERS.names if name != "identity"]
SIGMA_WM = {"name": "sigma_wm"}
SMALL = {
    "weighted_matching": {"sizes": [8, 16], "dimension": 12, "rank": 5, "repetitions": 3},
    "random_networks": {
        "sizes": [8, 16],
        "depths": [1, 3],
        "input_dimensions": [3, 6],
        "weights": ["gaussian", "uniform"],
        "matcher": SIGMA_WM,
        "examples": 20,
        "repetitions": 3,
    },
    "dropout": {
        "sizes": [8, 16],
        "input_dimensions": [3, 6],
        "matcher": SIGMA_WM,
        "examples": 20,
        "repetitions": 3,
    },
}


def experiment(name, **options):
    return REGISTRY.build({"name": name, **SMALL[name], **options})


def measured(name, seed=1, **options):
    """(quantity, series, size, repetition) -> value."""
    return {m[:4]: m.value for m in experiment(name, **options).measure(seed)}


def rates(name, **options):
    """The slopes of an experiment, by (quantity, series)."""
    one = experiment(name, **options)
    table = slopes(pd.DataFrame(one.measure(1)), one.predictions())
    return table.set_index(["quantity", "series"])


def agrees(row, slope):
    return row["low"] <= slope <= row["high"]


# -- all of them -----------------------------------------------------------------------------


@pytest.mark.parametrize("name", SMALL)
def test_the_same_seed_measures_the_same_and_another_does_not(name):
    once = measured(name)
    assert once == measured(name)
    other = measured(name, seed=2)
    assert once.keys() == other.keys()
    assert not set(once.values()) & set(other.values())


@pytest.mark.parametrize("name", SMALL)
def test_one_more_size_or_repetition_changes_no_other_value(name):
    once = measured(name)
    for more in ({"sizes": [4, 8, 16]}, {"sizes": [16, 8, 32]}, {"repetitions": 4}):
        again = measured(name, **more)
        assert len(again) > len(once)
        assert {key: again[key] for key in once} == once


@pytest.mark.parametrize("name", SMALL)
def test_every_curve_has_a_prediction_and_all_sizes_and_repetitions(name):
    found = measured(name)
    curves = [(p.quantity, p.series) for p in experiment(name).predictions()]
    assert len(set(curves)) == len(curves)
    assert set(found) == {(*c, n, r) for c in curves for n in (8, 16) for r in range(3)}
    assert all(value > 0 for value in found.values())


@pytest.mark.parametrize("name", ["random_networks", "dropout"])
@pytest.mark.parametrize("d", [4, 5])
def test_nothing_is_predicted_up_to_four_dimensions(name, d):
    predictions = experiment(name, input_dimensions=[d]).predictions()
    assert any(p.slope is not None for p in predictions) == (d > 4)


# -- Theorem D.2 -----------------------------------------------------------------------------


def test_weighting_by_the_identity_changes_nothing(stream):
    a, b = stream.normal(size=(2, 40, 7))
    naive, weighted = (
        weighted_matching.matched(MATCHERS.build({"name": name}), a, b, np.eye(7))
        for name in ("naive_wm", "sigma_wm")
    )
    np.testing.assert_array_equal(naive, weighted)
    assert weighted_matching.cost(a, naive, np.eye(7)) == pytest.approx(squared_distance(a, b))


def test_weighting_by_a_projector_is_transport_of_the_projections(stream):
    a, b = stream.normal(size=(2, 40, 7))
    basis = np.linalg.qr(stream.normal(size=(7, 3)))[0]
    sigma = basis @ basis.T
    moved = weighted_matching.matched(MATCHERS.build({"name": "sigma_wm"}), a, b, sigma)
    found = weighted_matching.cost(a, moved, sigma)
    assert found == pytest.approx(squared_distance(a @ basis, b @ basis), rel=1e-10)
    assert sorted(map(tuple, moved)) == sorted(map(tuple, b))


def test_the_cost_is_the_mean_squared_distance_of_the_outputs(stream):
    a, b, phi = stream.normal(size=(5, 7)), stream.normal(size=(5, 7)), stream.normal(size=(30, 7))
    outputs = ((phi @ (a - b).T) ** 2).sum() / 30 / 5
    assert weighted_matching.cost(a, b, phi.T @ phi / 30) == pytest.approx(outputs)


def test_the_weighted_matching_costs_least():
    found = measured("weighted_matching")
    for (quantity, series, *which), value in found.items():
        if series != "Sigma-WM":
            assert found[(quantity, "Sigma-WM", *which)] <= value


@pytest.mark.parametrize("rank", [5, 11])
def test_naive_matching_loses_where_the_rank_is_low(rank):
    found = pd.DataFrame(experiment("weighted_matching", rank=rank).measure(1))
    means = found.groupby("series")["value"].mean()
    assert (means["naive WM"] > 1.2 * means["Sigma-WM"]) == (rank == 5)


def test_rates_of_theorem_d2():
    found = rates(
        "weighted_matching", sizes=[32, 90, 256], dimension=32, rank=5, repetitions=40
    ).droplevel(0)
    assert agrees(found.loc["no matching"], 0)
    assert found.loc["no matching", "level"] == pytest.approx(2, rel=0.05)
    # At these sizes 32 dimensions are still steeper than in the limit.
    assert -0.13 < found.loc["naive WM", "slope"] < -0.04
    assert found.loc["Sigma-WM", "slope"] == pytest.approx(-2 / 5, abs=0.05)
    assert found["predicted"].tolist() == [0, -2 / 32, -2 / 5]


# -- random networks -------------------------------------------------------------------------


@pytest.fixture
def networks():
    """A pair of networks of three hidden layers, and inputs to match and to measure on."""
    identity = 7, "gaussian", 6, 12, 0
    return *random_networks.pair(*identity, 3), *random_networks.inputs(*identity, 300)


def errors(a, b, seen, fresh, matcher="sigma_wm"):
    """Distance and LMC error of every depth."""
    layers = random_networks.align(a, b, MATCHERS.build({"name": matcher}), seen, fresh)
    return [
        (
            random_networks.distance(layer),
            random_networks.lmc_error(layer, *random_networks.readouts(a, b, layer)),
        )
        for layer in layers
    ]


def shuffled(network, stream):
    """The same function, with its hidden units in random order."""
    groups = chain({name: len(weight) for name, weight in network.items()})
    return apply.permute(network, groups, apply.random(groups, stream))


@pytest.mark.parametrize("name", MATCHING)
def test_a_permuted_copy_is_as_near_as_can_be(name, networks, stream):
    a, _, *x = networks
    copy = shuffled(a, stream)
    found = np.array(errors(a, copy, *x, matcher=name))
    # Outgoing weights of the depths below the last are not permuted with it.
    np.testing.assert_array_equal(found[:, 0], 0)
    assert found[-1, 1] == 0


@pytest.mark.parametrize("name", MATCHING)
def test_the_order_of_bs_units_does_not_matter(name, networks, stream):
    a, b, *x = networks
    other = shuffled(b, stream)
    once, again = errors(a, b, *x, matcher=name), errors(a, other, *x, matcher=name)
    np.testing.assert_allclose(np.array(again)[:, 0], np.array(once)[:, 0], rtol=1e-4)
    assert again[-1][1] == pytest.approx(once[-1][1], rel=1e-4)


def test_networks_by_their_definition(networks, run_mlp):
    a = networks[0]
    mlp = {}
    for layer, weight in enumerate(a.values()):
        mlp |= {f"layers.{layer}.weight": weight, f"layers.{layer}.bias": np.zeros(len(weight))}
    expected = run_mlp(mlp, networks[2])[0]
    for own, phi in zip(random_networks.activations(a, networks[2]), expected, strict=True):
        np.testing.assert_allclose(own, phi, rtol=1e-4, atol=1e-6)


def test_a_layers_midpoint_is_that_of_networks_of_this_depth(networks):
    a, b, *x = networks
    shallow_a, shallow_b = random_networks.pair(7, "gaussian", 6, 12, 0, 2)
    assert all(np.array_equal(shallow_a[name], a[name]) for name in ("1.weight", "2.weight"))
    assert np.array_equal(shallow_b["3.weight"], b["4.weight"])
    assert errors(shallow_a, shallow_b, *x) == errors(a, b, *x)[:2]


@pytest.mark.parametrize("law", random_networks.LAWS)
def test_weights_have_variance_one_over_fan_in(law, stream):
    weight = random_networks.LAWS[law](stream, 400, 250)
    assert weight.dtype == np.float32
    assert weight.mean() == pytest.approx(0, abs=1e-3)
    assert 250 * weight.var() == pytest.approx(1, rel=0.02)


def test_the_error_is_what_the_distance_makes_of_it(stream):
    """Of a mean over outgoing weights N(0, 1): each output is Gaussian, for every example."""
    a, b, midpoint = stream.random(size=(3, 40, 6)).astype(np.float32)
    layer = random_networks.HiddenLayer(a, b, midpoint, np.arange(6))
    readouts = stream.normal(size=(2, 20_000, 6))
    apart = np.sqrt(((midpoint - a) ** 2).sum(1) + ((midpoint - b) ** 2).sum(1)) / 2
    size = (np.linalg.norm(a, axis=1) + np.linalg.norm(b, axis=1)) / 2
    found = random_networks.lmc_error(layer, *readouts)
    assert found == pytest.approx(apart.mean() / size.mean(), rel=0.02)


def test_the_error_is_the_largest_excess_of_an_absolute_loss():
    """One example, one output: targets far away on either side."""
    layer = random_networks.HiddenLayer(*np.array([[[2.0]], [[4.0]], [[1.0]]]), np.arange(1))
    found = random_networks.lmc_error(layer, np.ones((1, 1)), np.ones((1, 1)))
    targets = np.linspace(-10, 10, 41)
    excess = abs(1 - targets) - (abs(2 - targets) + abs(4 - targets)) / 2
    assert found * 3 == pytest.approx(excess.max())


def test_distance_by_hand():
    layer = random_networks.HiddenLayer(*np.array([[[3.0, 0]], [[1, 0]], [[2, 1]]]), None)
    assert random_networks.distance(layer) == pytest.approx((2 + 2) / (9 + 1))


def test_a_matchers_options_are_passed_on():
    found = experiment(
        "random_networks", matcher={"name": "am", "statistic": "second_moment"}
    ).matcher
    assert found.statistic == "second_moment"


def test_rates_of_random_networks():
    found = rates(
        "random_networks",
        sizes=[32, 90, 256],
        depths=[1, 2],
        input_dimensions=[5, 16],
        examples=400,
        repetitions=6,
    )["slope"]
    for law in random_networks.LAWS:
        slope = {
            (depth, d): found[random_networks.DISTANCE, f"{law}, depth {depth}, d0 = {d}"]
            for depth in (1, 2)
            for d in (5, 16)
        }
        assert slope[1, 5] == pytest.approx(-2 / 5, abs=0.06)
        # Slower with the dimension and with the depth, and falling all the same.
        assert slope[1, 5] < min(slope[1, 16], slope[2, 5])
        assert max(slope[1, 16], slope[2, 5]) < slope[2, 16] < 0
        error = found[random_networks.ERROR, f"{law}, depth 1, d0 = 5"]
        assert error == pytest.approx(-1 / 5, abs=0.06)


# -- dropout ---------------------------------------------------------------------------------


def test_half_error_by_its_definition(stream):
    phi, outgoing = stream.normal(size=(20, 8)), stream.normal(size=(3, 8))
    kept = stream.permutation(8)[:4]
    expected = abs(2 * phi[:, kept] @ outgoing[:, kept].T - phi @ outgoing.T).mean()
    assert dropout.half_error(phi, outgoing, kept) == pytest.approx(expected)


def test_squared_error_of_all_halves_of_n_terms(stream):
    """Sampling without replacement: E (2 sum_S t - sum t)^2 = n s^2, s^2 with ddof 1."""
    terms = stream.normal(size=(1, 8)) + 1
    halves = [
        dropout.half_error(terms, np.ones((1, 8)), list(s)) for s in combinations(range(8), 4)
    ]
    assert np.mean(np.square(halves)) == pytest.approx(8 * terms.var(ddof=1))


def test_equal_neurons_need_no_rescaling():
    assert dropout.half_error(np.full((3, 6), 2.0), np.full((1, 6), 1 / 6), [0, 3, 4]) == 0


def test_the_error_of_a_half_obeys_equation_8():
    found = measured("dropout", examples=200)
    for (quantity, series, *which), value in found.items():
        if quantity == dropout.MEAN and series.startswith(dropout.HALF):
            bound = series.replace(dropout.HALF, dropout.BOUND)
            assert value < found[(quantity, bound, *which)]


def test_the_networks_are_those_of_the_other_experiment():
    theirs = measured("random_networks")
    for (quantity, series, *which), value in measured("dropout").items():
        if quantity == dropout.RANDOM and series.startswith(dropout.LMC):
            d = series.split(" = ")[1]
            same = random_networks.ERROR, f"gaussian, depth 1, d0 = {d}", *which
            assert theirs[same] == value


def test_rates_of_dropout():
    found = rates("dropout", sizes=[32, 90, 256], input_dimensions=[5], examples=400, repetitions=8)
    slope = {key: row["slope"] for key, row in found.iterrows()}
    assert slope[dropout.MEAN, "random half, d0 = 5"] == pytest.approx(-1 / 2, abs=0.06)
    assert slope[dropout.MEAN, f"{dropout.BOUND}, d0 = 5"] == pytest.approx(-1 / 5, abs=0.04)
    assert slope[dropout.MEAN, "LMC error, d0 = 5"] == pytest.approx(-2 / 5, abs=0.08)
    assert slope[dropout.RANDOM, "LMC error, d0 = 5"] == pytest.approx(-1 / 5, abs=0.06)
    random_half = found.loc[(dropout.RANDOM, "random half, d0 = 5")]
    assert agrees(random_half, 0)
    assert random_half["level"] == pytest.approx(1, abs=0.1)


# -- what is refused -------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "options", "named"),
    [
        ("weighted_matching", {"rank": 12}, ["rank", 12]),
        ("weighted_matching", {"rank": 13}, ["rank", 13, 12]),
        ("dropout", {"sizes": [8, 9]}, ["sizes", 9]),
        ("random_networks", {"matcher": {"name": "sigma"}}, ["sigma", "sigma_wm"]),
        ("dropout", {"matcher": {"name": "sigma"}}, ["sigma", "sigma_wm"]),
    ],
)
def test_options_that_make_no_sense_are_refused_in_one_line(name, options, named, one_line):
    with pytest.raises(ConfigError) as error:
        experiment(name, **options)
    one_line(error, *named)


@pytest.fixture
def completed(repository):
    """The options of an experiment, as a config's are completed."""

    def complete_(name, options):
        training = {
            "dataset": {"name": "digits"},
            "network": {"name": "mlp"},
            "training": {"learning_rate": 0.1},
        }
        config = {"name": "a", "experiments": {"b": training}, "theory": {name: options}}
        schema = repository / "workflow" / "schemas" / "config.schema.yaml"
        return complete(config, schema, REGISTRIES)["theory"][name]

    return complete_


@pytest.mark.parametrize(
    ("name", "options", "named"),
    [
        ("weighted_matching", {"rank": 0}, ["rank", 0]),
        ("random_networks", {"weights": ["cauchy"]}, ["weights", "cauchy"]),
        ("random_networks", {"depths": [0]}, ["depths", 0]),
        (
            "random_networks",
            {"matcher": {"name": "am", "statistics": "covariance"}},
            ["matcher", "statistic"],
        ),
        ("dropout", {"matcher": {"name": "sigma"}}, ["matcher", "sigma_wm"]),
        ("dropout", {"repetitions": 2}, ["repetitions", 2]),
    ],
)
def test_a_config_refuses_them_earlier(name, options, named, one_line, completed):
    with pytest.raises(ConfigError) as error:
        completed(name, options)
    one_line(error, f"theory.{name}", *named)


@pytest.mark.parametrize("name", SMALL)
def test_the_defaults_of_a_config_make_an_experiment(name, completed):
    options = completed(name, {})
    assert options.keys() == {"name", *SMALL[name]} and options["name"] == name
    assert REGISTRY.build(options).predictions()


def test_networks_that_are_dead_are_refused_in_one_line(one_line):
    """Of width 2 and depth 3, both of a pair are 0 everywhere sooner or later."""
    options = {"depths": [3], "input_dimensions": [5], "weights": ["gaussian"]}
    matcher = {"matcher": {"name": "sigma_wm"}, "examples": 50, "repetitions": 40}
    with warnings.catch_warnings(), pytest.raises(ConfigError) as error:
        warnings.simplefilter("error")
        list(random_networks.RandomNetworks(sizes=[2, 4], **options, **matcher).measure(0))
    one_line(error, "sizes: 2", "depth 3")


def test_dead_networks_have_neither_a_distance_nor_an_error():
    zeros, ones = np.zeros((3, 2), np.float32), np.ones((3, 2), np.float32)
    layer = random_networks.HiddenLayer(zeros, zeros, ones, np.arange(2))
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert np.isnan(random_networks.distance(layer))
        assert np.isnan(random_networks.lmc_error(layer, np.ones((1, 2)), np.ones((1, 2))))
