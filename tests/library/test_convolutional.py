"""Convolutional networks against torch.nn's own layers, and what batch norm adds."""

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from torch import nn

from lmc_ot import tables
from lmc_ot.connectivity import interpolation
from lmc_ot.data.dataset import Dataset, Split
from lmc_ot.errors import ConfigError
from lmc_ot.networks import network as running
from lmc_ot.networks.build import build
from lmc_ot.networks.network import stack, unstack
from lmc_ot.training.evaluation import evaluate
from lmc_ot.training.loop import train
from lmc_ot.training.settings import NetworkId
from support import convolutions, optimiser, training_config
from support import network as registered

NORMS = ["layer", "batch", "none"]
GROUPS, HEAD, CLASSES = [[4, 3], [5]], [6], 3
# Below the head there are 1, 1, 2, 6 positions.
SHAPES = [(4, 4), (4, 4, 3), (8, 4, 3), (8, 12)]
RUNNING = ("running_mean", "running_var")


@pytest.fixture
def pixels(stream):
    """Make inputs: float64 (n, pixels) in [0, 1)."""
    return lambda shape, n=6: torch.from_numpy(stream.random((n, int(np.prod(shape)))))


def double(*networks):
    return {key: tensor.double() for key, tensor in stack(list(networks)).items()}


def without_statistics(parameters):
    return {name: value for name, value in parameters.items() if not name.endswith(RUNNING)}


# -- the reference ---------------------------------------------------------------------------


class OverChannels(nn.Module):
    """Layer norm of (n, channels, height, width) over the channels, at every position."""

    def __init__(self, channels):
        super().__init__()
        self.norm = nn.LayerNorm(channels)

    def forward(self, values):
        return self.norm(values.movedim(1, -1)).movedim(-1, 1)


class Reference(nn.Sequential):
    """The same network as a plain sequence of layers, in float64, with these parameters.

    `own` has the tensor of every parameter by the library's name, `batch_norms` those layers.
    """

    def __init__(self, shape, groups, head, classes, norm, parameters):
        super().__init__()
        self.own, self.batch_norms = {}, []
        self.parameters_of_it = parameters
        below = shape[2] if len(shape) == 3 else 1
        number = 0
        for group in groups:
            for units in group:
                self.take(f"convolutions.{number}", nn.Conv2d(below, units, 3, padding=1))
                if norm == "layer":
                    wrapper = OverChannels(units)
                    self.take(f"norms.{number}", wrapper.norm, wrapper)
                elif norm == "batch":
                    self.batch_norms.append(nn.BatchNorm2d(units, momentum=1.0))
                    self.take(f"norms.{number}", self.batch_norms[-1])
                self.append(nn.ReLU())
                below = units
                number += 1
            self.append(nn.MaxPool2d(2))
        self.append(nn.Flatten())
        below *= shape[0] * shape[1] // 4 ** len(groups)
        for number, units in enumerate([*head, classes]):
            self.take(f"head.{number}", nn.Linear(below, units))
            self.append(nn.ReLU() if number < len(head) else nn.Identity())
            below = units
        self.shape = shape

    def take(self, name, module, wrapper=None):
        module.double()
        for key, tensor in module.state_dict(keep_vars=True).items():
            if tensor.is_floating_point():
                with torch.no_grad():
                    tensor.copy_(torch.from_numpy(self.parameters_of_it[f"{name}.{key}"]))
        self.own |= {f"{name}.{key}": tensor for key, tensor in module.named_parameters()}
        self.append(wrapper or module)

    def forward(self, images):
        height, width, *channels = self.shape
        images = images.reshape(-1, height, width, *(channels or [1]))
        return super().forward(images.movedim(-1, 1))


@pytest.fixture(params=SHAPES, ids=str)
def shape(request):
    return request.param


@pytest.mark.parametrize("norm", NORMS)
def test_logits_and_gradients_are_those_of_a_sequence_of_layers(shape, norm, noisy, pixels):
    """Outside of training: batch norm by running statistics."""
    network = convolutions(shape, CLASSES, GROUPS, HEAD, norm=norm)
    parameters = noisy(network)
    model = Reference(shape, GROUPS, HEAD, CLASSES, norm, parameters).eval()
    compare(network, double(parameters), model, pixels(shape), training=False)


