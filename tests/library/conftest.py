"""Small things that several tests use. Oracles are written in plain numpy, in float64."""

import itertools
from pathlib import Path

import numpy as np
import pytest
import torch
from threadpoolctl import threadpool_limits

from lmc_ot.data.dataset import Dataset, Split
from lmc_ot.matching.moments import InMemory
from lmc_ot.networks import REGISTRY as NETWORKS
from lmc_ot.networks.build import build
from lmc_ot.training.loop import train
from lmc_ot.training.settings import NetworkId
from support import mlp, optimiser, training_config

# A second thread costs more than it saves on matrices this small.
torch.set_num_threads(1)
threadpool_limits(1)


@pytest.fixture
def stream():
    """A random generator of the test's own."""
    return np.random.default_rng(20231019)


@pytest.fixture(scope="session")
def repository():
    """The root of the repository."""
    return Path(__file__).parents[2]


@pytest.fixture(scope="session")
def schema(repository):
    """Path of the config's schema."""
    return repository / "workflow" / "schemas" / "config.schema.yaml"


@pytest.fixture
def one_line():
    """Check that an error is one line that names all of these, and return its text."""

    def check(error, *named):
        text = str(error.value)
        assert text and "\n" not in text
        for name in named:
            assert str(name) in text
        return text

    return check


# Image shapes and options that make a test quick; a network that is not here has its defaults.
SMALL = {
    "mlp": ((4, 4), {"hidden_widths": [7, 5, 9]}),
    "convnet": ((4, 8, 3), {"groups": [[4, 3], [5]], "head": [6]}),
    "vgg16": ((32, 32, 3), {"width": 2}),
    "resnet20": ((8, 4, 3), {"width": 0.25, "norm": "batch", "shortcuts": "projected"}),
    "vit": ((4, 8, 3), {"depth": 2, "heads": 2, "width": 8}),
    "module": ((4, 4), {"target": "support:small_module"}),
}


@pytest.fixture(params=NETWORKS.names)
def any_network(request):
    """Every registered network, small, of three classes; and 12 inputs, float32."""
    shape, options = SMALL.get(request.param, ((4, 4), {}))
    images = np.random.default_rng(4).integers(0, 256, (12, *shape)).astype(np.uint8)
    split = Split(images, np.arange(12) % 3)
    data = Dataset(split, split, classes=3, scale=255.0)
    return build({"name": request.param, **options}, data), data.inputs("test")


@pytest.fixture
def noisy(stream):
    """A network's initial parameters and noise: initial biases and shifts are all zero.

    Running variances are positive.
    """

    def make(network):
        initial = network.initial(int(stream.integers(1000)), 0.1, 0)
        parameters = {
            name: (array + 0.5 * stream.normal(size=array.shape)).astype(np.float32)
            for name, array in initial.items()
        }
        for name, array in parameters.items():
            if name.endswith("running_var"):
                array[:] = np.abs(array) + 0.1
        return parameters

    return make


@pytest.fixture
def random_mlp(stream):
    """Make an MLP of random weights and biases: widths [inputs, m_1, .., m_L, outputs]."""

    def make(widths):
        parameters = {}
        for layer, (inputs, units) in enumerate(itertools.pairwise(widths)):
            weight = stream.normal(size=(units, inputs)) / np.sqrt(inputs)
            parameters[f"layers.{layer}.weight"] = weight.astype(np.float32)
            bias = stream.normal(size=units).astype(np.float32) * 0.3
            parameters[f"layers.{layer}.bias"] = bias
        return parameters

    return make


@pytest.fixture
def run_mlp():
    """Run an MLP by its definition: [phi_0 .. phi_L] and the logits, float64."""

    def run(parameters, inputs):
        layers = [np.asarray(inputs, np.float64)]
        last = len(parameters) // 2 - 1
        for layer in range(last + 1):
            weight = parameters[f"layers.{layer}.weight"].astype(np.float64)
            values = layers[-1] @ weight.T + parameters[f"layers.{layer}.bias"]
            if layer == last:
                return layers, values
            layers.append(np.maximum(values, 0))
        return None

    return run


@pytest.fixture
def recorded(run_mlp):
    """Activations of an MLP on some inputs, as matchers are given them."""

    def record(parameters, inputs):
        return InMemory([phi.astype(np.float32) for phi in run_mlp(parameters, inputs)[0]])

    return record


@pytest.fixture(scope="session")
def clusters():
    """Three noisy 4 x 4 patterns: 120 training and 30 test images, learnt in a few epochs.

    The first pixel of an image is its number within the split, so a batch can be recognised.
    """
    stream = np.random.default_rng(3)
    patterns = stream.integers(0, 200, (3, 4, 4))

    def split(examples):
        labels = np.arange(examples) % 3
        images = patterns[labels] + stream.integers(0, 56, (examples, 4, 4))
        images[:, 0, 0] = np.arange(examples)
        return Split(images.astype(np.uint8), labels.astype(np.int64))

    return Dataset(split(120), split(30), classes=3, scale=255.0)


@pytest.fixture(scope="session")
def trained(clusters):
    """A trained pair on `clusters`: the network, and A and B."""
    network = mlp(clusters.shape, clusters.classes, [16, 12])
    networks = [NetworkId(0, 0.1), NetworkId(1, 0.1)]
    settings = training_config(batch_size=20, epochs=15)
    found = train(network, clusters, networks, settings, optimiser("sgd"), 1, report=lambda _: None)
    return network, found.networks[0], found.networks[1]
