"""One's own networks, trained by a loop of one's own: match, path, merge, without the workflow."""

import copy

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from torch import nn

import lmc_ot
from lmc_ot.data.digits import digits
from lmc_ot.errors import UserError
from lmc_ot.matching import REGISTRY
from lmc_ot.merging.modules import evaluate, recompute_batch_norms
from lmc_ot.networks.groups import apply

METHODS = [name for name in REGISTRY.names if name != "identity"]


class Residual(nn.Module):
    """A residual network with batch norm and dropout."""

    def __init__(self, width=6):
        super().__init__()
        self.first, self.norm = nn.Conv2d(1, width, 3, 2, 1), nn.BatchNorm2d(width)
        self.inside = nn.Sequential(
            nn.Conv2d(width, 8, 3, 1, 1), nn.BatchNorm2d(8), nn.ReLU(), nn.Conv2d(8, width, 1)
        )
        self.drop, self.head = nn.Dropout(0.1), nn.Linear(width, 10)

    def forward(self, images):
        values = self.norm(self.first(images)).relu()
        return self.head(self.drop((values + self.inside(values)).mean((2, 3))))


class Attention(nn.Module):
    """A small transformer of torch's own layers; the rows of an image are its tokens."""

    def __init__(self):
        super().__init__()
        self.embed = nn.Linear(8, 8)
        self.layer = nn.TransformerEncoderLayer(8, 2, 12, batch_first=True, dropout=0.0)
        self.head = nn.Linear(8, 10)

    def forward(self, images):
        return self.head(self.layer(self.embed(images.flatten(1, 2))).mean(1))


def perceptron():
    return nn.Sequential(
        nn.Flatten(), nn.Linear(64, 24), nn.ReLU(), nn.Linear(24, 16), nn.ReLU(), nn.Linear(16, 10)
    )


CLASSES = {"perceptron": perceptron, "residual": Residual, "attention": Attention}


@pytest.fixture(scope="module")
def loader():
    """Batches of the digits, as a list of (images, labels)."""
    data = digits()
    images = torch.from_numpy(data.inputs("train")).reshape(-1, 1, 8, 8)
    labels = torch.from_numpy(data.train.labels)
    return list(zip(images[:600].split(100), labels[:600].split(100), strict=True))


@pytest.fixture(scope="module", params=CLASSES)
def pair(request, loader):
    """Two networks of a class, trained as a user would."""
    networks = []
    for seed in (0, 1):
        torch.manual_seed(seed)
        network = CLASSES[request.param]()
        optimiser = torch.optim.Adam(network.parameters(), 1e-2)
        for _ in range(8):
            for images, labels in loader:
                optimiser.zero_grad()
                F.cross_entropy(network(images), labels).backward()
                optimiser.step()
        recompute_batch_norms(network, loader)
        networks.append(network.eval())
    return networks


@pytest.mark.parametrize("method", METHODS)
def test_the_matched_network_computes_the_same_and_is_found_again(method, pair, loader):
    a, b = pair
    before = copy.deepcopy(b.state_dict())
    matched = lmc_ot.match(a, b, method=method, data=loader)
    images = loader[0][0]
    with torch.no_grad():
        assert torch.allclose(matched.permuted(images), b(images), atol=1e-4)
    assert all(torch.equal(before[name], tensor) for name, tensor in b.state_dict().items())
    assert matched.objective == pytest.approx(sum(matched.objectives.values()))
    dimensions = matched.dimensions
    assert set(dimensions) == {group.name for group in matched.groups}
    assert all(0 <= dimensions[g.name] <= g.size * (1 + 1e-9) for g in matched.groups)
    # A copy of A whose units are permuted at random comes back.
    planted = apply.random(matched.groups, np.random.default_rng(0))
    copied = copy.deepcopy(a)
    copied.load_state_dict(apply.permute(a.state_dict(), matched.groups, planted))
    back = lmc_ot.match(a, copied, method=method, data=loader).permuted
    with torch.no_grad():
        middle = lmc_ot.barrier(a, back, loader, points=3)
        assert middle.loss[1] == pytest.approx(middle.loss[0], abs=0.05)


def test_state_dicts_and_a_module_are_as_good_as_modules(pair, loader):
    a, b = pair
    one = lmc_ot.match(a, b, method="am", data=loader)
    two = lmc_ot.match(a.state_dict(), b.state_dict(), method="am", data=loader, network=a)
    for name, p in one.permutations.items():
        np.testing.assert_array_equal(two.permutations[name], p)


def test_a_path_has_the_losses_of_its_networks(pair, loader):
    a, b = pair
    path = lmc_ot.barrier(a, b, loader, points=5)
    assert path.t.tolist() == [0, 0.25, 0.5, 0.75, 1]
    for i, network in ((0, a), (4, b)):
        assert (path.loss[i], path.accuracy[i]) == pytest.approx(evaluate(network, loader))
    middle = copy.deepcopy(a)
    state = {k: (v + b.state_dict()[k]) / 2 for k, v in a.state_dict().items()}
    middle.load_state_dict(state)
    middle.apply(lambda m: setattr(m, "p", 0.0) if isinstance(m, nn.Dropout) else None)
    torch.optim.swa_utils.update_bn((images for images, _ in loader), middle)
    assert path.loss[2] == pytest.approx(evaluate(middle, loader)[0], rel=1e-4)
    ends = path.loss[0] / 2 + path.loss[4] / 2
    assert path.barrier >= path.loss[2] - ends - 1e-9
    assert path.measures.midpoint == path.loss[2]


