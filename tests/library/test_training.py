"""Training networks: against plain torch, alone and together, seeds, orders, divergence."""

import dataclasses
import os
import subprocess
import sys

import numpy as np
import pytest
import torch

from lmc_ot.data.augmentation import Augmentation
from lmc_ot.data.dataset import Dataset, Split
from lmc_ot.data.digits import digits
from lmc_ot.errors import ConfigError, UserError
from lmc_ot.networks.build import build
from lmc_ot.networks.network import Network
from lmc_ot.rng import generator
from lmc_ot.training.loop import stack_size, train
from lmc_ot.training.optimisers import REGISTRY
from lmc_ot.training.optimisers.sgd import SGD
from lmc_ot.training.schedule import warmup_cosine
from lmc_ot.training.settings import NetworkId
from support import mlp, training_config
from support import optimiser as registered

SETTINGS = training_config(batch_size=20, epochs=4, warmup_steps=3, initial_learning_rate=1e-3)
NETWORKS = [NetworkId(0, 0.1), NetworkId(1, 0.1), NetworkId(2, 0.02)]
HUGE = NetworkId(7, 1e12)


class Recording(Network):
    """Notes which images of `clusters` it is trained on: steps of (K, n) numbers."""

    batches: list

    def forward(self, parameters, images, training=False):
        if training and torch.is_grad_enabled():
            self.batches.append((images[..., 0] * 255).round().long().numpy())
        return super().forward(parameters, images, training)


@pytest.fixture
def network(clusters):
    return recording(clusters, [16, 12])


def recording(clusters, hidden_widths):
    network = mlp(clusters.shape, clusters.classes, hidden_widths)
    network.__class__ = Recording
    network.batches = []
    return network


def trained_on(
    network, clusters, networks=NETWORKS, settings=SETTINGS, optimiser=None, seed=1, report=None,
    at_once=None,
):  # fmt: skip
    report = report or (lambda line: None)
    return train(
        network, clusters, networks, settings, optimiser or registered("sgd"), seed, report=report,
        at_once=at_once,
    )  # fmt: skip


def bits(networks):
    return {
        (number, key): array.tobytes()
        for number, parameters in networks.items()
        for key, array in parameters.items()
    }


def assert_close(a, b):
    for key, array in a.items():
        np.testing.assert_allclose(array, b[key], rtol=1e-3, atol=1e-5)


def without_time(history, *numbers):
    return [
        {k: v for k, v in row.items() if k != "seconds"}
        for row in history
        if not numbers or row["network"] in numbers
    ]


def plain_torch(clusters, identity, batches, settings, momentum):
    """The same training of one network, by torch.nn and torch.optim. Also its batch losses."""
    layers = [torch.nn.Linear(16, 16), torch.nn.Linear(16, 12), torch.nn.Linear(12, 3)]
    network = mlp(clusters.shape, clusters.classes, [16, 12])
    start = network.initial(1, identity.learning_rate, identity.number)
    with torch.no_grad():
        for number, layer in enumerate(layers):
            layer.weight.copy_(torch.from_numpy(start[f"layers.{number}.weight"]))
            layer.bias.copy_(torch.from_numpy(start[f"layers.{number}.bias"]))
    relu = torch.nn.ReLU()
    model = torch.nn.Sequential(layers[0], relu, layers[1], relu, layers[2])
    optimiser = torch.optim.SGD(model.parameters(), lr=1, momentum=momentum)
    images = torch.from_numpy(clusters.train.images).flatten(1) / 255
    labels = torch.from_numpy(clusters.train.labels)
    losses, correct = [], []
    for step, batch in enumerate(batches):
        optimiser.param_groups[0]["lr"] = warmup_cosine(
            step,
            identity.learning_rate,
            len(batches),
            settings.warmup_steps,
            settings.initial_learning_rate,
        )
        logits = model(images[batch])
        loss = torch.nn.functional.cross_entropy(logits, labels[batch])
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
        losses.append(loss.item())
        correct.append((logits.argmax(1) == labels[batch]).double().mean().item())
    parameters = {}
    for number, layer in enumerate(layers):
        parameters[f"layers.{number}.weight"] = layer.weight.detach().numpy()
        parameters[f"layers.{number}.bias"] = layer.bias.detach().numpy()
    return parameters, losses, correct


# -- what training does ----------------------------------------------------------------------


