"""Streamed moments against explicit im2col, and the matchers on convolutions."""

import numpy as np
import pytest
import torch
import torch.nn.functional as F

from lmc_ot.data.dataset import Dataset, Split
from lmc_ot.data.table import write_dataset
from lmc_ot.errors import UserError
from lmc_ot.matching import REGISTRY, forward, recording, sources
from lmc_ot.matching.am import ActivationMatching
from lmc_ot.matching.forward import StreamedMoments
from lmc_ot.matching.matcher import Layer
from lmc_ot.matching.moments import InMemory, NetworkMoments
from lmc_ot.matching.recording import Samples
from lmc_ot.matching.sigma_wm import SigmaWeightMatching
from lmc_ot.matching.solver import match
from lmc_ot.networks import permutation
from lmc_ot.networks.convolutional import Convolutional
from lmc_ot.networks.network import Network, stack, unstack
from support import convolutions, mlp
from support import network as registered

NORMS = ["layer", "batch", "none"]
MATCHING = [name for name in REGISTRY.names if name != "identity"]
SHAPE, EXAMPLES = (4, 8, 3), 10
# Layers 1 .. 3 are convolutions, of 4 x 8, 4 x 8, 2 x 4 positions, 1 x 2 below the head.
GROUPS, HEAD = [[4, 3], [5]], [6, 7]
POOLED, CONVOLUTIONS, LAYERS = {2, 3}, 3, 5


class Strided(Convolutional):
    """Its second convolution has stride 2."""

    def __init__(self, shape, classes, groups, head, norm):
        super().__init__(shape, classes, groups, head, norm, "lecun_normal")
        self._inputs[len(self.convolutions)] //= 4

    def linear(self, layer, values, weight, bias=None):
        if layer != 2:
            return super().linear(layer, values, weight, bias)
        kernels = weight.unflatten(2, (-1, 3, 3))
        outputs = [
            F.conv2d(
                values[k].movedim(-1, 1), kernels[k], None if bias is None else bias[k], 2, 1
            ).movedim(1, -1)
            for k in range(len(values))
        ]
        return torch.stack(outputs)


# A network, the shape of its images and the strides that are not 1.
CASES = {
    **{
        norm: (lambda norm=norm: convolutions(SHAPE, 3, GROUPS, HEAD, norm=norm), SHAPE, {})
        for norm in NORMS
    },
    "one position": (lambda: convolutions((4, 4), 3, GROUPS, HEAD), (4, 4), {}),
    "stride 2": (lambda: Strided((8, 16, 2), 3, GROUPS, HEAD, "none"), (8, 16, 2), {2: 2}),
    "mlp": (lambda: mlp(SHAPE, 3, [9, 4]), SHAPE, {}),
}


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