def test_batch_norm_in_training_is_that_of_torch_nn(shape, noisy, pixels):
    network = convolutions(shape, CLASSES, GROUPS, HEAD, norm="batch")
    parameters = noisy(network)
    model = Reference(shape, GROUPS, HEAD, CLASSES, "batch", parameters).train()
    compare(network, without_statistics(double(parameters)), model, pixels(shape), training=True)


def compare(network, stacked, model, images, training):
    labels = torch.arange(len(images)) % network.classes
    trained = without_statistics(stacked)
    for tensor in trained.values():
        tensor.requires_grad_()
    logits = network.forward(stacked, images, training)
    expected = model(images)
    torch.testing.assert_close(logits[0], expected, rtol=1e-10, atol=1e-10)
    assert trained.keys() == model.own.keys()
    gradients = torch.autograd.grad(F.cross_entropy(logits[0], labels), list(trained.values()))
    wanted = torch.autograd.grad(F.cross_entropy(expected, labels), list(model.own.values()))
    wanted = dict(zip(model.own, wanted, strict=True))
    for name, gradient in zip(trained, gradients, strict=True):
        torch.testing.assert_close(gradient[0], wanted[name], rtol=1e-9, atol=1e-11)
    assert all(gradient.abs().max() > 0 for gradient in wanted.values())


@pytest.mark.parametrize("networks", [1, 3])
def test_training_does_not_change_running_statistics(noisy, pixels, networks):
    network = convolutions((8, 4, 3), CLASSES, GROUPS, HEAD, norm="batch")
    stacked = stack([noisy(network) for _ in range(networks)])
    before = {name: tensor.clone() for name, tensor in stacked.items()}
    own = {name: tensor.clone() for name, tensor in network.module.state_dict().items()}
    for some in (stacked, without_statistics(stacked)):
        network.forward(some, pixels((8, 4, 3)).float(), training=True)
    assert all(torch.equal(tensor, before[name]) for name, tensor in stacked.items())
    assert all(torch.equal(t, own[name]) for name, t in network.module.state_dict().items())


# -- shapes ----------------------------------------------------------------------------------


@pytest.mark.parametrize("norm", NORMS)
def test_the_shapes_of_all_parameters(norm):
    network = convolutions((8, 12, 3), CLASSES, GROUPS, HEAD, norm=norm)
    names = {"layer": ["weight", "bias"], "batch": ["weight", "bias", *RUNNING], "none": []}[norm]
    expected = {}
    for number, weight in enumerate([(4, 3, 3, 3), (3, 4, 3, 3), (5, 3, 3, 3)]):
        expected[f"convolutions.{number}.weight"] = weight
        expected[f"convolutions.{number}.bias"] = weight[:1]
        expected |= {f"norms.{number}.{name}": weight[:1] for name in names}
    for number, weight in enumerate([(6, 5 * 6), (3, 6)]):
        expected[f"head.{number}.weight"] = weight
        expected[f"head.{number}.bias"] = weight[:1]
    found = network.initial(0, 0.1, 0)
    assert {name: array.shape for name, array in found.items()} == expected
    statistics = [name for name in found if name.endswith(RUNNING)]
    assert network.statistics == statistics
    assert network.floats_per_example == 8 * 12 * 4


def test_initially_scales_and_variances_are_1_and_biases_shifts_and_means_0():
    network = convolutions((8, 8), CLASSES, [[400]], [5], norm="batch", initialiser="lecun_uniform")
    for name, array in network.initial(0, 0.1, 0).items():
        if array.ndim > 1:
            limit = np.sqrt(3 / array[0].size)
            assert np.abs(array).max() <= limit * (1 + 1e-6), name
            assert array.size < 1000 or np.abs(array).max() > 0.98 * limit
        else:
            assert (array == (name in ("norms.0.weight", "norms.0.running_var"))).all()


def test_vgg16_has_the_layers_of_git_re_basins(noisy, pixels):
    """VGG16 of the paper's Appendix D.1 at m = 2."""
    network, shape, m = registered("vgg16", (32, 32, 3), 10, width=2), (32, 32, 3), 2
    groups = [[m, m], [2 * m] * 2, [4 * m] * 3, [8 * m] * 3, [8 * m] * 3]
    assert sum(len(group) for group in groups) == 13
    parameters = noisy(network)
    model = Reference(shape, groups, [8 * m, 8 * m], 10, "layer", parameters)
    compare(network, double(parameters), model, pixels(shape, 3), training=False)


