"""Small versions of large networks: planted permutations, and visits that are left out.

`benchmarks/large.py` plants permutations in the large ones.
"""

import copy
from unittest.mock import Mock

import numpy as np
import pytest
import torch
from torch import nn
from torchvision.models import VisionTransformer
from torchvision.models.resnet import Bottleneck

import lmc_ot
from lmc_ot.matching import iterative
from lmc_ot.merging.modules import recompute_batch_norms
from lmc_ot.networks.groups import apply


def bottlenecks():
    """A small ResNet50: two stages of bottlenecks, the first of each with a projection."""
    layers, below = [nn.Conv2d(3, 16, 3, 1, 1, bias=False), nn.BatchNorm2d(16), nn.ReLU()], 16
    for planes, stride in ((8, 1), (16, 2)):
        above = planes * Bottleneck.expansion
        shortcut = nn.Sequential(nn.Conv2d(below, above, 1, stride), nn.BatchNorm2d(above))
        layers += [Bottleneck(below, planes, stride, shortcut), Bottleneck(above, planes)]
        below = above
    return nn.Sequential(*layers, nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(below, 10))


def transformer():
    """A small ViT-B/16: two blocks of four heads."""
    return VisionTransformer(16, 4, 2, 4, hidden_dim=32, mlp_dim=64, num_classes=10)


class Recurrent(nn.Module):
    """An LSTM, whose recurrent weights hold one group on both axes."""

    def __init__(self):
        super().__init__()
        self.lstm, self.head = nn.LSTM(8, 12, 2, batch_first=True), nn.Linear(12, 4)

    def forward(self, sequences):
        return self.head(self.lstm(sequences)[0][:, -1])


def planted(network, groups):
    """A network with all units and heads permuted and noise of 1 %, and the way back."""
    moves = apply.random(groups, np.random.default_rng(0))
    b = copy.deepcopy(network)
    b.load_state_dict(apply.permute(network.state_dict(), groups, moves))
    with torch.no_grad():
        for tensor in b.parameters():
            tensor += 0.01 * tensor.std(correction=0) * torch.randn_like(tensor)
    return b, apply.inverse(moves)


@pytest.mark.parametrize(
    ("method", "make"),
    [("weight_matching", bottlenecks), ("weight_matching", transformer), ("am", bottlenecks)],
)
def test_a_planted_permutation_of_random_networks_is_found_again(method, make):
    torch.manual_seed(0)
    a, data = make(), [(torch.randn(64, 3, 16, 16),)]
    recompute_batch_norms(a, data)  # or units that no image activates would be tied
    a.eval()
    b, back = planted(a, lmc_ot.groups(a, data[0][0]))
    found = lmc_ot.match(a, b, method=method, data=data).permutations
    assert found.keys() == back.keys()
    for group, p in back.items():
        np.testing.assert_array_equal(found[group], p, err_msg=group)


@pytest.mark.parametrize("make", [bottlenecks, transformer, Recurrent])
def test_visits_that_are_left_out_would_change_nothing(make, monkeypatch):
    """Visiting all groups again whenever one has moved gives the same."""
    torch.manual_seed(0)
    a, b = make(), make()
    inputs = torch.randn(2, 5, 8) if make is Recurrent else torch.randn(2, 3, 16, 16)
    visited = Mock(wraps=iterative.assign)
    monkeypatch.setattr(iterative, "assign", visited)
    few, visits = lmc_ot.match(a, b, inputs=inputs), visited.call_count
    monkeypatch.setattr(
        iterative, "_meeting", lambda together: [set(range(len(together)))] * len(together)
    )
    all_visits = lmc_ot.match(a, b, inputs=inputs)
    for group, p in all_visits.permutations.items():
        np.testing.assert_array_equal(few.permutations[group], p, err_msg=group)
    assert few.objectives == all_visits.objectives
    assert visits <= visited.call_count - visits
