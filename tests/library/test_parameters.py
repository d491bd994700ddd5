"""What users of the library bring as a network: it works, or one line says what is expected."""

import numpy as np
import pytest
import torch
from torch import nn

from lmc_ot.errors import UserError
from lmc_ot.matching import REGISTRY, solver
from lmc_ot.matching.moments import InMemory, NetworkMoments
from lmc_ot.networks.parameters import as_parameters
from lmc_ot.networks.permutation import apply, identity, random


@pytest.fixture
def network(stream):
    """An MLP of two hidden layers, as arrays."""
    shapes = {1: (8, 6), 2: (7, 8), 3: (3, 7)}
    return {
        (layer, name): stream.normal(size=shape if name == "weight" else shape[:1]).astype("f4")
        for layer, shape in shapes.items()
        for name in ("weight", "bias")
    }


@pytest.fixture
def planted(network, stream):
    """That network, and the same with permuted units."""
    return network, apply(network, random(network, stream))


def as_state_dict(network):
    modules = [nn.Linear(*network[layer, "weight"].shape[::-1]) for layer in (1, 2, 3)]
    for layer, module in enumerate(modules, start=1):
        module.weight.data = torch.from_numpy(network[layer, "weight"])
        module.bias.data = torch.from_numpy(network[layer, "bias"])
    return nn.Sequential(modules[0], nn.ReLU(), modules[1], nn.ReLU(), modules[2]).state_dict()


def tensors(network, dtype):
    return {key: torch.from_numpy(value).to(dtype) for key, value in network.items()}


FORMS = {
    "tensors": lambda n: tensors(n, torch.float32),
    "parameters of a module": lambda n: {k: nn.Parameter(torch.tensor(v)) for k, v in n.items()},
    "half precision": lambda n: {k: v.astype(np.float16) for k, v in n.items()},
    "bfloat16": lambda n: tensors(n, torch.bfloat16),
    "a state_dict": as_state_dict,
    "names instead of numbers": lambda n: {(f"fc{l}", name): v for (l, name), v in n.items()},
}


@pytest.mark.parametrize("form", FORMS)
def test_a_planted_permutation_is_found_in_any_form(planted, form):
    a, b = planted
    expected = solver.match(REGISTRY.build({"name": "naive_wm"}), a, b).permutations
    found = solver.match(
        REGISTRY.build({"name": "naive_wm"}), FORMS[form](a), FORMS[form](b)
    ).permutations
    assert set(found) == set(expected)
    for layer, permutation in expected.items():
        np.testing.assert_array_equal(found[layer], permutation)
        assert not np.array_equal(permutation, np.arange(len(permutation)))


def test_kernels_keep_their_place_whatever_their_axes(stream):
    kernels = {
        (1, "weight"): stream.normal(size=(8, 3, 3, 3)),
        (1, "bias"): stream.normal(size=8),
        (2, "weight"): stream.normal(size=(10, 8 * 16)),
        (2, "bias"): stream.normal(size=10),
    }
    flat = as_parameters(kernels, "a network")
    np.testing.assert_array_equal(flat[1, "weight"], kernels[1, "weight"].reshape(8, 27))
    moved = apply(kernels, {1: stream.permutation(8)})
    found = solver.match(REGISTRY.build({"name": "naive_wm"}), kernels, moved).permutations[1]
    np.testing.assert_array_equal(apply(moved, {1: found})[1, "weight"], flat[1, "weight"])


def test_the_type_of_the_numbers_is_kept(network):
    half = {key: value.astype(np.float16) for key, value in network.items()}
    assert {value.dtype for value in apply(half, identity(half)).values()} == {np.dtype("f2")}


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({(2, "weight"): np.full((7, 8), np.nan)}, ("A: layer 2, weight", "not finite at [0, 0]")),
        ({(2, "bias"): np.full(7, np.inf)}, ("A: layer 2, bias", "not finite at [0]")),
        ({(1, "weight"): np.ones((8, 6), np.int8)}, ("A: layer 1, weight", "int8")),
        ({(1, "weight"): np.ones(8)}, ("A: layer 1, weight", "(8,)", "(units, inputs)")),
        ({(1, "running_mean"): np.zeros(())}, ("A: layer 1, running_mean", "one value per unit")),
        ({(0, "weight"): np.ones((8, 6))}, ("A: a layer has number 0",)),
        ({"bias": np.ones(8)}, ("A: the key",)),
    ],
)
def test_something_else_is_refused_in_one_line(network, one_line, change, said):
    with pytest.raises(UserError) as error:
        solver.match(REGISTRY.build({"name": "naive_wm"}), {**network, **change}, network)
    one_line(error, *said)


def test_a_state_dict_that_is_not_a_chain_is_refused_in_one_line(one_line):
    state = nn.Sequential(nn.Linear(3, 4), nn.PReLU(), nn.Linear(4, 2)).state_dict()
    state["1.slope"] = state.pop("1.weight")
    with pytest.raises(UserError) as error:
        as_parameters(state, "mine.pt")
    one_line(error, "mine.pt: 1 has no weight")


@pytest.mark.parametrize("name", ["sigma_wm", "am"])
def test_missing_statistics_are_named(network, one_line, name):
    with pytest.raises(UserError) as error:
        solver.match(REGISTRY.build({"name": name}), network, network)
    one_line(error, "a pair of networks, A", "statistics")


def test_statistics_of_other_examples_are_refused_in_one_line(network, one_line, stream):
    moments = [
        NetworkMoments(InMemory([stream.normal(size=(n, w)) for w in (6, 8, 7)])) for n in (50, 40)
    ]
    with pytest.raises(UserError) as error:
        solver.match(REGISTRY.build({"name": "am"}), network, network, *moments)
    one_line(error, "50 and 40 examples")
