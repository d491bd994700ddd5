"""Networks: modules run as stacks, initial parameters, and errors about modules."""

import hashlib

import numpy as np
import pytest
import torch
from torch import nn
from torch.func import functional_call

from lmc_ot.config.completion import complete
from lmc_ot.config.labels import own_file
from lmc_ot.data.dataset import Dataset, Split
from lmc_ot.errors import ConfigError, UserError
from lmc_ot.networks.build import build
from lmc_ot.networks.initialisers import INITIALISERS, TRUNCATED_STD
from lmc_ot.networks.mlp import MLP
from lmc_ot.networks.network import Network, stack, unstack
from lmc_ot.registries import REGISTRIES
from support import mlp
from support import network as registered


def same(a, b):
    return list(a) == list(b) and all(a[key].tobytes() == b[key].tobytes() for key in a)


def digest(parameters):
    """A hash of all parameters, whatever their order."""
    found = hashlib.sha256()
    for name in sorted(parameters):
        found.update(name.encode() + parameters[name].tobytes())
    return found.hexdigest()[:16]


# -- every network ---------------------------------------------------------------------------


def test_initial_parameters_are_those_of_the_state_dict_in_order(any_network):
    network, _ = any_network
    parameters = network.initial(1, 0.1, 2)
    expected = {
        name: tuple(tensor.shape)
        for name, tensor in network.module.state_dict().items()
        if tensor.is_floating_point()
    }
    assert {name: array.shape for name, array in parameters.items()} == expected
    assert list(parameters) == list(expected) == network.names
    assert all(array.dtype == np.float32 for array in parameters.values())
    assert network.trained == [name for name, _ in network.module.named_parameters()]
    assert set(network.trained) | set(network.statistics) == set(expected)


@pytest.mark.parametrize("training", [False, True])
def test_the_forward_pass_is_that_of_the_module(any_network, noisy, training):
    network, inputs = any_network
    networks = [noisy(network) for _ in range(2)]
    images = torch.from_numpy(inputs)
    logits = network.forward(stack(networks), images, training)
    assert logits.shape == (2, 12, 3)
    alone = network.forward(stack(networks[:1]), images, training)
    module = network.module.train(training)
    for k, parameters in enumerate(networks):
        state = {name: torch.from_numpy(array) for name, array in parameters.items()}
        expected = functional_call(module, state, (network.images(images),))
        torch.testing.assert_close(logits[k], expected, rtol=1e-4, atol=1e-5)
        if k == 0:
            torch.testing.assert_close(alone[0], expected, rtol=1e-5, atol=1e-6)
    assert (logits[0] - logits[1]).abs().max() > 0.01


def test_a_stack_and_its_networks_alone_have_the_same_gradients(any_network, noisy):
    """In training: `torch.func.vmap`, or batched products, against the module itself."""
    network, inputs = any_network
    networks = [noisy(network) for _ in range(3)]
    batches = torch.from_numpy(inputs).double().view(3, 4, -1)

    def gradients(some, images):
        stacked = {name: tensor.double() for name, tensor in stack(some).items()}
        leaves = [stacked[name].requires_grad_() for name in network.trained]
        if len(some) > 1:
            logits = network.forward(stacked, images, training=True)
        else:
            own = {name: tensor[0] for name, tensor in stacked.items()}
            logits = functional_call(network.module.train(), own, (network.images(images),))[None]
        loss = (logits * torch.tensor([1.0, -2.0, 0.5], dtype=torch.double)).tanh().sum()
        return [logits, *torch.autograd.grad(loss, leaves)]

    together = gradients(networks, batches)
    for k, parameters in enumerate(networks):
        for one, all_of_them in zip(gradients([parameters], batches[k]), together, strict=True):
            torch.testing.assert_close(all_of_them[k], one[0], rtol=1e-8, atol=1e-10)