@pytest.mark.parametrize("k", range(3))
def test_a_network_is_trained_as_by_plain_torch(network, clusters, k):
    found = trained_on(network, clusters)
    assert len(network.batches) == 4 * 6
    own = [batch[k] for batch in network.batches]
    parameters, losses, correct = plain_torch(clusters, NETWORKS[k], own, SETTINGS, momentum=0.9)
    assert_close(parameters, found.networks[k])
    history = [row for row in found.history if row["network"] == k]
    for epoch in range(1, 5):
        steps = slice(6 * (epoch - 1), 6 * epoch)
        row = history[epoch]
        assert row["train_loss"] == pytest.approx(np.mean(losses[steps]), rel=1e-4)
        assert row["train_accuracy"] == pytest.approx(np.mean(correct[steps]), rel=1e-6)


def test_the_history_has_a_row_for_every_network_and_epoch(network, clusters):
    history = trained_on(network, clusters).history
    assert [(row["epoch"], row["network"]) for row in history] == [
        (epoch, number) for epoch in range(5) for number in range(3)
    ]
    assert not any(row["diverged"] for row in history)
    seconds = [row["seconds"] for row in history]
    assert seconds[0] == 0 and seconds == sorted(seconds)
    for row in history:
        rate = NETWORKS[row["network"]].learning_rate
        last = row["epoch"] * 6 - 1
        expected = warmup_cosine(last, rate, 24, 3, 1e-3) if row["epoch"] else 0
        assert row["step_learning_rate"] == pytest.approx(expected)


def test_the_history_measures_the_test_split_and_the_initialisation(network, clusters, run_mlp):
    found = trained_on(network, clusters)
    initial = network.initial(1, 0.1, 0)
    for parameters, row in ((initial, found.history[0]), (found.networks[0], found.history[-3])):
        assert row["network"] == 0
        for split in ("test", "train") if row["epoch"] == 0 else ("test",):
            _, logits = run_mlp(parameters, clusters.inputs(split))
            labels = clusters.splits[split].labels
            chances = np.exp(logits)[range(len(labels)), labels] / np.exp(logits).sum(1)
            assert row[f"{split}_loss"] == pytest.approx(-np.log(chances).mean(), rel=1e-4)
            right = (logits.argmax(1) == labels).mean()
            assert row[f"{split}_accuracy"] == pytest.approx(right)


def in_double(parameters, images):
    """Logits of an MLP by its definition, torch float64."""
    values = torch.from_numpy(images).flatten(1)
    last = len(parameters) // 2 - 1
    for layer in range(last + 1):
        weight, bias = (parameters[f"layers.{layer}.{name}"] for name in ("weight", "bias"))
        values = values @ weight.T + bias
        values = values if layer == last else values.relu()
    return values


@pytest.mark.parametrize("shape", [(6, 5, 3), (6, 5)], ids=str)
def test_a_step_on_images_that_are_moved_and_then_standardised(stream, shape):
    """One step on a whole epoch, computed by hand from the raw pixels; they are moved in float32.

    The data set is standardised by its training split, so is the test split, which is not moved.
    """
    train_split, test_split = (
        Split(stream.integers(0, bound, (12, *shape)).astype(np.uint8), np.arange(12) % 3)
        for bound in (256, 90)
    )
    data = Dataset(train_split, test_split, 3, 255.0)
    options = {"flip": True, "zoom": [0.5, 1.2], "rotation": 30.0}
    plan = training_config(batch_size=12, epochs=1, warmup_steps=0, augmentation=options)
    augmentation = plan.augmentation
    network = mlp(shape, 3, [5])
    found = trained_on(network, data.standardised(), [NetworkId(4, 0.1)], plan)

    channels = data.channels
    pixels = train_split.images.reshape(-1, channels) / 255
    mean, deviation = pixels.mean(0), pixels.std(0)
    raw = torch.from_numpy(train_split.images.reshape(12, 6, 5, channels) / 255).float()
    rows = augmentation.draw(generator(1, "augmentation", 0.1, 4, 1), 12)
    moved = Augmentation.apply(raw, torch.from_numpy(rows)).double().numpy()
    start = {
        key: torch.from_numpy(array).double().requires_grad_()
        for key, array in network.initial(1, 0.1, 4).items()
    }
    labels = torch.arange(12) % 3
    loss = torch.nn.functional.cross_entropy(in_double(start, (moved - mean) / deviation), labels)
    gradients = torch.autograd.grad(loss, list(start.values()))
    after = {
        key: (parameter - 0.1 * gradient).detach()
        for (key, parameter), gradient in zip(start.items(), gradients, strict=True)
    }
    for key, parameter in after.items():
        np.testing.assert_allclose(found.networks[4][key], parameter, rtol=0, atol=1e-6)
    assert found.history[1]["train_loss"] == pytest.approx(loss.item(), rel=1e-5)

    unmoved = test_split.images.reshape(12, 6, 5, channels) / 255
    logits = in_double(after, (unmoved - mean) / deviation)
    test_loss = torch.nn.functional.cross_entropy(logits, labels).item()
    assert found.history[1]["test_loss"] == pytest.approx(test_loss, rel=1e-5)