def im2col(network, parameters, images, strides):
    """phi_0 .. phi_{L} as the columns that a layer's weight multiplies, and phi_1 .. phi_L.

    Float64, a list of (samples, columns) and one of (samples, units). A sample is an example, or
    an example and an output position.
    """
    p = {key: torch.from_numpy(array).double() for key, array in parameters.items()}
    height, width, channels = network.image_shape
    last = max(layer for layer, _ in parameters)
    convolutions = CONVOLUTIONS if isinstance(network, Convolutional) else 0
    values = torch.from_numpy(images).double()
    if convolutions:
        values = values.view(-1, height, width, channels).movedim(-1, 1)
    columns, outputs = [], []
    for layer in range(1, last + 1):
        weight, bias = p[layer, "weight"], p[layer, "bias"]
        if layer > convolutions:
            columns.append(values)
            values = (values @ weight.T + bias).clamp(min=0)
            outputs.append(values)
            continue
        stride = strides.get(layer, 1)
        side = [(s - 1) // stride + 1 for s in values.shape[2:]]
        unfolded = F.unfold(values, 3, padding=1, stride=stride).movedim(1, 2)
        columns.append(unfolded.flatten(0, 1))
        phi = unfolded @ weight.T + bias
        if (layer, "running_mean") in p:
            deviation = (p[layer, "running_variance"] + 1e-5).sqrt()
            phi = (phi - p[layer, "running_mean"]) / deviation
        elif (layer, "scale") in p:
            variance = phi.var(-1, correction=0, keepdim=True)
            phi = (phi - phi.mean(-1, keepdim=True)) / (variance + 1e-5).sqrt()
        if (layer, "scale") in p:
            phi = phi * p[layer, "scale"] + p[layer, "shift"]
        phi = phi.clamp(min=0)
        outputs.append(phi.flatten(0, 1))
        values = phi.movedim(-1, 1).unflatten(2, side)
        if layer in POOLED:
            values = F.max_pool2d(values, 2)
        if layer == convolutions:
            values = values.flatten(1)
    return [c.numpy() for c in columns], [phi.numpy() for phi in outputs[:-1]]


@pytest.fixture(params=CASES)
def case(request, random_parameters, stream):
    """A network, the parameters of two, images, and the strides."""
    make, shape, strides = CASES[request.param]
    network = make()
    images = stream.random((EXAMPLES, int(np.prod(shape)))).astype(np.float32)
    return network, [random_parameters(network) for _ in range(2)], images, strides


@pytest.fixture
def convnet(random_parameters, stream):
    network = convolutions(SHAPE, 3, GROUPS, HEAD)
    images = stream.random((EXAMPLES, int(np.prod(SHAPE)))).astype(np.float32)
    return network, [random_parameters(network) for _ in range(2)], images


def exact(network, parameters, images):
    return StreamedMoments(network, parameters, images, precision=torch.float64)


def assert_moments(found, x, y, rtol=1e-10):
    """Moments of the samples x and y, (samples, units) each."""
    for got, wanted in (
        (found.second, x.T @ y / len(x)),
        (found.mean_x, x.mean(0)),
        (found.mean_y, y.mean(0)),
    ):
        assert got.dtype == np.float64
        np.testing.assert_allclose(got, wanted, rtol=rtol, atol=rtol * np.abs(wanted).max())


def assert_same(found, wanted, rtol=1e-12):
    for name in ("second", "mean_x", "mean_y"):
        expected = getattr(wanted, name)
        np.testing.assert_allclose(
            getattr(found, name), expected, rtol=rtol, atol=rtol * np.abs(expected).max()
        )


# -- by im2col -------------------------------------------------------------------------------


def test_moments_through_weights_have_the_im2col_second_moment_between(case, stream):
    """For weights of any number of units."""
    network, (a, _), images, strides = case
    streamed = exact(network, a, images)
    columns, _ = im2col(network, a, images, strides)
    assert len(columns) == max(layer for layer, _ in a)
    for layer, phi in enumerate(columns, start=1):
        assert a[layer, "weight"].shape[1] == phi.shape[1]
        sigma, mean = phi.T @ phi / len(phi), phi.mean(0)
        for units in ((5, 5), (1, 8), (3, 1)):
            x, y = (stream.normal(size=(n, phi.shape[1])).astype(np.float32) for n in units)
            found = streamed.through(layer, x, y)
            x, y = x.astype(np.float64), y.astype(np.float64)
            np.testing.assert_allclose(found.second, x @ sigma @ y.T, rtol=1e-9, atol=1e-11)
            np.testing.assert_allclose(found.mean_x, x @ mean, rtol=1e-9, atol=1e-11)
            np.testing.assert_allclose(found.mean_y, y @ mean, rtol=1e-9, atol=1e-11)


def test_moments_through_one_weight_twice_are_its_own(case):
    network, (a, _), images, strides = case
    streamed = exact(network, a, images)
    for layer, phi in enumerate(im2col(network, a, images, strides)[0], start=1):
        weight = a[layer, "weight"]
        outputs = phi @ weight.T
        found = streamed.through(layer, weight, weight)
        assert_moments(found, outputs, outputs)
        assert_same(streamed.through(layer, weight, weight.copy()), found)


def test_outputs_are_taken_over_images_and_positions(case):
    network, (a, _), images, strides = case
    streamed = exact(network, a, images)
    _, outputs = im2col(network, a, images, strides)
    for layer, phi in enumerate(outputs, start=1):
        assert_moments(streamed(layer), phi, phi)


def test_cross_pairs_the_same_images_and_positions(case):
    network, networks, images, strides = case
    of_a, of_b = (exact(network, parameters, images) for parameters in networks)
    for layer, (x, y) in enumerate(
        zip(*(im2col(network, p, images, strides)[1] for p in networks), strict=True), start=1
    ):
        assert_moments(of_a.cross(layer, of_b), x, y)
        assert_moments(of_b.cross(layer, of_a), y, x)
        assert_moments(of_a.cross(layer, of_a), x, x)


def test_float32_networks_give_the_moments_to_float32_accuracy(case, stream):
    network, networks, images, _ = case
    single = [StreamedMoments(network, parameters, images) for parameters in networks]
    double = [exact(network, parameters, images) for parameters in networks]
    for layer in range(1, len(network.hidden_widths) + 1):
        weights = [parameters[layer, "weight"] for parameters in networks]
        assert_same(single[0].through(layer, *weights), double[0].through(layer, *weights), 1e-4)
        assert_same(single[0](layer), double[0](layer), 1e-4)
        assert_same(single[0].cross(layer, single[1]), double[0].cross(layer, double[1]), 1e-4)
        assert single[0](layer).second.dtype == np.float64


# -- how it is computed ----------------------------------------------------------------------


@pytest.mark.parametrize("batch", [1, 3, 7])
def test_the_size_of_a_batch_changes_nothing(batch, case, monkeypatch):
    network, networks, images, _ = case
    whole = [exact(network, parameters, images) for parameters in networks]
    monkeypatch.setattr(forward, "BATCH_FLOATS", batch * network.floats_per_example)
    parts = [exact(network, parameters, images) for parameters in networks]
    assert [len(b) for b in parts[0]._batches()][:-1] == [batch] * ((EXAMPLES - 1) // batch)
    for layer in range(1, len(network.hidden_widths) + 1):
        weights = [parameters[layer, "weight"] for parameters in networks]
        assert_same(parts[0].through(layer, *weights), whole[0].through(layer, *weights))
        assert_same(parts[0](layer), whole[0](layer))
        assert_same(parts[0].cross(layer, parts[1]), whole[0].cross(layer, whole[1]))


def test_a_batch_smaller_than_an_example_is_one_example(convnet, monkeypatch):
    network, (a, _), images = convnet
    monkeypatch.setattr(forward, "BATCH_FLOATS", 1)
    assert [len(b) for b in StreamedMoments(network, a, images)._batches()] == [1] * EXAMPLES


ORDERS = [[1, 2, 3, 4, 5], [5, 4, 3, 2, 1], [3, 1, 5, 5, 2, 4, 3, 1]]
# What every layer sees is kept; nothing; what layers 3 to 5 see; what layers 4 and 5 see.
KEPT = {
    "all": 1 << 30,
    "nothing": 0,
    "small layers": EXAMPLES * 8 * 3 * 8,
    "the head": EXAMPLES * 10 * 8,
}


@pytest.mark.parametrize("order", ORDERS, ids=str)
@pytest.mark.parametrize("kept", KEPT)
def test_layers_are_asked_for_in_any_order_whatever_is_kept(kept, order, convnet, monkeypatch):
    network, (a, b), images = convnet
    fresh = {
        layer: exact(network, a, images).through(layer, a[layer, "weight"], b[layer, "weight"])
        for layer in range(1, LAYERS + 1)
    }
    monkeypatch.setattr(forward, "KEPT_BYTES", KEPT[kept])
    monkeypatch.setattr(forward, "BATCH_FLOATS", 3 * network.floats_per_example)
    streamed = exact(network, a, images)
    for layer in order:
        found = streamed.through(layer, a[layer, "weight"], b[layer, "weight"])
        assert_same(found, fresh[layer])
        if layer == order[0]:  # the moments of all layers in between disturb nothing
            streamed(1)


@pytest.mark.parametrize(
    ("kept", "starts"), [("all", 1), ("nothing", 5), ("small layers", 3), ("the head", 4)]
)
def test_kept_inputs_save_the_layers_below(kept, starts, convnet, monkeypatch):
    """How often five layers in order begin at the images."""
    network, (a, _), images = convnet
    monkeypatch.setattr(forward, "KEPT_BYTES", KEPT[kept])
    streamed = exact(network, a, images)
    entered = []
    enter = network.enter
    monkeypatch.setattr(network, "enter", lambda *args: entered.append(1) or enter(*args))
    for layer in range(1, LAYERS + 1):
        streamed.through(layer, a[layer, "weight"], a[layer, "weight"])
    assert len(entered) == starts


def test_moments_of_all_layers_are_taken_in_one_pass(convnet, monkeypatch):
    network, (a, b), images = convnet
    of_a, of_b = StreamedMoments(network, a, images), StreamedMoments(network, b, images)
    passes = []
    forward = Network.forward

    def counting(self, *arguments):
        passes.append(1)
        return forward(self, *arguments)

    monkeypatch.setattr(Network, "forward", counting)
    for layer in range(1, LAYERS):
        of_a(layer), of_a.cross(layer, of_b)
    assert len(passes) == 1 + 2


def test_cross_moments_are_those_of_the_network_that_was_given(convnet, random_parameters):
    """Also where a network is gone and its place in memory, its id, is another one's."""
    network, (a, _), images = convnet
    streamed = exact(network, a, images)
    for _ in range(20):
        other = exact(network, random_parameters(network), images)
        found = streamed.cross(1, other)
        assert_same(found, exact(network, a, images).cross(1, other))
        del other


def test_no_gradients_are_kept_and_no_images_changed(convnet):
    network, (a, b), images = convnet
    before = images.copy()
    streamed = StreamedMoments(network, a, images)
    for layer in range(1, LAYERS + 1):
        streamed.through(layer, a[layer, "weight"], b[layer, "weight"])
    streamed.cross(1, StreamedMoments(network, b, images))
    assert not any(values.requires_grad for values in streamed._kept[1])
    np.testing.assert_array_equal(images, before)


# -- beside recorded activations -------------------------------------------------------------


@pytest.mark.parametrize("name", REGISTRY.names)
def test_of_an_mlp_streamed_and_recorded_moments_are_the_same(name, random_mlp, recorded, stream):
    widths = [8, 12, 10, 4]
    a, b = random_mlp(widths), random_mlp(widths)
    inputs = stream.normal(size=(300, 8)).astype(np.float32)
    network = mlp((8,), 4, widths[1:-1])
    memory = [NetworkMoments(recorded(parameters, inputs)) for parameters in (a, b)]
    streamed = [exact(network, parameters, inputs) for parameters in (a, b)]
    matcher = REGISTRY.build({"name": name})
    one, other = match(matcher, a, b, *memory), match(matcher, a, b, *streamed)
    for layer in (1, 2):
        np.testing.assert_array_equal(one.permutations[layer], other.permutations[layer])
        assert one.objectives[layer] == pytest.approx(other.objectives[layer], rel=1e-6)
        for centred in (False, True):
            of_a = [
                matcher.gram(Layer.of(a, layer, moments[0]), centred)
                for moments in (memory, streamed)
            ]
            if of_a[0] is not None:
                np.testing.assert_allclose(*of_a, rtol=1e-5, atol=1e-6)
        weights = a[layer, "weight"], b[layer, "weight"]
        assert_same(streamed[0].through(layer, *weights), memory[0].through(layer, *weights), 1e-6)


@pytest.fixture
def dataset(stream):
    """40 training images."""
    images = stream.integers(0, 256, (40, *SHAPE)).astype(np.uint8)
    split = Split(images, np.arange(40) % 3)
    return Dataset(split, split, 3, 255.0)


@pytest.mark.parametrize("examples", [None, 15])
def test_networks_of_the_workflow_are_run_on_the_chosen_examples(
    examples, dataset, random_parameters, tmp_path
):
    network = convolutions(SHAPE, 3, GROUPS, HEAD)
    networks = {4: random_parameters(network), 7: random_parameters(network)}
    write_dataset(tmp_path / "dataset.parquet", dataset, {})
    block = {"name": "convnet", "groups": GROUPS, "head": HEAD}
    streamed = {"network": block, "examples": examples, "device": "cpu"}
    moments = sources.of_networks(
        tmp_path / "dataset.parquet", networks, None, streamed, {"seed": 3}
    )
    assert moments(4) is moments(4) and moments(4) is not moments(7)
    chosen = recording.chosen_examples(dataset, examples, 3)
    assert len(chosen) == (examples or 40)
    images = dataset.inputs("train")[chosen]
    for number, parameters in networks.items():
        assert_same(moments(number)(2), exact(network, parameters, images)(2), 1e-4)


def recorded_at(network, parameters, dataset, samples):
    """Moments of the activations that were recorded on the samples."""
    batches = recording.record(network, parameters, dataset, samples)
    layers = [np.concatenate(parts) for parts in zip(*(b for _, b in batches), strict=True)]
    return NetworkMoments(InMemory([dataset.inputs("train")[samples.example], *layers]))


@pytest.mark.parametrize("centred", [True, False])
def test_am_on_all_recorded_positions_is_am_on_streamed_ones(centred, dataset, random_parameters):
    """Every position of the image once: a pooled layer's positions come four times each."""
    network = convolutions(SHAPE, 3, GROUPS, HEAD)
    networks = [random_parameters(network) for _ in range(2)]
    height, width, _ = SHAPE
    y, x = np.meshgrid(np.arange(height), np.arange(width), indexing="ij")
    places = [np.tile((p.ravel() + 0.5) / n, 40) for p, n in ((y, height), (x, width))]
    samples = Samples(np.repeat(np.arange(40), height * width), *places)
    memory = [recorded_at(network, p, dataset, samples) for p in networks]
    streamed = [StreamedMoments(network, p, dataset.inputs("train")) for p in networks]
    for layer in range(1, LAYERS):
        assert_same(memory[0].cross(layer, memory[1]), streamed[0].cross(layer, streamed[1]), 1e-5)
    matcher = ActivationMatching(centred)
    one, other = (match(matcher, *networks, *moments) for moments in (memory, streamed))
    assert one.objectives == pytest.approx(other.objectives, rel=1e-4)


def test_am_on_random_positions_comes_near_the_streamed_similarity(dataset, random_parameters):
    """As one over the root: 64 times the positions, an eighth of the error."""
    network = convolutions(SHAPE, 3, GROUPS, HEAD)
    networks = [random_parameters(network) for _ in range(2)]
    streamed = [StreamedMoments(network, p, dataset.inputs("train")) for p in networks]
    errors = []
    for positions in (4, 256):
        samples = recording.chosen_samples(dataset, None, positions, seed=0)
        memory = [recorded_at(network, p, dataset, samples) for p in networks]
        errors.append([
            np.linalg.norm(found - wanted) / np.linalg.norm(wanted)
            for layer in range(1, CONVOLUTIONS + 1)
            for found, wanted in [
                (memory[0].cross(layer, memory[1]).second,
                 streamed[0].cross(layer, streamed[1]).second)
            ]
        ])  # fmt: skip
    few, many = np.array(errors)
    assert (many < few / 3).all() and (many < 0.03).all()


@pytest.mark.parametrize("of", ["similarity", "covariance"])
def test_sigma_wm_on_recorded_convolutions_asks_to_stream(of, dataset, random_parameters, one_line):
    network = convolutions(SHAPE, 3, GROUPS, HEAD)
    a, b = random_parameters(network), random_parameters(network)
    samples = recording.chosen_samples(dataset, None, 1, seed=0)
    memory = [recorded_at(network, p, dataset, samples) for p in (a, b)]
    with pytest.raises(UserError) as error:
        if of == "similarity":
            match(SigmaWeightMatching(), a, b, *memory)
        else:
            SigmaWeightMatching().gram(Layer.of(a, 2, memory[0]), False)
    one_line(error, "layer 1" if of == "similarity" else "layer 2", "activations.streamed")


# -- matchers --------------------------------------------------------------------------------

PLANTED = {
    **{norm: (lambda norm=norm: convolutions((8, 8, 3), 3, [[6, 8], [10]], [9], norm=norm)) for norm
       in NORMS},
    **{f"vgg16, {norm}": (
           lambda norm=norm: registered("vgg16", (32, 32, 3), 10, width=4, norm=norm)
       ) for norm in NORMS},
}  # fmt: skip


@pytest.mark.parametrize("network", PLANTED)
def test_planted_permutations_of_all_layers_are_recovered(network, stream):
    """Dead units tie in activation matching, whatever their order."""
    network = PLANTED[network]()
    a = network.initialise(stream)
    for (_, name), array in a.items():
        if name in ("bias", "scale", "shift"):
            array += 0.3 * stream.normal(size=array.shape)
    images = stream.normal(size=(20, int(np.prod(network.shape)))).astype(np.float32)
    [a] = unstack(network.with_recomputed_statistics(stack([a]), torch.from_numpy(images)))
    planted = permutation.random(a, stream)
    b = permutation.apply(a, planted)
    moments = [StreamedMoments(network, p, images) for p in (a, b)]
    wanted = permutation.inverse(planted)
    for name in MATCHING:
        found = match(REGISTRY.build({"name": name}), a, b, *moments).permutations
        assert list(found) == list(wanted)
        for layer, p in wanted.items():
            alive = np.ones(len(p), bool)
            if name == "am":
                alive = np.diag(moments[0](layer).covariance) > 0
                assert alive.mean() > 0.3
            np.testing.assert_array_equal(found[layer][alive], p[alive], f"{name}, layer {layer}")


@pytest.mark.parametrize("norm", NORMS)
def test_sigma_wms_similarity_and_covariance_by_im2col(norm, random_parameters, stream):
    network = convolutions(SHAPE, 3, GROUPS, HEAD, norm=norm)
    a, b = random_parameters(network), random_parameters(network)
    images = stream.random((EXAMPLES, int(np.prod(SHAPE)))).astype(np.float32)
    moments = exact(network, a, images)
    columns, _ = im2col(network, a, images, {})
    matcher = SigmaWeightMatching()
    found = match(matcher, a, b, moments)
    p = None
    for layer, phi in enumerate(columns[:-1], start=1):
        weight = a[layer, "weight"].astype(np.float64)
        sigma = phi.T @ phi / len(phi)
        about_mean = (phi - phi.mean(0)).T @ (phi - phi.mean(0)) / len(phi)
        for centred, between in ((False, sigma), (True, about_mean)):
            covariance = matcher.gram(Layer.of(a, layer, moments), centred)
            expected = weight @ between @ weight.T
            tolerance = 1e-9 * np.abs(weight @ sigma @ weight.T).max()
            np.testing.assert_allclose(covariance, expected, rtol=1e-9, atol=tolerance)
        above = b[layer, "weight"].astype(np.float64)
        if p is not None:
            above = above.reshape(len(above), len(p), -1)[:, p].reshape(above.shape)
        similarity = weight @ sigma @ above.T
        p = found.permutations[layer]
        objective = similarity[np.arange(len(p)), p].sum()
        assert found.objectives[layer] == pytest.approx(objective, rel=1e-9)
        assert found.identity_objectives[layer] == pytest.approx(np.trace(similarity), rel=1e-9)


@pytest.mark.parametrize("norm", ["none", "layer"])
def test_a_dead_layer_and_the_one_above_it_are_constant(norm, random_parameters):
    """Their centred moments are 0, and AM keeps their units where they are.

    Further up a convolution's zero padding shows where the border is.
    """
    network = convolutions(SHAPE, 3, GROUPS, HEAD, norm=norm)
    pair = []
    for _ in range(2):
        parameters = random_parameters(network)
        parameters[1, "bias"][:] = -1e6
        if norm == "layer":
            parameters[1, "scale"][:], parameters[1, "shift"][:] = 0, -1
        else:
            parameters[1, "weight"][:] = 0
        pair.append(parameters)
    images = np.random.default_rng(0).random((64, np.prod(SHAPE)), np.float32)
    a, b = (StreamedMoments(network, parameters, images) for parameters in pair)
    for layer in (1, 2):
        assert not a(layer).covariance.any()
        assert not a.cross(layer, b).covariance.any()
    found = match(REGISTRY.build({"name": "am"}), *pair, a, b)
    for layer in (1, 2):
        kept = found.permutations[layer]
        np.testing.assert_array_equal(kept, np.arange(len(kept)))