@pytest.mark.parametrize("training", [False, True])
@pytest.mark.parametrize("count", [1, 2])
def test_what_a_class_inherits_or_calls_stacked_does_not_run_in_place_of_its_forward(
    count, training, stream
):
    class Tanh(MLP):
        def forward(self, images):
            values = images.movedim(1, -1).flatten(1)
            for layer in self.layers[:-1]:
                values = torch.tanh(layer(values))
            return self.layers[-1](values)

    class Other(torch.nn.Module):
        def __init__(self):
            super().__init__()
            self.forward_of_stack = torch.nn.Linear(16, 3)

        def forward(self, images):
            return self.forward_of_stack(images.flatten(1))

    images = torch.from_numpy(stream.normal(size=(5, 16)).astype(np.float32))
    for module in (Tanh((4, 4), 3, [6], "lecun_normal"), Other()):
        network = Network(module, (4, 4), 3)
        own = {name: tensor.detach() for name, tensor in module.state_dict().items()}
        several = {name: torch.stack([tensor] * count) for name, tensor in own.items()}
        found = network.forward(several, images, training)
        expected = functional_call(module, own, (network.images(images),))
        torch.testing.assert_close(found, expected.expand(count, 5, 3), rtol=1e-5, atol=1e-6)


def test_images_are_views_with_the_channels_first(any_network):
    network, inputs = any_network
    images = network.images(torch.from_numpy(inputs))
    height, width, channels = network.image_shape
    assert images.shape == (12, channels, height, width)
    expected = inputs.reshape(12, height, width, channels).transpose(0, 3, 1, 2)
    np.testing.assert_array_equal(images, expected)
    assert images.is_contiguous(memory_format=torch.channels_last)


def test_the_initialisation_depends_on_seed_rate_and_number_and_nothing_else(any_network):
    network, _ = any_network
    first = network.initial(1, 0.1, 2)
    np.random.seed(5)
    torch.manual_seed(5)
    before = torch.get_rng_state()
    assert same(first, network.initial(1, 0.1, 2))
    assert torch.equal(before, torch.get_rng_state())
    for other in ((2, 0.1, 2), (1, 0.2, 2), (1, 0.1, 3)):
        assert not same(first, network.initial(*other))


# -- initial parameters ----------------------------------------------------------------------

# Hashes of the initial parameters of seed 7, learning rate 0.1 and number 2, computed with version
# 0.2, in which networks were not yet modules.
EARLIER = [
    ("mlp", (6, 5), {"hidden_widths": [7, 5]}, "7a04440ef5c30c1e"),
    ("mlp", (6, 5), {"hidden_widths": [7, 5], "initialiser": "lecun_uniform"}, "1146f8d41943ae3e"),
    (
        "convnet",
        (8, 4, 3),
        {"groups": [[4, 3], [5]], "head": [6], "norm": "layer"},
        "6c6509ce126b5141",
    ),
    (
        "convnet",
        (8, 4, 3),
        {"groups": [[4, 3], [5]], "head": [6], "norm": "batch"},
        "5caa24d297c206a5",
    ),
    (
        "convnet",
        (8, 4, 3),
        {"groups": [[4, 3], [5]], "head": [6], "norm": "none"},
        "3890dc78688900fe",
    ),
    ("vgg16", (32, 32, 3), {"width": 2}, "2d2ae9bceffcbe61"),
    (
        "vgg16",
        (32, 32),
        {"width": 1, "norm": "batch", "initialiser": "lecun_uniform"},
        "60592a6b14b002a3",
    ),
]


@pytest.mark.parametrize(("name", "shape", "options", "expected"), EARLIER)
def test_initial_parameters_are_those_of_earlier_versions(name, shape, options, expected):
    assert digest(registered(name, shape, 3, **options).initial(7, 0.1, 2)) == expected


@pytest.mark.parametrize("name", INITIALISERS)
def test_the_mlp_uses_the_initialiser_it_is_given_and_zero_biases(name):
    network = registered("mlp", (8,), 3, hidden_widths=[400], initialiser=name)
    network.module.initialise(np.random.default_rng(1))
    first, second = network.module.layers
    assert not first.bias.any() and not second.bias.any()
    expected = INITIALISERS[name](np.random.default_rng(1), 400, 8)
    np.testing.assert_array_equal(first.weight.detach(), expected)


# -- the MLP ---------------------------------------------------------------------------------


def test_the_mlp_is_its_definition(random_mlp, run_mlp, stream):
    parameters = random_mlp([6, 7, 5, 3])
    network = mlp((2, 3), 3, [7, 5])
    inputs = stream.normal(size=(20, 6)).astype(np.float32)
    logits = network.forward(stack([parameters]), torch.from_numpy(inputs))
    _, expected = run_mlp(parameters, inputs)
    np.testing.assert_allclose(logits[0].numpy(), expected, rtol=1e-5, atol=1e-5)