@pytest.mark.parametrize("name", REGISTRY.names)
def test_a_short_training_on_the_digits_learns_them(name):
    data = digits()
    rate = {"adam": 0.01}.get(name, 0.05)
    network = mlp(data.shape, data.classes, [32, 32])
    settings = training_config(batch_size=50, epochs=5)
    history = trained_on(
        network, data, [NetworkId(0, rate)], settings, REGISTRY.build({"name": name})
    ).history
    assert 2 < history[0]["test_loss"] < 3 and history[0]["test_accuracy"] < 0.3
    assert history[-1]["test_loss"] < 0.5 and history[-1]["test_accuracy"] > 0.85
    assert history[-1]["train_loss"] < history[1]["train_loss"]


@pytest.mark.parametrize("epoch", [0, 1, 3])
def test_a_training_that_stops_early_is_the_beginning_of_the_whole_one(network, clusters, epoch):
    whole = trained_on(network, clusters)
    stopped = trained_on(
        network, clusters, settings=dataclasses.replace(SETTINGS, stop_after=epoch)
    )
    begun = [row for row in whole.history if row["epoch"] <= epoch]
    assert without_time(stopped.history) == without_time(begun)
    assert bits(stopped.networks) != bits(whole.networks)
    for number, parameters in stopped.networks.items():
        initial = network.initial(1, NETWORKS[number].learning_rate, number)
        same = all(np.array_equal(array, initial[key]) for key, array in parameters.items())
        assert same == (epoch == 0)


def test_a_line_is_reported_after_every_epoch(network, clusters):
    lines = []
    trained_on(network, clusters, report=lines.append)
    assert [line.split(":")[0] for line in lines] == [f"epoch {i}/4" for i in range(1, 5)]
    assert "mean of 3 networks" in lines[0] and not any("\n" in line for line in lines)


# -- what a network's result depends on ------------------------------------------------------


NAMES = [
    {"name": "mlp", "hidden_widths": [16, 12]},
    {"name": "convnet", "groups": [[4, 6]], "head": [8]},
    {"name": "resnet20", "width": 0.25, "norm": "batch"},
    {"name": "vit", "patch": 2, "depth": 2, "heads": 2, "width": 8},
    {"name": "module", "target": "support:small_module"},
]


@pytest.mark.parametrize("block", NAMES, ids=lambda block: block["name"])
def test_a_network_alone_is_the_network_in_a_stack(block, clusters):
    """The last one also has other neighbours and no stack at all."""
    network, ids = build(block, clusters), [NetworkId(k, 0.02) for k in range(3)]
    settings = training_config(batch_size=40, epochs=2, warmup_steps=3)
    together = trained_on(network, clusters, ids, settings, at_once=3)
    one_by_one = trained_on(network, clusters, ids, settings, at_once=1)
    assert list(one_by_one.networks) == list(together.networks) == [0, 1, 2]
    for number, parameters in together.networks.items():
        assert_close(parameters, one_by_one.networks[number])
    for a, b in zip(together.history, one_by_one.history, strict=True):
        assert without_time([a])[0] == pytest.approx(without_time([b])[0], rel=1e-3)
    alone = trained_on(network, clusters, ids[2:], settings)
    assert_close(alone.networks[2], together.networks[2])


def test_how_many_networks_are_trained_at_once(clusters):
    """On CPUs a stack pays for small networks without convolutions, on GPUs for all networks."""
    cpu, cuda = torch.device("cpu"), torch.device("cuda")
    small, large = (mlp((28, 28), 10, [units] * 3) for units in (128, 512))
    assert [stack_size(one, 8, cpu) for one in (small, large)] == [8, 1]
    assert [stack_size(one, 8, cuda) for one in (small, large)] == [8, 8]
    assert stack_size(small, 1, cuda) == 1
    convolutional = build(NAMES[1], clusters)
    assert [stack_size(convolutional, 8, device) for device in (cpu, cuda)] == [1, 1]
    dropping = build({"name": "module", "target": "support:dropping_module"}, clusters)
    assert [stack_size(dropping, 8, device) for device in (cpu, cuda)] == [1, 1]


