"""Convolutional networks against torch.nn's own layers, and what batch norm adds."""

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from evaluate_path import evaluate_path as evaluate_path_rule
from torch import nn

from lmc_ot import tables
from lmc_ot.connectivity import interpolation
from lmc_ot.data.dataset import Dataset, Split
from lmc_ot.data.table import write_dataset
from lmc_ot.errors import ConfigError
from lmc_ot.matching import recording
from lmc_ot.matching.matcher import Match
from lmc_ot.matching.recording import chosen_examples
from lmc_ot.matching.table import write_matches
from lmc_ot.networks import convolutional, permutation
from lmc_ot.networks.build import build
from lmc_ot.networks.network import initial_parameters, stack, unstack
from lmc_ot.training.evaluation import evaluate
from lmc_ot.training.loop import train
from lmc_ot.training.settings import NetworkId
from support import convolutions, optimiser, training_config
from support import network as registered

NORMS = ["layer", "batch", "none"]
GROUPS, HEAD, CLASSES = [[4, 3], [5]], [6], 3
# Below the head there are 1, 1, 2, 6 positions.
SHAPES = [(4, 4), (4, 4, 3), (8, 4, 3), (8, 12)]
RUN = {"experiment": "e", "axis": "a", "value": 0.05, "config_hash": "h", "seed": 0}
RUNNING = ("running_mean", "running_variance")


@pytest.fixture
def random_parameters(noisy):
    """A network's parameters, none of them 0 or 1; variances are positive."""

    def make(network):
        parameters = noisy(network)
        for (_, name), array in parameters.items():
            if name == "running_variance":
                array[:] = np.abs(array) + 0.1
        return parameters

    return make


@pytest.fixture
def pixels(stream):
    """Make inputs: float64 (n, pixels) in [0, 1)."""
    return lambda shape, n=6: torch.from_numpy(stream.random((n, int(np.prod(shape)))))


def double(*networks):
    return {key: tensor.double() for key, tensor in stack(list(networks)).items()}


def without_statistics(parameters):
    return {key: value for key, value in parameters.items() if key[1] not in RUNNING}


# -- the reference ---------------------------------------------------------------------------


class OverChannels(nn.Module):
    """Layer norm of (n, channels, height, width) over the channels, at every position."""

    def __init__(self, channels):
        super().__init__()
        self.norm = nn.LayerNorm(channels)

    def forward(self, values):
        return self.norm(values.movedim(1, -1)).movedim(-1, 1)


class Reference(nn.Sequential):
    """The same network of torch.nn's layers, in float64, with these parameters.

    `own` has the library's name of every parameter, `batch_norms` those layers.
    """

    def __init__(self, shape, groups, head, classes, norm, parameters):
        super().__init__()
        self.own, self.batch_norms, self.layer = {}, [], 0
        self.parameters_of_it = parameters
        below = shape[2] if len(shape) == 3 else 1
        for group in groups:
            for units in group:
                self.layer += 1
                self.take(nn.Conv2d(below, units, 3, padding=1), "bias")
                if norm == "layer":
                    wrapper = OverChannels(units).double()
                    self.take(wrapper.norm, "shift", "scale", wrapper)
                elif norm == "batch":
                    layer = nn.BatchNorm2d(units, momentum=1.0)
                    self.take(layer, "shift", "scale")
                    self.copy(layer.running_mean, "running_mean")
                    self.copy(layer.running_var, "running_variance")
                    self.batch_norms.append(layer)
                self.append(nn.ReLU())
                below = units
            self.append(nn.MaxPool2d(2))
        self.append(nn.Flatten())
        below *= shape[0] * shape[1] // 4 ** len(groups)
        for units in head:
            self.layer += 1
            self.take(nn.Linear(below, units), "bias")
            self.append(nn.ReLU())
            below = units
        self.layer += 1
        self.take(nn.Linear(below, classes), "bias")
        self.shape = shape

    def take(self, module, bias, weight="weight", wrapper=None):
        module.double()
        for tensor, name in ((module.weight, weight), (module.bias, bias)):
            self.copy(tensor, name)
            self.own[self.layer, name] = tensor
        self.append(wrapper or module)

    def copy(self, tensor, name):
        values = torch.from_numpy(self.parameters_of_it[self.layer, name])
        with torch.no_grad():
            tensor.copy_(values.view(tensor.shape))

    def forward(self, images):
        height, width, *channels = self.shape
        images = images.reshape(-1, height, width, *(channels or [1]))
        return super().forward(images.movedim(-1, 1))