def test_the_mlp_reads_the_pixels_of_colour_images_in_the_order_of_the_data_set(
    random_mlp, run_mlp, stream
):
    parameters = random_mlp([12, 4, 3])
    inputs = stream.normal(size=(5, 12)).astype(np.float32)
    logits = mlp((2, 2, 3), 3, [4]).forward(stack([parameters]), torch.from_numpy(inputs))
    np.testing.assert_allclose(logits[0], run_mlp(parameters, inputs)[1], rtol=1e-5, atol=1e-5)


def test_the_mlp_flattens_the_data_sets_images():
    split = Split(np.zeros((1, 2, 3), np.uint8), np.zeros(1, np.int64))
    network = build({"name": "mlp", "hidden_widths": [4]}, Dataset(split, split, 5, 1.0))
    assert {name: array.shape for name, array in network.initial(0, 0.1, 0).items()} == {
        "layers.0.weight": (4, 6),
        "layers.0.bias": (4,),
        "layers.1.weight": (5, 4),
        "layers.1.bias": (5,),
    }


def test_build_passes_options_on_and_keeps_the_config(clusters):
    block = {"name": "mlp", "hidden_widths": [2], "initialiser": "lecun_uniform"}
    network = build(block, clusters)
    assert network.module.initialiser is INITIALISERS["lecun_uniform"]
    assert (network.shape, network.classes) == (clusters.shape, clusters.classes)
    assert block["name"] == "mlp"


# -- the transformer -------------------------------------------------------------------------


def test_the_vits_number_of_parameters():
    """Of a block: 4 (w^2 + w) attention, 8 w^2 + 5 w dense, 4 w norms."""
    width, depth, tokens = 16, 3, 1 + 4 * 2
    network = registered("vit", (8, 4, 3), 10, patch=2, depth=depth, heads=4, width=width)
    block = 12 * width**2 + 13 * width
    embedding = (3 * 4 + 1) * width + (tokens + 1) * width
    expected = depth * block + embedding + 2 * width + 10 * width + 10
    assert sum(p.numel() for p in network.module.parameters()) == expected


def test_a_block_of_the_vit_is_that_of_torch(stream):
    """Against `nn.TransformerEncoderLayer` with the norms first."""
    block = registered("vit", (8, 8), 10, depth=1, heads=2, width=8).module.blocks[0].double()
    theirs = nn.TransformerEncoderLayer(
        8, 2, 32, 0.0, nn.functional.gelu, batch_first=True, norm_first=True
    ).double()
    attention, parts = theirs.self_attn, (block.query, block.key, block.value)
    with torch.no_grad():
        attention.in_proj_weight.copy_(torch.cat([part.weight for part in parts]))
        attention.in_proj_bias.copy_(torch.cat([part.bias for part in parts]))
    for mine, other in [
        (block.merge, attention.out_proj), (block.attention_norm, theirs.norm1),
        (block.dense_norm, theirs.norm2), (block.first, theirs.linear1),
        (block.second, theirs.linear2),
    ]:  # fmt: skip
        other.load_state_dict(mine.state_dict())
    tokens = torch.from_numpy(stream.normal(size=(3, 5, 8)))
    torch.testing.assert_close(block(tokens), theirs(tokens), rtol=1e-9, atol=1e-9)


@pytest.mark.parametrize(
    ("options", "named"),
    [({"patch": 3}, ["8 x 4", "3 x 3", "multiples of 3"]), ({"heads": 3}, ["64", "3 heads"])],
)
def test_patches_and_heads_that_do_not_fit_are_refused_in_one_line(options, named, one_line):
    with pytest.raises(ConfigError) as error:
        registered("vit", (8, 4, 3), 10, **options)
    one_line(error, "network", *named)


# -- any module ------------------------------------------------------------------------------

MODULES = """
import torch
from torch import nn


class Tied(nn.Module):
    def __init__(self):
        super().__init__()
        self.first = nn.Linear(16, 16)
        self.second = nn.Linear(16, 16)
        self.second.weight = self.first.weight
        self.scale = nn.Parameter(torch.tensor(2.0))
        self.fixed = nn.Parameter(torch.ones(3), requires_grad=False)
        self.register_buffer("constant", torch.arange(3.0))
        self.register_buffer("hidden", torch.ones(3), persistent=False)
        self.head = nn.Linear(16, 3)

    def forward(self, images):
        values = self.second(torch.relu(self.first(images.flatten(1)))) * self.scale
        return self.head(values) * self.fixed + self.constant * self.hidden


class Dropping(nn.Sequential):
    def __init__(self, rate=0.5):
        super().__init__(nn.Flatten(), nn.Dropout(rate), nn.Linear(16, 3))


class Branching(nn.Sequential):
    def __init__(self):
        super().__init__(nn.Flatten(), nn.Linear(16, 3))

    def forward(self, images):
        logits = super().forward(images)
        return logits if logits.sum() > 0 else -logits


class TwoInputs(nn.Linear):
    def forward(self, images, mask):
        return images


class Dictionary(nn.Linear):
    def __init__(self):
        super().__init__(4, 4)

    def forward(self, images):
        return {"logits": images}


ready = nn.Flatten()
"""