@pytest.mark.parametrize("width", [2, 64])
def test_vgg16s_number_of_parameters(width):
    """9 (3 m + 399 m^2) kernels, 128 m^2 + 80 m of the head, 3 x 66 m + 16 m + 10 vectors."""
    network = registered("vgg16", (32, 32, 3), 10, width=width)
    count = sum(parameter.numel() for parameter in network.module.parameters())
    assert count == 3719 * width**2 + 321 * width + 10
    assert width != 64 or count == 15_253_578


def test_vgg16_is_1x_by_default():
    data = Dataset(*[Split(np.zeros((3, 32, 32, 3), np.uint8), np.arange(3))] * 2, 3, 255.0)
    module = build({"name": "vgg16"}, data).module
    assert module.convolutions[0].out_channels == 64
    assert isinstance(module.norms[0], nn.LayerNorm)


# -- ResNet20 --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("options", "count"),
    [
        ({"norm": "batch"}, 269_722),  # 0.27 million in the article
        ({"norm": "batch", "shortcuts": "projected"}, 269_722 + 512 + 64 + 2048 + 128),
        ({"norm": "layer"}, 269_722),
        ({"norm": "none"}, 269_722 - 688),
        ({"norm": "none", "shortcuts": "projected"}, 269_722 - 688 + 512 + 32 + 2048 + 64),
    ],
)
def test_resnet20s_number_of_parameters(options, count):
    """Of its 19 convolutions with 688 units in all; a norm has two vectors, a bias is one."""
    module = registered("resnet20", (32, 32, 3), 10, **options).module
    assert sum(parameter.numel() for parameter in module.parameters()) == count


@pytest.mark.parametrize(("width", "channels"), [(0.25, [4, 8, 16]), (0.01, [1, 1, 1])])
def test_the_width_of_resnet20_may_be_a_fraction(width, channels):
    module = registered("resnet20", (8, 8), 10, width=width).module
    assert [block.second.out_channels for block in module.blocks] == np.repeat(channels, 3).tolist()


@pytest.mark.parametrize("shortcuts", ["padded", "projected"])
@pytest.mark.parametrize("norm", NORMS)
def test_a_block_of_resnet20_is_its_definition(norm, shortcuts, stream):
    module = registered("resnet20", (8, 8), 10, width=0.25, norm=norm, shortcuts=shortcuts).module
    values = torch.from_numpy(stream.normal(size=(3, 4, 8, 6))).float()
    block = module.blocks[3].eval()
    with torch.no_grad():
        inside = F.conv2d(values, block.first.weight, block.first.bias, stride=2, padding=1)
        inside = block.first_norm(inside).relu()
        inside = F.conv2d(inside, block.second.weight, block.second.bias, padding=1)
        if shortcuts == "padded":
            shortcut = torch.zeros(3, 8, 4, 3)
            shortcut[:, :4] = values[:, :, ::2, ::2]
        else:
            kernel = block.projection.weight[:, :, 0, 0]
            shortcut = torch.einsum("ncyx,uc->nuyx", values[:, :, ::2, ::2], kernel)
            if norm == "none":
                shortcut += block.projection.bias[:, None, None]
            shortcut = block.projection_norm(shortcut)
        expected = (block.second_norm(inside) + shortcut).relu()
        torch.testing.assert_close(block(values), expected, rtol=1e-5, atol=1e-5)
        same = module.blocks[4].eval()
        inside = same.second_norm(same.second(same.first_norm(same.first(expected)).relu()))
        torch.testing.assert_close(same(expected), (inside + expected).relu())


@pytest.mark.parametrize("sides", [(6, 4), (4, 6), (2, 4)])
def test_images_that_cannot_be_halved_are_refused_in_one_line(sides, one_line):
    with pytest.raises(ConfigError) as error:
        convolutions((*sides, 3), CLASSES, GROUPS, HEAD)
    one_line(error, "network", f"{sides[0]} x {sides[1]}", "2 times", "multiples of 4")