@pytest.fixture(params=SHAPES, ids=str)
def shape(request):
    return request.param


@pytest.mark.parametrize("norm", NORMS)
def test_logits_and_gradients_are_those_of_torch_nn(shape, norm, random_parameters, pixels):
    """Outside of training: batch norm by running statistics."""
    network = convolutions(shape, CLASSES, GROUPS, HEAD, norm=norm)
    parameters = random_parameters(network)
    model = Reference(shape, GROUPS, HEAD, CLASSES, norm, parameters).eval()
    compare(network, double(parameters), model, pixels(shape))


def test_batch_norm_in_training_is_that_of_torch_nn(shape, random_parameters, pixels):
    network = convolutions(shape, CLASSES, GROUPS, HEAD, norm="batch")
    parameters = random_parameters(network)
    model = Reference(shape, GROUPS, HEAD, CLASSES, "batch", parameters).train()
    compare(network, without_statistics(double(parameters)), model, pixels(shape))


def compare(network, stacked, model, images):
    labels = torch.arange(len(images)) % network.classes
    trained = without_statistics(stacked)
    for tensor in trained.values():
        tensor.requires_grad_()
    _, logits = network.forward(stacked, images)
    expected = model(images)
    torch.testing.assert_close(logits[0], expected, rtol=1e-10, atol=1e-10)
    assert trained.keys() == model.own.keys()
    gradients = torch.autograd.grad(F.cross_entropy(logits[0], labels), list(trained.values()))
    wanted = torch.autograd.grad(F.cross_entropy(expected, labels), list(model.own.values()))
    wanted = dict(zip(model.own, wanted, strict=True))
    for key, gradient in zip(trained, gradients, strict=True):
        torch.testing.assert_close(
            gradient[0], wanted[key].reshape(gradient[0].shape), rtol=1e-9, atol=1e-11
        )
    assert all(gradient.abs().max() > 0 for gradient in wanted.values())


@pytest.mark.parametrize("norm", NORMS)
def test_stacked_networks_are_each_alone_and_so_are_their_gradients(
    norm, random_parameters, pixels
):
    network = convolutions((8, 4, 3), CLASSES, GROUPS, HEAD, norm=norm)
    networks = [without_statistics(random_parameters(network)) for _ in range(3)]
    images, labels = pixels((8, 4, 3), 12).view(3, 4, -1), torch.arange(4) % CLASSES

    def losses_and_gradients(parameters, batch):
        tensors = [tensor.requires_grad_() for tensor in parameters.values()]
        layers, logits = network.forward(parameters, batch)
        losses = torch.stack([F.cross_entropy(of_one, labels) for of_one in logits])
        return losses, [*layers, *torch.autograd.grad(losses.sum(), tensors)]

    losses, together = losses_and_gradients(double(*networks), images)
    for k, parameters in enumerate(networks):
        loss, alone = losses_and_gradients(double(parameters), images[k])
        torch.testing.assert_close(losses[k], loss[0], rtol=1e-12, atol=1e-12)
        for found, wanted in zip(together, alone, strict=True):
            torch.testing.assert_close(found[k], wanted[0], rtol=1e-10, atol=1e-12)


# -- shapes ----------------------------------------------------------------------------------


@pytest.mark.parametrize("norm", NORMS)
def test_parameters_by_layer(norm):
    network = convolutions((8, 12, 3), CLASSES, GROUPS, HEAD, norm=norm)
    norms = {"layer": ["scale", "shift"], "batch": ["scale", "shift", *RUNNING], "none": []}[norm]
    expected = {}
    for layer, weight in enumerate([(4, 27), (3, 36), (5, 27), (6, 5 * 6), (3, 6)], start=1):
        expected[layer, "weight"] = weight
        for name in ["bias", *(norms if layer <= 3 else [])]:
            expected[layer, name] = weight[:1]
    assert network.shapes == expected
    assert network.running_statistics == (RUNNING if norm == "batch" else ())
    assert network.floats_per_example == 8 * 12 * 4


def test_initially_scales_and_variances_are_1_and_biases_shifts_and_means_0(stream):
    network = convolutions((8, 8), CLASSES, [[400]], [5], norm="batch", initialiser="lecun_uniform")
    for (layer, name), array in network.initialise(stream).items():
        if name == "weight":
            limit = np.sqrt(3 / array.shape[1])
            assert np.abs(array).max() <= limit * (1 + 1e-6), layer
            assert array.size < 1000 or np.abs(array).max() > 0.98 * limit
        else:
            assert (array == (name in ("scale", "running_variance"))).all()