@pytest.fixture
def of_file(tmp_path, monkeypatch):
    """Build ``module`` for 4 x 4 images and three classes from a file in the working directory."""
    (tmp_path / "networks.py").write_text(MODULES, encoding="utf-8")
    monkeypatch.chdir(tmp_path)

    def make(name, shape=(4, 4), **options):
        return registered("module", shape, 3, target=f"networks.py:{name}", **options)

    return make


def test_tied_parameters_are_kept_once_and_fixed_ones_are_not_trained(of_file):
    network = of_file("Tied")
    first = network.initial(1, 0.1, 0)
    assert "first.weight" in first and "second.weight" not in first and "hidden" not in first
    assert first["scale"].shape == () and first["constant"].shape == (3,)
    fixed = {"fixed", "constant"}
    assert [name for name in network.names if name not in fixed] == network.trained
    images = torch.rand(5, 16)
    changed = {**first, "first.weight": first["first.weight"] + 1}
    before, after = network.forward(stack([first, changed]), images)
    module = network.module
    with torch.no_grad():
        for parameters, logits in ((first, before), (changed, after)):
            state = {name: torch.from_numpy(array) for name, array in parameters.items()}
            module.load_state_dict({**state, "second.weight": state["first.weight"]})
            torch.testing.assert_close(module(images.view(5, 1, 4, 4)), logits)


def test_what_a_module_allows_in_training_is_found_out(of_file):
    assert not of_file("Tied").draws and of_file("Tied").stackable
    assert of_file("Dropping").draws and not of_file("Dropping").stackable
    assert not of_file("Dropping", arguments={"rate": 0.0}).draws
    assert not of_file("Branching").draws and not of_file("Branching").stackable


def test_dropout_is_on_only_in_training(of_file):
    network = of_file("Dropping")
    parameters, images = stack([network.initial(1, 0.1, 0)]), torch.rand(5, 16)
    evaluated = network.forward(parameters, images)
    torch.testing.assert_close(evaluated, network.forward(parameters, images))
    assert (evaluated - network.forward(parameters, images, training=True)).abs().max() > 0.01
    torch.testing.assert_close(evaluated, network.forward(parameters, images))


def test_grey_images_are_repeated_for_modules_that_read_colours(stream):
    options = {"target": "torchvision.models:resnet18", "arguments": {"num_classes": 10}}
    network = registered("module", (32, 32), 10, channels=3, **options)
    inputs = torch.from_numpy(stream.random((2, 1024)).astype(np.float32))
    images = network.images(inputs)
    assert images.shape == (2, 3, 32, 32) and (images == images[:, :1]).all()
    parameters = network.initial(1, 0.1, 0)
    assert "layer1.0.bn1.running_mean" in network.statistics
    assert not any("num_batches" in name for name in parameters)
    assert network.forward(stack([parameters]), inputs).shape == (1, 2, 10)


@pytest.mark.parametrize(
    ("name", "options", "named"),
    [
        ("TwoInputs", {"arguments": {"in_features": 1, "out_features": 1}}, ["than a batch"]),
        ("Dictionary", {}, ["Dictionary returns dict", "(2, 3)"]),
        ("Missing", {}, ["networks.py has no Missing"]),
        ("Dropping", {"arguments": {"p": 1}}, ["cannot be built", "unexpected keyword"]),
        ("Dropping", {"shape": (5, 5)}, ["images of 1 x 5 x 5", "shapes cannot be multiplied"]),
        ("ready", {}, ["same initial parameters", "class"]),
        ("torch", {}, ["cannot be built"]),
        ("Dropping", {"shape": (4, 4, 3), "channels": 4}, ["channels: 4", "3 channels"]),
    ],
)
def test_a_module_that_cannot_be_used_is_refused_in_one_line(
    of_file, name, options, named, one_line
):
    with pytest.raises(UserError) as error:
        of_file(name, **options)
    one_line(error, *named)