class Unusual(torch.nn.Linear):
    """Has a parameter that it does not use; in training it can return other things than logits."""

    def __init__(self, auxiliary):
        super().__init__(16, 3)
        self.unused = torch.nn.Parameter(torch.ones(2))
        self.auxiliary = auxiliary

    def forward(self, images):
        logits = super().forward(images.flatten(1))
        return (logits, logits) if self.training and self.auxiliary else logits


@pytest.mark.parametrize("at_once", [1, 2])
def test_a_parameter_that_is_not_used_stays(clusters, at_once):
    network = Network(Unusual(False), (4, 4), 3, lambda: Unusual(False))
    found = trained_on(network, clusters, NETWORKS[:2], at_once=at_once)
    assert all((parameters["unused"] == 1).all() for parameters in found.networks.values())
    assert found.history[-1]["train_loss"] < found.history[1]["train_loss"]


def test_auxiliary_outputs_in_training_are_refused_in_one_line(clusters, one_line):
    network = Network(Unusual(True), (4, 4), 3, lambda: Unusual(True))
    with pytest.raises(UserError) as error:
        trained_on(network, clusters)
    one_line(error, "Unusual returns tuple", "auxiliary outputs")


@pytest.mark.parametrize("numbers", [[0, 1, 2], [2]])
def test_dropout_is_drawn_for_every_network_and_step_alone(clusters, numbers):
    """The numbers of a network do not depend on other networks or on torch's generator."""
    network = build({"name": "module", "target": "support:dropping_module"}, clusters)
    found = [
        trained_on(network, clusters, [NetworkId(k, 0.1) for k in some]) for some in ([2], numbers)
    ]
    assert bits({2: found[0].networks[2]}) == bits({2: found[1].networks[2]})
    other = trained_on(network, clusters, [NetworkId(2, 0.1)], seed=2)
    assert bits(other.networks) != bits(found[0].networks)


@pytest.mark.parametrize(
    ("target", "arguments"),
    [
        ("torchvision.models:resnet18", {"num_classes": 10}),
        (
            "torchvision.models:VisionTransformer",
            {
                "image_size": 32,
                "patch_size": 8,
                "num_layers": 2,
                "num_heads": 2,
                "hidden_dim": 16,
                "mlp_dim": 32,
                "num_classes": 10,
            },
        ),
    ],
)
@pytest.mark.slow
def test_a_network_of_torchvision_takes_two_steps(target, arguments, stream):
    images = stream.integers(0, 256, (8, 32, 32)).astype(np.uint8)
    split = Split(images, np.arange(8) % 10)
    data = Dataset(split, split, 10, 255.0)
    block = {"name": "module", "target": target, "arguments": arguments, "channels": 3}
    network = build(block, data)
    settings = training_config(batch_size=4, epochs=1, warmup_steps=0)
    found = trained_on(network, data, [NetworkId(0, 0.01)], settings)
    initial = network.initial(1, 0.01, 0)
    changed = [
        name for name in initial if not np.array_equal(initial[name], found.networks[0][name])
    ]
    assert set(network.statistics) < set(changed) or not network.statistics
    assert sum(name in changed for name in network.trained) > 0.9 * len(network.trained)
    assert np.isfinite(found.history[-1]["test_loss"])


def test_the_order_of_the_ensemble_does_not_matter(network, clusters):
    found = trained_on(network, clusters, NETWORKS[::-1]).networks
    for number, parameters in trained_on(network, clusters).networks.items():
        assert_close(parameters, found[number])


def test_the_same_seed_gives_the_same_bits_whatever_the_global_state(network, clusters):
    first = trained_on(network, clusters)
    np.random.seed(8)
    torch.manual_seed(8)
    again = trained_on(network, clusters)
    assert bits(first.networks) == bits(again.networks)
    assert without_time(first.history) == without_time(again.history)


def test_another_seed_number_or_rate_gives_another_network(network, clusters):
    networks = [trained_on(network, clusters, seed=seed).networks[0] for seed in (1, 2)]
    networks += [
        trained_on(network, clusters, [one]).networks[one.number]
        for one in (NetworkId(1, 0.1), NetworkId(0, 0.11))
    ]
    weights = [parameters["layers.0.weight"] for parameters in networks]
    for i, a in enumerate(weights):
        for b in weights[:i]:
            assert np.abs(a - b).max() > 0.01


