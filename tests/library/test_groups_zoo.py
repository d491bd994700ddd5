"""The groups of the usual architectures: their number, and that permuting them is exact."""

import pytest
from zoo_networks import ZOO, zoo_network

from lmc_ot.networks.groups.derive import derive
from lmc_ot.networks.groups.verify import verify

# Left out of a permutation, these change nothing: softmax does not see a key's bias.
WITHOUT_INFLUENCE = ("in_proj_bias", "qkv.bias", "k.bias")


def marked(name):
    return pytest.param(name, marks=[pytest.mark.slow] if ZOO[name].heavy else [])


@pytest.mark.parametrize("name", [marked(name) for name in ZOO])
def test_an_architecture_has_its_groups_and_keeps_its_function(name):
    module, inputs = zoo_network(name)
    groups = derive(module, inputs)
    assert (groups.symmetric_sets, len(groups.families)) == (ZOO[name].sets, ZOO[name].families)
    assert groups.unknown == ()
    found = verify(module, inputs, groups, controls=4)
    assert found.error < 2e-11
    assert all(name.endswith(WITHOUT_INFLUENCE) for _, name in found.exceptions)
    assert found.controls == min(4, len(groups))