def test_matching_lowers_the_barrier_of_a_trained_pair(pair, loader):
    a, b = pair
    matched = lmc_ot.match(a, b, method="am", data=loader)
    after = lmc_ot.barrier(a, matched.permuted, loader, points=3).barrier
    assert after < lmc_ot.barrier(a, b, loader, points=3).barrier


@pytest.mark.parametrize("towards", ["first", "mean"])
def test_permuted_copies_merge_to_the_network_that_they_are_copies_of(towards, pair, loader):
    a, _ = pair
    groups = lmc_ot.groups(a, loader[0][0])
    stream = np.random.default_rng(0)
    copies = [a]
    for _ in range(2):
        copied = copy.deepcopy(a)
        moved = apply.permute(a.state_dict(), groups, apply.random(groups, stream))
        copied.load_state_dict(moved)
        copies.append(copied)
    method = "naive_wm" if towards == "first" else "weight_matching"
    merged = lmc_ot.merge(copies, method=method, data=loader, towards=towards)
    assert set(merged.losses) == {"0", "1", "2", "average", "merged"}
    assert merged.losses["merged"] < merged.losses["average"]
    if towards == "first":
        assert merged.losses["merged"] == pytest.approx(merged.losses["0"], abs=0.05)
    for i, permutations in enumerate(merged.permutations[1:], 1):
        if permutations:
            state = apply.permute(copies[i].state_dict(), groups, permutations)
            again = copy.deepcopy(a)
            again.load_state_dict(state)
            assert evaluate(again, loader)[0] == pytest.approx(merged.losses["0"], rel=1e-4)


def test_a_frozen_group_is_left_alone(pair, loader):
    a, b = pair
    first = lmc_ot.groups(a, loader[0][0]).groups[0]
    matched = lmc_ot.match(a, b, method="naive_wm", data=loader, freeze=[first.name])
    assert first.name not in matched.permutations


def test_losses_can_be_named_or_be_functions(pair, loader):
    a, _ = pair
    regression = [(images, F.one_hot(labels, 10).float()) for images, labels in loader]
    with torch.no_grad():
        expected = float(np.mean([float(F.mse_loss(a(x), y)) for x, y in regression]))
    assert evaluate(a, regression, "mse") == (pytest.approx(expected, rel=1e-5), None)
    assert evaluate(a, regression, F.mse_loss)[0] == pytest.approx(expected, rel=1e-5)
    assert lmc_ot.barrier(a, a, regression, points=3, loss="mse").accuracy is None
    with pytest.raises(UserError, match="'hinge'"):
        evaluate(a, loader, "hinge")


def test_batch_norms_are_computed_anew_as_torch_does(loader):
    torch.manual_seed(0)
    network = Residual().eval()
    network.drop.p = 0.0
    other = copy.deepcopy(network)
    torch.optim.swa_utils.update_bn((images for images, _ in loader), other)
    recompute_batch_norms(network, loader)
    for (name, x), y in zip(network.state_dict().items(), other.state_dict().values(), strict=True):
        assert torch.allclose(x, y), name
    assert not network.training and not network.norm.training and network.norm.momentum == 0.1


def error_of(function):
    with pytest.raises(UserError) as error:
        function()
    assert "\n" not in str(error.value)
    return str(error.value)


def test_what_cannot_be_matched_is_refused_in_one_line(loader):
    a, b, images = perceptron(), perceptron(), loader[0][0]
    assert "network=" in error_of(lambda: lmc_ot.match(a.state_dict(), b.state_dict(), data=loader))
    assert "neither data nor inputs" in error_of(lambda: lmc_ot.match(a, b))
    assert "needs activations" in error_of(lambda: lmc_ot.match(a, b, "am", inputs=images))
    assert "at least two" in error_of(lambda: lmc_ot.match(a, b, inputs=images[:1]))
    assert "matcher 'nothing'" in error_of(lambda: lmc_ot.match(a, b, "nothing", inputs=images))
    wide = nn.Sequential(nn.Flatten(), nn.Linear(64, 12), nn.ReLU(), nn.Linear(12, 10))
    said = error_of(lambda: lmc_ot.match(a, wide, "naive_wm", inputs=images))
    assert "1.weight" in said
    broken = perceptron()
    broken[1].weight.data[0, 0] = float("nan")
    assert "1.weight" in error_of(lambda: lmc_ot.match(a, broken, "naive_wm", inputs=images))
    assert "at least two" in error_of(lambda: lmc_ot.merge([a], inputs=images))
    assert "'last'" in error_of(lambda: lmc_ot.merge([a, b], towards="last", inputs=images))
    bn = Residual(), Residual()
    assert "batch norms" in error_of(lambda: lmc_ot.merge(bn, "naive_wm", inputs=images))


def test_the_public_functions_are_there_and_nothing_else():
    assert set(lmc_ot.__all__) == {"barrier", "groups", "match", "merge"}
    with pytest.raises(AttributeError, match="no attribute 'mach'"):
        _ = lmc_ot.mach