def test_vgg16_has_the_layers_of_git_re_basins(random_parameters, pixels):
    """VGG16 of the paper's Appendix D.1 at m = 2."""
    network, shape, m = registered("vgg16", (32, 32, 3), 10, width=2), (32, 32, 3), 2
    groups = [[m, m], [2 * m] * 2, [4 * m] * 3, [8 * m] * 3, [8 * m] * 3]
    widths = [units for group in groups for units in group]
    assert len(widths) == 13
    assert network.hidden_widths == [*widths, 8 * m, 8 * m]
    parameters = random_parameters(network)
    images = pixels(shape, 3)
    layers, _ = network.forward(double(parameters), images)
    sides = [32, 32, 16, 16, 8, 8, 8, 4, 4, 4, 2, 2, 2]
    assert [tuple(phi.shape) for phi in layers] == [
        *((1, 3, side, side, units) for side, units in zip(sides, widths, strict=True)),
        (1, 3, 16),
        (1, 3, 16),
    ]
    model = Reference(shape, groups, [8 * m, 8 * m], 10, "layer", parameters)
    compare(network, double(parameters), model, images)


@pytest.mark.parametrize("width", [2, 64])
def test_vgg16s_number_of_parameters(width):
    """9 (3 m + 399 m^2) kernels, 128 m^2 + 80 m of the head, 3 x 66 m + 16 m + 10 vectors."""
    network = registered("vgg16", (32, 32, 3), 10, width=width)
    count = sum(int(np.prod(shape)) for shape in network.shapes.values())
    assert count == 3719 * width**2 + 321 * width + 10
    assert width != 64 or count == 15_253_578


def test_vgg16_is_1x_by_default():
    data = Dataset(*[Split(np.zeros((3, 32, 32, 3), np.uint8), np.arange(3))] * 2, 3, 255.0)
    network = build({"name": "vgg16"}, data)
    assert (network.hidden_widths[0], network.norm) == (64, "layer")


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


# -- permutations ----------------------------------------------------------------------------


@pytest.mark.parametrize("norm", NORMS)
def test_a_permutation_of_every_layer_leaves_the_function(
    shape, norm, random_parameters, pixels, stream
):
    network = convolutions(shape, CLASSES, GROUPS, HEAD, norm=norm)
    parameters = random_parameters(network)
    permutations = permutation.random(parameters, stream)
    assert list(permutations) == [1, 2, 3, 4]
    permuted = permutation.apply(parameters, permutations)
    stacked = double(parameters, permuted)
    modes = [stacked, without_statistics(stacked)] if norm == "batch" else [stacked]
    for networks in modes:
        layers, logits = network.forward(networks, pixels(shape))
        torch.testing.assert_close(logits[1], logits[0], rtol=1e-10, atol=1e-10)
        for layer, p in permutations.items():
            before, after = layers[layer - 1]
            torch.testing.assert_close(after, before[..., torch.from_numpy(p)])


@pytest.mark.parametrize("layer", [1, 2, 3, 4])
def test_every_parameter_of_a_layer_has_to_move(layer, random_parameters, pixels):
    """Units moved without one of their parameters, or without the columns above, are another
    function: so the test before says something of each."""
    network = convolutions((8, 4, 3), CLASSES, GROUPS, HEAD, norm="batch")
    parameters = random_parameters(network)
    moved = permutation.apply(parameters, {layer: np.roll(np.arange(network.widths[layer - 1]), 1)})
    changed = [key for key in moved if not np.array_equal(moved[key], parameters[key])]
    own = [key for key in parameters if key[0] == layer]
    assert changed == [*own, (layer + 1, "weight")]
    for key in changed:
        _, logits = network.forward(
            double(parameters, {**moved, key: parameters[key]}), pixels((8, 4, 3))
        )
        assert (logits[0] - logits[1]).abs().max() > 1e-4, key


# -- batch norm: running statistics ----------------------------------------------------------


