"""Losses by their definitions, and training and evaluation with others than cross entropy."""

import numpy as np
import pytest
import torch
import torch.nn.functional as F

from lmc_ot.config.checks import LOSSES
from lmc_ot.connectivity import interpolation
from lmc_ot.data.dataset import Dataset, Split
from lmc_ot.errors import ConfigError, UserError
from lmc_ot.networks.network import Network, stack
from lmc_ot.training.evaluation import evaluate
from lmc_ot.training.loop import train
from lmc_ot.training.losses import CROSS_ENTROPY, NAMED, loss_of
from lmc_ot.training.settings import NetworkId
from support import optimiser, training_config

IDS = [NetworkId(0, 0.05), NetworkId(1, 0.02)]


@pytest.fixture
def regression(stream):
    """Targets that are linear in three inputs, but for noise."""
    weights = stream.normal(size=(3, 2))

    def split(n):
        inputs = stream.normal(size=(n, 3))
        targets = inputs @ weights + 0.1 * stream.normal(size=(n, 2))
        return Split(inputs.astype(np.float32), targets.astype(np.float32))

    return Dataset(split(40), split(20), classes=None)


def linear(outputs=2):
    def make():
        return torch.nn.Linear(3, outputs, bias=False)

    return Network(make(), (3,), None, make, is_images=False)


def trained(data, loss, network=None, lines=None, **changes):
    settings = training_config(**{"batch_size": 10, "epochs": 2, "warmup_steps": 0, **changes})
    lines = [] if lines is None else lines
    return train(
        network or linear(), data, IDS, settings, optimiser("sgd", momentum=0.0), 1,
        report=lines.append, loss=loss_of(loss),
    )  # fmt: skip


def test_the_config_knows_the_named_losses():
    assert list(NAMED) == LOSSES


def test_named_losses_are_their_definitions(stream):
    outputs, targets = stream.normal(size=(2, 7, 3)).astype(np.float32)
    found = loss_of("mse")(*map(torch.from_numpy, (outputs, targets)))
    np.testing.assert_allclose(found, ((outputs - targets) ** 2).mean(1), rtol=1e-6)
    labels = torch.arange(7) % 3
    found = CROSS_ENTROPY(torch.from_numpy(outputs), labels)
    chances = np.exp(outputs) / np.exp(outputs).sum(1, keepdims=True)
    np.testing.assert_allclose(found, -np.log(chances[range(7), labels]), rtol=1e-5)


def test_one_output_and_targets_without_an_axis_are_compared_one_by_one():
    outputs, targets = torch.tensor([[1.0], [2.0], [4.0]]), torch.tensor([1.0, 1.0, 1.0])
    for shown in (outputs, outputs[:, 0]):
        assert loss_of("mse")(shown, targets).tolist() == [0, 1, 9]
        assert loss_of("mse")(shown, targets[:, None]).tolist() == [0, 1, 9]


def test_sequences_of_logits_have_the_mean_over_the_labels_that_count():
    logits, labels = torch.randn(4, 5, 3), torch.randint(5, (4, 3))
    labels[0, 1] = -100
    found = CROSS_ENTROPY(logits, labels)
    assert found.shape == (4,) and found.mean() == pytest.approx(F.cross_entropy(logits, labels))


MEAN_AND_EACH = [
    F.mse_loss,
    lambda outputs, targets: (outputs - targets).square().mean(1),
    torch.nn.MSELoss(),
    "torch.nn.functional:mse_loss",
    "torch.nn:MSELoss",
]


@pytest.mark.parametrize(
    "function", MEAN_AND_EACH, ids=["mse", "each", "class", "name", "class name"]
)
def test_a_function_may_return_the_mean_or_the_loss_of_each(function, regression):
    """For one network, and for several at once, whose losses are never mixed."""
    expected, found = (trained(regression, loss) for loss in ("mse", function))
    for number, parameters in expected.networks.items():
        np.testing.assert_allclose(
            found.networks[number]["weight"], parameters["weight"], rtol=1e-5, atol=1e-6
        )
    losses = [[row["test_loss"] for row in t.history] for t in (expected, found)]
    np.testing.assert_allclose(losses[1], losses[0], rtol=1e-5)


def test_training_minimises_the_mean_squared_error_of_a_linear_network(regression):
    """Gradient descent in float64 by hand: one step per epoch on all examples."""
    network, rate = linear(), 0.05
    found = trained(regression, "mse", network, batch_size=40, epochs=1)
    x, y = (a.astype(np.float64) for a in (regression.train.images, regression.train.labels))
    weight = network.initial(1, rate, 0)["weight"].astype(np.float64)
    first = found.history[0]
    assert first["train_loss"] == pytest.approx(((x @ weight.T - y) ** 2).mean(), rel=1e-5)
    # The first step has the initial learning rate of the schedule.
    step = next(row["step_learning_rate"] for row in found.history if row["epoch"] == 1)
    weight = weight - step * 2 / y.size * (x @ weight.T - y).T @ x
    np.testing.assert_allclose(found.networks[0]["weight"], weight, rtol=1e-5, atol=1e-7)