def test_data_orders_are_permutations_that_differ_by_network_and_epoch(network, clusters):
    trained_on(network, clusters)
    steps = np.stack(network.batches)
    orders = [
        tuple(steps[6 * epoch : 6 * epoch + 6, k].ravel()) for epoch in range(4) for k in range(3)
    ]
    assert all(sorted(order) == list(range(120)) for order in orders)
    assert len(set(orders)) == len(orders)


def test_the_data_order_depends_on_the_seed(clusters):
    orders = []
    for seed in (1, 2):
        network = recording(clusters, [2])
        trained_on(network, clusters, seed=seed)
        orders.append(np.stack(network.batches).tolist())
    assert orders[0] != orders[1]


def test_the_remainder_of_an_epoch_is_left_out(network, clusters):
    trained_on(network, clusters, settings=training_config(batch_size=50, epochs=3))
    assert [batch.shape for batch in network.batches] == [(3, 50)] * 6
    seen = [set(np.concatenate(network.batches[i : i + 2], 1)[0]) for i in (0, 2, 4)]
    assert all(len(numbers) == 100 for numbers in seen)
    assert len(set().union(*seen)) > 110


def test_a_batch_may_hold_all_examples_but_no_more(network, clusters, one_line):
    trained_on(network, clusters, settings=training_config(batch_size=120, epochs=2))
    assert len(network.batches) == 2
    with pytest.raises(ConfigError) as error:
        trained_on(network, clusters, settings=training_config(batch_size=121, epochs=2))
    one_line(error, "training.batch_size", 121, 120)


PROGRAM = """
import hashlib
import numpy as np
import torch
from lmc_ot.data.dataset import Dataset, Split
from lmc_ot.networks.build import build
from lmc_ot.training.loop import stack_size, train
from lmc_ot.training.settings import NetworkId
from support import mlp, optimiser, training_config

torch.set_num_threads(1)
images = np.random.default_rng(0).integers(0, 256, (40, 3, 3)).astype(np.uint8)
split = Split(images, np.arange(40) % 4)
data = Dataset(split, split, 4, 255.0)
ids = [NetworkId(0, 0.01), NetworkId(1, 0.02)]
settings = training_config(batch_size=10, epochs=2)
found = train(mlp((3, 3), 4, [5]), data, ids, settings, optimiser("adam"), 3, report=lambda _: None)
digest = hashlib.sha256()
for parameters in found.networks.values():
    for array in parameters.values():
        digest.update(array.tobytes())
answer = digest.hexdigest(), str(hash("a"))
"""


@pytest.mark.slow
def test_another_process_with_another_hash_seed_gives_the_same_bits(repository):
    here = {}
    exec(PROGRAM, here)
    environment = {
        **os.environ,
        "PYTHONHASHSEED": "1" if os.environ.get("PYTHONHASHSEED") != "1" else "2",
        "PYTHONPATH": f"{repository / 'workflow' / 'scripts'}{os.pathsep}{repository / 'tests'}",
    }
    there = subprocess.run(
        [sys.executable, "-c", PROGRAM + "print(*answer)"],
        env=environment,
        capture_output=True,
        text=True,
    )
    assert there.returncode == 0, there.stderr
    bits_there, hash_there = there.stdout.split()
    assert hash_there != here["answer"][1], "the hash seed must have had an effect"
    assert bits_there == here["answer"][0]


# -- divergence ------------------------------------------------------------------------------


@pytest.mark.parametrize("name", REGISTRY.names)
def test_a_diverging_network_is_recorded_and_left_out(network, clusters, name, recwarn):
    ids = [*NETWORKS[:2], NetworkId(7, 1e38)]
    found = trained_on(network, clusters, ids, optimiser=REGISTRY.build({"name": name}))
    assert found.diverged == [7]
    assert list(found.networks) == [0, 1]
    rows = [row for row in found.history if row["network"] == 7]
    assert not rows[0]["diverged"] and np.isfinite(rows[0]["test_loss"])
    assert rows[-1]["diverged"]
    for row in rows:
        values = [row[f"{s}_{m}"] for s in ("train", "test") for m in ("loss", "accuracy")]
        assert np.isnan(values).all() if row["diverged"] else np.isfinite(values).all()
    first = next(row["epoch"] for row in rows if row["diverged"])
    assert all(row["diverged"] for row in rows[first:])
    assert not [w for w in recwarn if issubclass(w.category, RuntimeWarning)]