def test_statistics_of_one_layer_from_its_outputs(random_parameters, stream):
    """In batches of 4, 4, 2: batch statistics are averaged by the number of their examples."""
    network = convolutions((4, 6, 2), CLASSES, [[3]], [5], norm="batch")
    parameters = random_parameters(network)
    images = stream.random((10, 4, 6, 2))
    padded = np.pad(images, [(0, 0), (1, 1), (1, 1), (0, 0)])
    kernel = parameters[1, "weight"].reshape(3, 2, 3, 3).astype(np.float64)
    windows = np.lib.stride_tricks.sliding_window_view(padded, (3, 3), (1, 2))
    outputs = np.einsum("nyxcij,ucij->nyxu", windows, kernel) + parameters[1, "bias"]
    batches = [outputs[:4], outputs[4:8], outputs[8:]]
    flat = torch.from_numpy(images).flatten(1)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(convolutional, "STATISTICS_BATCH", 4)
        found = network.with_recomputed_statistics(double(parameters), flat)
    mean = sum(len(b) / 10 * b.mean((0, 1, 2)) for b in batches)
    variance = sum(len(b) / 10 * b.var((0, 1, 2)) for b in batches)
    np.testing.assert_allclose(found[1, "running_mean"][0], mean, rtol=1e-10)
    np.testing.assert_allclose(found[1, "running_variance"][0], variance, rtol=1e-10)
    np.testing.assert_allclose(mean, outputs.mean((0, 1, 2)), rtol=1e-10)
    whole = network.with_recomputed_statistics(double(parameters), flat)
    np.testing.assert_allclose(whole[1, "running_variance"][0], outputs.var((0, 1, 2)), rtol=1e-10)


def test_statistics_are_those_of_torch_nns_batch_norms(random_parameters, pixels):
    """With a momentum of 1 they keep the last batch's statistics, n / (n - 1) of its variance."""
    shape = (8, 4, 3)
    network = convolutions(shape, CLASSES, GROUPS, HEAD, norm="batch")
    networks, images = [random_parameters(network) for _ in range(2)], pixels(shape, 20)
    found = network.with_recomputed_statistics(double(*networks), images)
    for k, parameters in enumerate(networks):
        model = Reference(shape, GROUPS, HEAD, CLASSES, "batch", parameters).train()
        model(images)
        for layer, norm in enumerate(model.batch_norms, start=1):
            n = 20 * (32 if layer < 3 else 8)
            mean, variance = (found[layer, name][k] for name in RUNNING)
            torch.testing.assert_close(mean, norm.running_mean, rtol=1e-10, atol=1e-12)
            torch.testing.assert_close(variance, norm.running_var * (n - 1) / n)


def test_with_statistics_of_a_batch_it_is_normalised_as_in_training(random_parameters, pixels):
    network = convolutions((8, 4, 3), CLASSES, GROUPS, HEAD, norm="batch")
    parameters, images = double(random_parameters(network)), pixels((8, 4, 3), 20)
    _, in_training = network.forward(without_statistics(parameters), images)
    _, before = network.forward(parameters, images)
    _, after = network.forward(network.with_recomputed_statistics(parameters, images), images)
    torch.testing.assert_close(after, in_training, rtol=1e-10, atol=1e-10)
    assert (before - in_training).abs().max() > 0.1


def test_recomputing_keeps_all_but_the_statistics(random_parameters, pixels):
    network = convolutions((4, 4), CLASSES, [[4]], HEAD, norm="batch")
    stacked = stack([random_parameters(network)])
    found = network.with_recomputed_statistics(stacked, pixels((4, 4)).float())
    assert found.keys() == stacked.keys()
    for key, tensor in found.items():
        assert (tensor is stacked[key]) == (key[1] not in RUNNING)
        assert tensor.shape == stacked[key].shape and tensor.dtype == torch.float32


@pytest.mark.parametrize("norm", ["layer", "none"])
def test_without_statistics_there_is_nothing_to_recompute(norm, random_parameters, pixels):
    network = convolutions((4, 4), CLASSES, [[4]], HEAD, norm=norm)
    stacked = stack([random_parameters(network)])
    assert network.with_recomputed_statistics(stacked, pixels((4, 4)).float()) is stacked


def test_recomputing_keeps_the_order_of_the_parameters(random_parameters, pixels):
    """So that a trained network can be stacked with its initialisation."""
    network = convolutions((4, 4), CLASSES, [[4]], HEAD, norm="batch")
    parameters = random_parameters(network)
    [found] = unstack(
        network.with_recomputed_statistics(stack([parameters]), pixels((4, 4)).float())
    )
    assert list(found) == list(network.shapes)
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
        initial = initial_parameters(network, 1, 0.05, number)
        stale = {key: initial[key] if key[1] in RUNNING else parameters[key] for key in parameters}
        other, _ = evaluate(network, stack([stale]), *split_of(clusters, "test"))
        assert abs(other[0] - loss[0]) > 0.01


