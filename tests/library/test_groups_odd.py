"""The groups of small networks that are easy to get wrong, and that permuting them is exact."""

import pytest
from odd_networks import ODD, odd_network

from lmc_ot.networks.groups.derive import derive
from lmc_ot.networks.groups.verify import verify

# Groups as (name, units, heads), in the order of the network.
EXPECTED = {
    "halves_added": [("a", 8, 1)],  # pairs of rows, whose order matters
    "half_used": [("a", 5, 1), ("a#2", 11, 1)],  # the second part is multiplied by 2
    "const_vector": [("a", 3, 1), ("a#2", 2, 1)],  # the third has a factor of its own
    "input_residual": [],
    "reversed_sum": [("a", 4, 1)],
    "gram": [("a", 12, 1)],
    "outer_sum": [],
    "softmax_units": [("a", 7, 1)],
    "topk": [],
    "max_over_units": [("a", 7, 1)],
    "cumsum": [],
    "shared_weight": [],  # the hidden units are those of the input
    "recurrent": [("a", 9, 1)],  # on both axes of r
    "lstm_head": [("r.weight_ih_l0", 6, 1)],  # four gates for each unit
    "gru_head": [("r.weight_ih_l0", 6, 1), ("r.weight_ih_l1", 6, 1)],
    "unet": [("i", 8, 1), ("d", 12, 1), ("up", 8, 1)],
    "groupnorm": [("i", 3, 4)],
    "pixelshuffle": [("i", 4, 1)],  # four channels for each unit
    "weight_norm": [("a.parametrizations.weight.original1", 6, 1)],
    "grouped_mult": [("i", 1, 6), ("g", 2, 6)],
    "grouped": [("i", 2, 4), ("g", 3, 4)],
    "mixer": [("t1", 7, 1)],  # one label for each element: the residual axis is frozen
    "att_mha": [("e", 10, 1), ("q", 4, 4), ("v", 4, 4)],
    "att_gqa": [("e", 10, 1), ("q", 4, 2), ("v", 4, 2)],
    "att_mqa": [("e", 10, 1), ("q", 4, 1), ("v", 4, 1)],
    "att_talking": [
        *[("e", 10, 1), ("q", 4, 4), ("v", 4, 4)],
        *[("mix", 1, 4), ("mix#2", 1, 4)],  # heads before and after they are mixed
    ],
    "att_qknorm": [
        *[("e", 10, 1), ("q", 4, 1)],  # alike in all heads, which share the norm
        *[("v", 4, 1), ("v#2", 4, 1), ("v#3", 4, 1), ("v#4", 4, 1)],
    ],
    "sdpa_gqa": [("q", 4, 2), ("v", 4, 2), ("o", 10, 1)],
    "mha_module": [
        *[("e", 12, 1), ("m.in_proj_weight", 4, 3), ("m.in_proj_weight#2", 4, 3)],
        ("m.out_proj", 12, 1),
    ],
    "inplace_view": [("a", 4, 1), ("a#2", 2, 1)],
    "inplace_alias": [("a", 6, 1)],
    "value_gate_mixed": [("a", 4, 1)],
    "dropped_units": [("a", 3, 1), ("a#2", 5, 1)],  # nobody reads the three
    "spatial_norm": [("a", 6, 1)],
    "position_param": [("a", 6, 1)],
    "prelu_glu": [("a", 6, 1)],  # a value and a gate for each unit
    "spatial_attention": [("i", 6, 1)],
    "scalar_gain": [("a", 6, 1)],
    "masked_attention": [("a", 4, 2), ("a#2", 4, 2)],
    "scaled_weight": [("w", 6, 1)],
    "without_gradient": [("a", 6, 1)],
    "read_twice": [],
    "inplace_base": [],
    "number": [("a", 5, 1)],  # the first unit decides
    "zeros_joined": [  # the last three units have no bias, and nobody reads the last three biases
        *[("a.bias", 3, 1), ("a", 5, 1), ("a#2", 3, 1)],
    ],
}
FIXING = {"topk": ["topk"], "cumsum": ["cumsum"]}
# Left out of a permutation, these change nothing: softmax does not see a key's bias; nobody reads.
WITHOUT_INFLUENCE = {"k.bias", "a.weight", "a.bias"}


@pytest.mark.parametrize("name", EXPECTED)
def test_the_groups_are_the_expected_ones_and_their_permutation_exact(name):
    module, inputs = odd_network(name)
    groups = derive(module, inputs)
    assert [(group.name, group.units, group.heads) for group in groups] == EXPECTED[name]
    assert [unknown.operation for unknown in groups.unknown] == FIXING.get(name, [])
    found = verify(module, inputs, groups, controls=100)
    assert found.error < 1e-12
    assert {parameter for _, parameter in found.exceptions} <= WITHOUT_INFLUENCE
    if len(found.exceptions) < found.controls:
        assert found.smallest_change > 1e-3


def test_every_odd_network_has_an_expectation():
    assert list(EXPECTED) == list(ODD)