def test_a_diverging_network_does_not_disturb_the_others(network, clusters):
    alone = trained_on(network, clusters)
    beside = trained_on(network, clusters, [NETWORKS[0], HUGE, *NETWORKS[1:]])
    assert beside.diverged == [7]
    for number, parameters in alone.networks.items():
        assert_close(parameters, beside.networks[number])
    for a, b in zip(
        without_time(alone.history), without_time(beside.history, 0, 1, 2), strict=True
    ):
        assert a == pytest.approx(b, rel=1e-4)


def test_all_networks_may_diverge(network, clusters):
    lines = []
    found = trained_on(network, clusters, [HUGE, NetworkId(8, 1e12)], report=lines.append)
    assert (found.networks, found.diverged) == ({}, [7, 8])
    assert "mean of 0 networks" in lines[-1] and "diverged: [7, 8]" in lines[-1]


@pytest.mark.parametrize("rate", [1e39, 1e300])
def test_a_rate_that_float32_cannot_hold_diverges_without_raising(network, clusters, rate):
    found = trained_on(network, clusters, [NETWORKS[0], NetworkId(7, rate)])
    assert found.diverged == [7]
    assert list(found.networks) == [0]


class Poisoned(SGD):
    """Makes a parameter of the network in place 1 infinite in the last step of epoch 2, and
    finite again in the next one."""

    def step(self, parameters, gradients, state, rates, step):
        super().step(parameters, gradients, state, rates, step)
        if step == 11:
            self.kept = parameters[0][1, 0, 0].clone()
            parameters[0][1, 0, 0] = float("inf")
        if step == 12:
            for tensor in (*parameters, *state):
                tensor[1] = 0


def test_a_network_that_was_not_finite_once_stays_diverged(network, clusters):
    found = trained_on(network, clusters, optimiser=Poisoned(momentum=0.9, weight_decay=0.0))
    assert found.diverged == [1]
    rows = [row for row in found.history if row["network"] == 1]
    assert [row["diverged"] for row in rows] == [False, False, True, True, True]
    assert [bool(np.isnan(row["test_loss"])) for row in rows] == [False, False, True, True, True]


class Endless(SGD):
    """Makes a bias of the network in place 1 minus infinity in the last step: a dead unit."""

    def step(self, parameters, gradients, state, rates, step):
        super().step(parameters, gradients, state, rates, step)
        if step == 23:
            parameters[1][1, 0] = -float("inf")


def test_a_network_of_finite_loss_but_not_of_finite_parameters_has_diverged(network, clusters):
    found = trained_on(network, clusters, optimiser=Endless(momentum=0.9, weight_decay=0.0))
    assert found.diverged == [1]
    assert list(found.networks) == [0, 2]


@pytest.mark.parametrize("at_once", [1, 2])
@pytest.mark.parametrize("name", ["mlp", "convnet"])
def test_reduced_precision_trains_and_keeps_float32_parameters(name, at_once):
    data = digits()
    options = {"mlp": {"hidden_widths": [16]}, "convnet": {"groups": [[6]], "head": [16]}}[name]
    network = build({"name": name, **options}, data)
    settings = training_config(batch_size=50, epochs=2, precision="bfloat16")
    found = train(
        network,
        data,
        [NetworkId(0, 0.05), NetworkId(1, 0.05)],
        settings,
        registered("sgd"),
        0,
        report=lambda _: None,
        at_once=at_once,
    )
    assert found.history[-1]["train_loss"] < found.history[0]["train_loss"]
    assert all(array.dtype == np.float32 for array in found.networks[0].values())


class Hungry(Network):
    """A network of which only two fit into the memory at once, from some step on."""

    from_step = 0

    def forward(self, parameters, images, training=False):
        if training and torch.is_grad_enabled():
            self.from_step -= 1
            if self.from_step < 0 and len(images) > 2:
                raise torch.OutOfMemoryError("CUDA out of memory.")
        return super().forward(parameters, images, training)


@pytest.mark.parametrize("step", [0, 9])
def test_fewer_networks_are_trained_at_once_where_memory_does_not_suffice(clusters, step):
    lines = []
    hungry = mlp(clusters.shape, clusters.classes, [16, 12])
    hungry.__class__ = Hungry
    hungry.from_step = step
    found = trained_on(hungry, clusters, report=lines.append)
    assert "out of memory with 3 networks at once: halving to 2" in lines
    alone = mlp(clusters.shape, clusters.classes, [16, 12])
    expected = trained_on(alone, clusters)
    for number, parameters in expected.networks.items():
        assert_close(parameters, found.networks[number])
    assert len(found.history) == len(expected.history)