def test_stored_statistics_are_those_of_the_training_images(batch_pair, clusters):
    _, _, a, _ = batch_pair
    model = Reference(clusters.shape, [[6, 6], [8]], [8], 3, "batch", a).train()
    model(torch.from_numpy(clusters.inputs("train")).double())
    for layer, norm in enumerate(model.batch_norms, start=1):
        n = 120 * (16 if layer < 3 else 4)
        np.testing.assert_allclose(a[layer, "running_mean"], norm.running_mean, atol=1e-5)
        np.testing.assert_allclose(
            a[layer, "running_variance"], norm.running_var * (n - 1) / n, rtol=1e-4
        )


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


@pytest.mark.parametrize("norm", ["batch", "layer"])
def test_a_path_says_whether_statistics_were_recomputed(
    norm, batch_pair, clusters, tmp_path, stream
):
    network, found, a, b = batch_pair
    networks = found.networks
    if norm == "layer":
        networks = {
            number: {key: v for key, v in p.items() if key[1] not in RUNNING}
            for number, p in networks.items()
        }
    files = {name: str(tmp_path / f"{name}.parquet") for name in ("dataset", "checkpoints", "path")}
    write_dataset(files["dataset"], clusters, {})
    tables.write_checkpoints(files["checkpoints"], networks, RUN, "cpu", [])
    permutations = permutation.random(a, stream)
    units = dict.fromkeys(permutations, 0.0)
    files["permutations"] = str(tmp_path / "permutations.parquet")
    write_matches(
        files["permutations"],
        str(tmp_path / "objectives.parquet"),
        {(0, 0, 1): Match(permutations, units, units, dict.fromkeys(permutations))},
        "m",
        RUN,
    )
    evaluate_path_rule(
        dataset=files["dataset"], checkpoints=files["checkpoints"], path=files["path"],
        permutations=[files["permutations"]], labels=["m"],
        pairs=[(0, 1)], points=3, train_examples=60, code="c",
        network={"name": "convnet", "groups": [[6, 6], [8]], "head": [8], "norm": norm},
        device="cpu", run=RUN,
    )  # fmt: skip
    table = tables.read("path", files["path"]).to_pandas()
    assert len(table) == 6
    assert (table["calibrated"] == (norm == "batch")).all()
    if norm == "batch":
        test = table[table["split"] == "test"]
        expected, _ = interpolation.evaluate_path(
            network, a, permutation.apply(b, permutations), test["t"].to_numpy(),
            clusters.inputs("test"), clusters.test.labels,
            statistics_images=clusters.inputs("train")[chosen_examples(clusters, 60, 0)],
        )  # fmt: skip
        np.testing.assert_allclose(test["loss"], expected, rtol=1e-6)


# -- recorded activations --------------------------------------------------------------------


@pytest.mark.parametrize("norm", NORMS)
def test_recorded_are_the_activations_at_the_samples_positions(
    norm, random_parameters, stream, monkeypatch
):
    """Place (y, x) in [0, 1) is position (floor(y h), floor(x w)) of a layer of h x w."""
    shape = (8, 12, 3)
    images = stream.integers(0, 256, (9, *shape)).astype(np.uint8)
    split = Split(images, np.arange(9) % CLASSES)
    data = Dataset(split, split, CLASSES, 255.0)
    network = convolutions(shape, CLASSES, GROUPS, HEAD, norm=norm)
    monkeypatch.setattr(recording, "BATCH_FLOATS", 7 * network.floats_per_example)
    samples = recording.chosen_samples(data, 5, 4, seed=2)
    assert len(samples.example) == 20 and len(set(samples.example)) == 5
    seen = []
    for parameters in (random_parameters(network) for _ in range(2)):
        batches = list(recording.record(network, parameters, data, samples))
        assert [len(some.example) for some, _ in batches] == [7, 7, 6]
        seen.append([np.concatenate([vars(s)[n] for s, _ in batches]) for n in ("example", "y")])
        inputs = torch.from_numpy(data.inputs("train")).double()
        layers, _ = network.forward(double(parameters), inputs)
        for layer, size in enumerate([(8, 12), (8, 12), (4, 6), None]):
            found = np.concatenate([values[layer] for _, values in batches])
            phi = layers[layer][0].numpy()
            assert found.dtype == np.float32
            for row, example, y, x in zip(
                found, samples.example, samples.y, samples.x, strict=True
            ):
                place = () if size is None else (int(y * size[0]), int(x * size[1]))
                np.testing.assert_allclose(row, phi[(example, *place)], rtol=1e-3, atol=1e-5)
    for one, other in zip(*seen, strict=True):
        np.testing.assert_array_equal(one, other)
