"""Permuting a network: planted permutations, composition, inverse, tied weights, metadata."""

import numpy as np
import pytest
import torch
from odd_networks import odd_network
from torch import nn
from zoo_networks import GPT, zoo_network

from lmc_ot.errors import UserError
from lmc_ot.networks.groups import apply
from lmc_ot.networks.groups.derive import derive


@pytest.fixture(params=["grouped", "att_gqa", "unet"])
def permutable(request):
    """A network of random parameters, a batch, its groups."""
    module, inputs = odd_network(request.param)
    return module, inputs, derive(module, inputs)


def equal(a, b):
    return a.keys() == b.keys() and all(torch.equal(a[k], b[k]) for k in a)


def test_a_planted_permutation_is_found_again_in_any_vector(permutable, stream):
    module, _, groups = permutable
    planted = apply.random(groups, stream)
    state = module.state_dict()
    moved = apply.permute(state, groups, planted)
    found = 0
    for group in groups:
        for member in group.members:
            vector = state[member.parameter]
            if vector.ndim == 1 and len(vector.unique()) == len(vector):
                places = torch.from_numpy(member.places).long()
                before, after = vector[places][:, 0], moved[member.parameter][places][:, 0]
                again = (after[:, None] == before[None, :]).long().argmax(1)
                assert again.tolist() == planted[group.name].tolist()
                found += 1
    assert found >= len(groups) - 1 > 0


def test_a_permutation_of_a_chain_is_what_one_would_write(stream):
    module = nn.Sequential(nn.Linear(4, 6), nn.ReLU(), nn.Linear(6, 3))
    groups = derive(module, torch.randn(2, 4))
    p = stream.permutation(6)
    moved = apply.permute(module.state_dict(), groups, {"0": p})
    assert torch.equal(moved["0.weight"], module[0].weight[p])
    assert torch.equal(moved["0.bias"], module[0].bias[p])
    assert torch.equal(moved["2.weight"], module[2].weight[:, p])
    assert moved["2.bias"] is not None and torch.equal(moved["2.bias"], module[2].bias)


def test_heads_and_the_units_within_them_are_one_flat_permutation():
    p = apply.flat(np.array([1, 0]), np.array([[0, 1, 2], [2, 1, 0]]))
    assert p.tolist() == [3, 4, 5, 2, 1, 0]


def test_permutations_compose_and_have_inverses(permutable, stream):
    module, _, groups = permutable
    state = module.state_dict()
    p, q = apply.random(groups, stream), apply.random(groups, stream)
    there = apply.permute(state, groups, p)
    assert not equal(there, state)
    assert equal(apply.permute(there, groups, apply.inverse(p)), state)
    both = apply.permute(state, groups, apply.compose(p, q))
    assert equal(both, apply.permute(there, groups, q))
    assert equal(apply.permute(state, groups, apply.identity(groups)), state)


def test_of_some_groups_only_these_move(permutable, stream):
    module, inputs, groups = permutable
    only = {groups.groups[0].name: np.roll(np.arange(groups.groups[0].size), 1)}
    if groups.groups[0].heads == 1:
        moved = apply.permute(module.state_dict(), groups, only)
        members = {member.parameter for member in groups.groups[0].members}
        for name, tensor in module.state_dict().items():
            assert torch.equal(moved[name], tensor) == (name not in members)
    everything = apply.random(groups, stream)
    expected = module.double()(inputs.double())
    module.load_state_dict(apply.permute(module.state_dict(), groups, everything))
    assert torch.allclose(module(inputs.double()), expected, rtol=0, atol=1e-12)


def test_tied_weights_remain_tied_under_all_their_names(stream):
    module, inputs = zoo_network("gpt_tied")
    groups = derive(module, inputs)
    assert groups.aliases == {"e.weight": ("head.weight",), "head.weight": ("e.weight",)}
    permutations = apply.random(groups, stream)
    expected = module(inputs)
    moved = apply.permute(module.state_dict(), groups, permutations)
    assert moved["e.weight"] is moved["head.weight"]

    fresh = GPT().eval()
    fresh.load_state_dict(moved)
    assert torch.allclose(fresh(inputs), expected, atol=1e-5)
    module.load_state_dict(moved)
    assert module.head.weight is module.e.weight
    assert equal(dict(module.state_dict()), dict(moved))

    # A file may hold a tied tensor once, under either name.
    for name in ("e.weight", "head.weight"):
        once = {k: v for k, v in fresh.state_dict().items() if k != name}
        back = apply.permute(once, groups, apply.inverse(permutations))
        assert back.keys() == once.keys()


def test_metadata_of_a_state_dict_are_kept(stream):
    module, inputs = zoo_network("resnet20")
    groups = derive(module, inputs)
    state = module.state_dict()
    moved = apply.permute(state, groups, apply.random(groups, stream))
    assert moved._metadata == state._metadata and state._metadata["b"]["version"] == 2
    assert list(moved) == list(state)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda p: p.update({"v": p["v"][:-1]}), "group v: not a permutation of its 8 units"),
        (lambda p: p.update({"v": p["v"] * 0}), "group v: not a permutation of its 8 units"),
        (
            lambda p: p.update({"v": np.roll(p["v"], 1)}),
            "group v: units of one head are moved to several",
        ),
        (
            lambda p: p.update({"v": np.roll(p["v"], 4)}),
            "group v: not the heads' permutation of q",
        ),
        (
            lambda p: (p.pop("q"), p.update({"v": np.roll(p["v"], 4)})),
            "group q: heads of its family are permuted, but not it",
        ),
    ],
)
def test_what_is_not_a_permutation_of_the_groups_is_refused(change, said):
    module, inputs = odd_network("att_gqa")
    groups = derive(module, inputs)
    permutations = apply.identity(groups)
    change(permutations)
    with pytest.raises(ValueError) as error:
        apply.permute(module.state_dict(), groups, permutations)
    assert str(error.value) == said


def test_a_state_dict_of_another_network_is_refused(permutable, one_line):
    module, _, groups = permutable
    state = module.state_dict()
    del state[groups.groups[0].members[0].parameter]
    with pytest.raises(UserError) as error:
        apply.permute(state, groups, apply.identity(groups))
    one_line(error, groups.groups[0].members[0].parameter)