def test_a_loss_without_classes_has_no_accuracy(regression):
    lines = []
    found = trained(regression, "mse", lines=lines)
    rows = found.history
    assert all(np.isnan([row["train_accuracy"], row["test_accuracy"]]).all() for row in rows)
    assert np.isfinite([row["test_loss"] for row in rows]).all()
    [line] = [line for line in lines if line.startswith("epoch 2/2")]
    assert "accuracy" not in line and "test loss" in line


def test_paths_are_evaluated_with_the_loss(regression):
    network = linear()
    a, b = (network.initial(0, 0.1, number) for number in (0, 1))
    data = regression.inputs("test"), regression.test.labels
    loss, accuracy = interpolation.evaluate_path(
        network, a, b, [0.0, 0.5, 1.0], *data, loss=loss_of("mse")
    )
    assert np.isnan(accuracy).all()
    middle = (a["weight"].astype(float) + b["weight"]) / 2
    expected = [((data[0] @ w.T - data[1]) ** 2).mean() for w in (a["weight"], middle, b["weight"])]
    np.testing.assert_allclose(loss, expected, rtol=1e-5)


def raises(outputs, targets):
    raise RuntimeError("not\nthis way")


@pytest.mark.parametrize(
    ("loss", "named"),
    [
        ("cross_entropy", ["cross_entropy", "floats, (", "mse"]),
        (raises, ["raises", "RuntimeError", "not this way", "(40, 2)"]),
        (lambda outputs, targets: outputs, ["returns (40, 2) for 40 examples"]),
        (lambda outputs, targets: 1.0, ["does not depend on the outputs"]),
        (lambda outputs, targets: outputs.detach().mean(), ["does not depend on the outputs"]),
    ],
    ids=["cross_entropy", "raises", "shape", "number", "gradient"],
)
def test_a_loss_that_does_not_fit_is_refused_in_one_line(loss, named, regression, one_line):
    with pytest.raises(UserError) as error:
        trained(regression, loss)
    one_line(error, "loss ", *named)


def test_outputs_and_targets_of_other_sizes_are_refused(regression, clusters, one_line):
    """They would be broadcast."""
    with pytest.raises(UserError) as error:
        trained(regression, "mse", linear(outputs=1))
    one_line(error, "loss mse", "0, 1)", "0, 2)")
    with pytest.raises(UserError) as error:
        loss_of("mse")(torch.ones(4, 3), torch.arange(4))
    one_line(error, "loss mse", "class labels")


@pytest.mark.parametrize(
    ("name", "named"),
    [
        ("msee", ["'msee'", "did you mean 'mse'"]),
        ("torch.nn.functional:mse_los", ["has no mse_los", "'mse_loss'"]),
        ("math:pi", ["a float, not a function"]),
        ("none.py:loss", ["no file none.py"]),
    ],
)
def test_a_loss_that_does_not_exist_is_refused_in_one_line(name, named, one_line):
    with pytest.raises(UserError) as error:
        loss_of(name)
    one_line(error, *named)


def test_inputs_that_are_not_images_are_not_augmented(regression, one_line):
    with pytest.raises(ConfigError) as error:
        trained(regression, "mse", augmentation={"flip": True})
    one_line(error, "training.augmentation", "not images")


def test_outputs_need_not_be_logits(clusters):
    """One number for each image, which only the loss has to understand."""

    def make():
        return torch.nn.Sequential(torch.nn.Flatten(0), torch.nn.Unflatten(0, (-1, 16)), Sum())

    def loss(outputs, labels):
        return F.binary_cross_entropy_with_logits(outputs, (labels == 0).float())

    network = Network(make(), (4, 4), None, make)
    found = trained(clusters, loss, network)
    parameters = stack([found.networks[0]])
    data = torch.from_numpy(clusters.inputs("test")), torch.from_numpy(clusters.test.labels)
    assert network.forward(parameters, data[0]).shape == (1, 30)
    [measured], _ = evaluate(network, parameters, *data, loss_of(loss))
    assert measured == pytest.approx(found.history[-2]["test_loss"], rel=1e-5)


class Sum(torch.nn.Module):
    def __init__(self):
        super().__init__()
        self.layer = torch.nn.Linear(16, 1)

    def forward(self, values):
        return self.layer(values)[:, 0]