def test_the_config_takes_any_arguments_of_a_module(schema):
    arguments = {"num_classes": 10, "sizes": [1, {"a": None}], "inside": {"b": 0.5}}
    block = {"name": "module", "target": "package:Net", "arguments": arguments}
    experiment = {"dataset": {"name": "digits"}, "network": block, "training": {}}
    experiment["training"]["learning_rate"] = 0.1
    config = complete({"name": "test", "experiments": {"e": experiment}}, schema, REGISTRIES)
    assert config["experiments"]["e"]["network"] == {**block, "channels": None}
    assert own_file(block) is None
    assert own_file({**block, "target": "a/b.py:Net"}) == "a/b.py"
    assert own_file({"name": "mlp"}) is None


@pytest.mark.parametrize(
    ("target", "named"),
    [
        ("no_such_package:Net", "cannot be imported"),
        ("missing.py:Net", "no file missing.py"),
        ("torch", "expected <module>:<name>"),
    ],
)
def test_a_target_that_does_not_exist_is_refused_in_one_line(target, named, one_line):
    with pytest.raises(UserError) as error:
        registered("module", (4, 4), 3, target=target)
    one_line(error, target, named)


def test_a_module_with_too_few_outputs_is_refused_in_one_line(one_line):
    with pytest.raises(ConfigError) as error:
        Network(nn.Sequential(nn.Flatten(), nn.Linear(16, 2)), (4, 4), 3)
    one_line(error, "(2, 2)", "(2, 3)")


# -- initialisers ----------------------------------------------------------------------------


@pytest.mark.parametrize("name", INITIALISERS)
def test_initial_weights_have_mean_zero_and_variance_one_over_fan_in(name, stream):
    """Tolerances: five standard errors; the kurtosis of both laws is below 3, the normal's."""
    units, fan_in = 400, 250
    weights = INITIALISERS[name](stream, units, fan_in).astype(np.float64)
    n = weights.size
    assert abs(weights.mean()) < 5 / np.sqrt(fan_in * n)
    assert weights.var() * fan_in == pytest.approx(1, abs=5 * np.sqrt(2 / n))


def test_the_normal_is_truncated_at_two_standard_deviations(stream):
    """0.87962566103423978 is the constant that JAX and Keras divide by."""
    assert pytest.approx(0.87962566103423978, rel=1e-12) == TRUNCATED_STD
    weights = INITIALISERS["lecun_normal"](stream, 400, 250)
    limit = 2 / (TRUNCATED_STD * np.sqrt(250))
    assert 0.999 * limit < np.abs(weights).max() <= limit * (1 + 1e-6)
    inside = np.mean(np.abs(weights) < limit / 2)  # within one sd of the normal: .6827 / .9545
    assert inside == pytest.approx(0.7152, abs=5 * np.sqrt(0.7152 * 0.2848 / weights.size))


def test_the_uniform_fills_its_interval_evenly(stream):
    weights = INITIALISERS["lecun_uniform"](stream, 400, 250)
    limit = np.sqrt(3 / 250)
    assert 0.999 * limit < np.abs(weights).max() <= limit * (1 + 1e-6)
    inside = np.mean(np.abs(weights) < limit / 2)
    assert inside == pytest.approx(0.5, abs=5 * np.sqrt(0.25 / weights.size))


# -- stacking --------------------------------------------------------------------------------


def test_unstacking_undoes_stacking_bit_for_bit(random_mlp):
    networks = [random_mlp([4, 3, 2]) for _ in range(3)]
    networks[0]["layers.0.bias"][:] = [-0.0, 1e-45, 3e38]
    again = unstack(stack(networks))
    assert len(again) == 3
    assert all(same(a, b) for a, b in zip(networks, again, strict=True))


def test_unstacked_networks_share_no_memory(random_mlp):
    stacked = stack([random_mlp([4, 3, 2])])
    unstack(stacked)[0]["layers.0.weight"][:] = 0
    assert stacked["layers.0.weight"].any()


@pytest.mark.parametrize("widths", [[4, 5, 2], [4, 3, 3, 2]])
def test_networks_of_different_shape_are_not_stacked(random_mlp, widths):
    with pytest.raises(ValueError, match="different shape"):
        stack([random_mlp([4, 3, 2]), random_mlp(widths)])