@pytest.mark.parametrize("flat", [(64,), (2, 4, 4, 3)])
def test_what_is_no_image_is_refused_in_one_line(flat, one_line):
    with pytest.raises(ConfigError) as error:
        convolutions(flat, CLASSES, GROUPS, HEAD)
    one_line(error, "network", flat, "height, width")


# -- batch norm: running statistics ----------------------------------------------------------


def test_statistics_of_one_layer_from_its_outputs(noisy, stream):
    """In batches of 4, 4, 2: batch statistics are averaged by the number of their examples."""
    network = convolutions((4, 6, 2), CLASSES, [[3]], [5], norm="batch")
    parameters = noisy(network)
    images = stream.random((10, 4, 6, 2))
    padded = np.pad(images, [(0, 0), (1, 1), (1, 1), (0, 0)])
    kernel = parameters["convolutions.0.weight"].astype(np.float64)
    windows = np.lib.stride_tricks.sliding_window_view(padded, (3, 3), (1, 2))
    outputs = np.einsum("nyxcij,ucij->nyxu", windows, kernel) + parameters["convolutions.0.bias"]
    batches = [outputs[:4], outputs[4:8], outputs[8:]]
    flat = torch.from_numpy(images).flatten(1)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(running, "STATISTICS_BATCH", 4)
        found = network.with_recomputed_statistics(double(parameters), flat)
    mean = sum(len(b) / 10 * b.mean((0, 1, 2)) for b in batches)
    variance = sum(len(b) / 10 * b.var((0, 1, 2)) for b in batches)
    np.testing.assert_allclose(found["norms.0.running_mean"][0], mean, rtol=1e-10)
    np.testing.assert_allclose(found["norms.0.running_var"][0], variance, rtol=1e-10)
    np.testing.assert_allclose(mean, outputs.mean((0, 1, 2)), rtol=1e-10)
    whole = network.with_recomputed_statistics(double(parameters), flat)
    np.testing.assert_allclose(whole["norms.0.running_var"][0], outputs.var((0, 1, 2)), rtol=1e-10)


def test_statistics_are_those_of_torch_nns_batch_norms(noisy, pixels):
    """With a momentum of 1 they keep the last batch's statistics, n / (n - 1) of its variance."""
    shape = (8, 4, 3)
    network = convolutions(shape, CLASSES, GROUPS, HEAD, norm="batch")
    networks, images = [noisy(network) for _ in range(2)], pixels(shape, 20)
    found = network.with_recomputed_statistics(double(*networks), images)
    for k, parameters in enumerate(networks):
        model = Reference(shape, GROUPS, HEAD, CLASSES, "batch", parameters).train()
        model(images)
        for number, norm in enumerate(model.batch_norms):
            n = 20 * (32 if number < 2 else 8)
            mean, variance = (found[f"norms.{number}.{name}"][k] for name in RUNNING)
            torch.testing.assert_close(mean, norm.running_mean, rtol=1e-10, atol=1e-12)
            torch.testing.assert_close(variance, norm.running_var * (n - 1) / n)


def test_with_statistics_of_a_batch_it_is_normalised_as_in_training(noisy, pixels):
    network = convolutions((8, 4, 3), CLASSES, GROUPS, HEAD, norm="batch")
    parameters, images = double(noisy(network)), pixels((8, 4, 3), 20)
    in_training = network.forward(parameters, images, training=True)
    before = network.forward(parameters, images)
    after = network.forward(network.with_recomputed_statistics(parameters, images), images)
    torch.testing.assert_close(after, in_training, rtol=1e-10, atol=1e-10)
    assert (before - in_training).abs().max() > 0.1


def test_recomputing_keeps_all_but_the_statistics(noisy, pixels):
    network = convolutions((4, 4), CLASSES, [[4]], HEAD, norm="batch")
    stacked = stack([noisy(network)])
    found = network.with_recomputed_statistics(stacked, pixels((4, 4)).float())
    assert found.keys() == stacked.keys()
    for key, tensor in found.items():
        assert (tensor is stacked[key]) != key.endswith(RUNNING)
        assert tensor.shape == stacked[key].shape and tensor.dtype == torch.float32


@pytest.mark.parametrize("norm", ["layer", "none"])
def test_without_statistics_there_is_nothing_to_recompute(norm, noisy, pixels):
    network = convolutions((4, 4), CLASSES, [[4]], HEAD, norm=norm)
    stacked = stack([noisy(network)])
    assert network.with_recomputed_statistics(stacked, pixels((4, 4)).float()) is stacked


def test_recomputing_keeps_the_order_of_the_parameters(noisy, pixels):
    """So that a trained network can be stacked with its initialisation."""
    network = convolutions((4, 4), CLASSES, [[4]], HEAD, norm="batch")
    parameters = noisy(network)
    [found] = unstack(
        network.with_recomputed_statistics(stack([parameters]), pixels((4, 4)).float())
    )
    assert list(found) == network.names
    stack([parameters, found])


# -- batch norm: training and paths ----------------------------------------------------------


@pytest.fixture(scope="module")
def batch_pair(clusters):
    """The network with batch norm, what its training returned, and A and B."""
    network = convolutions(clusters.shape, clusters.classes, [[6, 6], [8]], [8], norm="batch")
    networks = [NetworkId(0, 0.05), NetworkId(1, 0.05)]
    settings = training_config(batch_size=20, epochs=6)
    found = train(network, clusters, networks, settings, optimiser("sgd"), 1, report=lambda _: None)
    return network, found, found.networks[0], found.networks[1]


def split_of(data, name):
    return torch.from_numpy(data.inputs(name)), torch.from_numpy(data.splits[name].labels)


def test_a_trained_network_is_stored_with_statistics_that_give_the_recorded_test_loss(
    batch_pair, clusters, tmp_path
):
    network, found, _, _ = batch_pair
    tables.write_checkpoints(tmp_path / "checkpoints.parquet", found.networks, {}, "cpu", [])
    for number, parameters in tables.read_checkpoints(tmp_path / "checkpoints.parquet").items():
        row = [r for r in found.history if r["network"] == number][-1]
        loss, accuracy = evaluate(network, stack([parameters]), *split_of(clusters, "test"))
        assert loss[0] == pytest.approx(row["test_loss"], rel=1e-6)
        assert accuracy[0] == row["test_accuracy"] > 0.9
        initial = network.initial(1, 0.05, number)
        stale = {n: (initial if n.endswith(RUNNING) else parameters)[n] for n in parameters}
        other, _ = evaluate(network, stack([stale]), *split_of(clusters, "test"))
        assert abs(other[0] - loss[0]) > 0.01


def test_stored_statistics_are_those_of_the_training_images(batch_pair, clusters):
    _, _, a, _ = batch_pair
    model = Reference(clusters.shape, [[6, 6], [8]], [8], 3, "batch", a).train()
    model(torch.from_numpy(clusters.inputs("train")).double())
    for number, norm in enumerate(model.batch_norms):
        n = 120 * (16 if number < 2 else 4)
        mean, variance = (a[f"norms.{number}.{name}"] for name in RUNNING)
        np.testing.assert_allclose(mean, norm.running_mean, atol=1e-5)
        np.testing.assert_allclose(variance, norm.running_var * (n - 1) / n, rtol=1e-4)


def test_every_network_of_a_path_has_statistics_of_its_own(batch_pair, clusters):
    network, _, a, b = batch_pair
    images, labels = clusters.inputs("test"), clusters.test.labels
    t, train_images = np.linspace(0, 1, 5), clusters.inputs("train")
    found, _ = interpolation.evaluate_path(
        network, a, b, t, images, labels, statistics_images=train_images
    )
    for i, x in enumerate(t):
        between = stack([interpolation.interpolate(a, b, x)])
        recomputed = network.with_recomputed_statistics(
            without_statistics(between), torch.from_numpy(train_images)
        )
        expected, _ = evaluate(network, recomputed, *split_of(clusters, "test"))
        assert found[i] == pytest.approx(expected[0], rel=1e-6)
        interpolated, _ = evaluate(network, between, *split_of(clusters, "test"))
        if 0 < x < 1:
            assert abs(interpolated[0] - found[i]) > 0.01
        else:
            assert interpolated[0] == pytest.approx(found[i], rel=1e-5)
