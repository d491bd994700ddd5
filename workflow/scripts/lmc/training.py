"""Training an ensemble: K networks of one shape at once, as stacked parameters.

Every network has its own learning rate, initialisation and data order. They share nothing, so a
network's result does not depend on which others it was trained with, and one that diverges does
not disturb the rest.
"""

import sys
import time
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch
import torch.nn.functional as F
from tqdm import tqdm

from .datasets.dataset import Dataset
from .device import keep_large_buffers
from .errors import ConfigError
from .evaluation import evaluate, on_device
from .networks.network import Network, Stacked, initial_parameters, stack, unstack
from .optimisers.optimiser import Optimiser
from .schedule import warmup_cosine
from .streams import generator
from .tables import Parameters


@dataclass(frozen=True)
class Member:
    """A network of the ensemble. Learning rate and number are its identity."""

    number: int
    learning_rate: float


@dataclass(frozen=True)
class Plan:
    """How long and in what steps to train.

    Parameters
    ----------
    batch_size, epochs
        An epoch is ``examples // batch_size`` steps on a fresh random order of the examples; the
        remainder of that order is left out of the epoch.
    warmup_steps, initial_learning_rate
        See `schedule.warmup_cosine`.
    """

    batch_size: int
    epochs: int
    warmup_steps: int = 10
    initial_learning_rate: float = 1e-6

    def steps_per_epoch(self, examples: int) -> int:
        """Raises ConfigError if a batch holds more than all examples."""
        if self.batch_size > examples:
            raise ConfigError(
                f"training.batch_size: {self.batch_size} is more than the {examples} training "
                f"examples"
            )
        return examples // self.batch_size


@dataclass(frozen=True)
class Trained:
    """The outcome: parameters by network number, the diverged numbers, and a row of history for
    every network and epoch (columns of the table ``history`` but the run's own)."""

    networks: dict[int, Parameters]
    diverged: list[int]
    history: list[dict]


def train(
    network: Network,
    dataset: Dataset,
    members: list[Member],
    plan: Plan,
    optimiser: Optimiser,
    seed: int,
    device: torch.device | str = "cpu",
    report: Callable[[str], None] = print,
) -> Trained:
    """Train an ensemble.

    Parameters
    ----------
    members
        The K networks.
    seed
        With a member's identity it determines initialisation and data order.
    report
        Called with a line of text after every epoch.

    Returns
    -------
    Trained
        A network whose loss or parameters were not finite at the end of an epoch has diverged:
        it is not among the networks, and its history has missing values from then on.
    """
    keep_large_buffers()
    device = torch.device(device)
    per_epoch = plan.steps_per_epoch(len(dataset.train.labels))
    steps = per_epoch * plan.epochs
    train_data = on_device(dataset.inputs("train"), dataset.train.labels, device)
    test_data = on_device(dataset.inputs("test"), dataset.test.labels, device)

    initial = [initial_parameters(network, seed, m.learning_rate, m.number) for m in members]
    parameters = stack(initial, device)
    tensors = [tensor.requires_grad_() for tensor in parameters.values()]
    state = optimiser.initial_state(tensors)
    diverged = np.zeros(len(members), bool)
    history = _rows(members, 0, 0.0, *_measured(network, parameters, train_data, test_data), 0.0)

    begin = time.perf_counter()
    # A run by hand shows a bar; in a job, where nobody watches, the log gets a line an epoch.
    bar = tqdm(total=steps, unit="step", disable=not sys.stderr.isatty(), leave=False)
    for epoch in range(1, plan.epochs + 1):
        orders = _orders(seed, members, epoch, len(dataset.train.labels), device)
        loss_sum = torch.zeros(len(members), device=device)
        correct = torch.zeros(len(members), device=device)
        for index in range(per_epoch):
            step = (epoch - 1) * per_epoch + index
            rates = _rates(members, step, steps, plan)
            batch = orders[:, index * plan.batch_size : (index + 1) * plan.batch_size]
            losses, hits = _step(
                network, parameters, tensors, state, optimiser, train_data, batch,
                torch.tensor(rates, dtype=torch.float32, device=device), step,
            )  # fmt: skip
            loss_sum += losses
            correct += hits
            bar.update()
        seconds = time.perf_counter() - begin
        train_loss = (loss_sum / per_epoch).cpu().double().numpy()
        train_accuracy = (correct / (per_epoch * plan.batch_size)).cpu().double().numpy()
        test_loss, test_accuracy = evaluate(network, parameters, *test_data)
        diverged |= ~(np.isfinite(train_loss) & np.isfinite(test_loss) & _finite(tensors))
        values = (train_loss, train_accuracy, test_loss, test_accuracy)
        masked = [np.where(diverged, np.nan, value) for value in values]
        history += _rows(members, epoch, rates, *masked, seconds, diverged)
        report(_line(epoch, plan.epochs, members, masked, diverged, seconds))
    bar.close()
    results = unstack(parameters)
    return Trained(
        networks={
            m.number: p for m, p, bad in zip(members, results, diverged, strict=True) if not bad
        },
        diverged=[m.number for m, bad in zip(members, diverged, strict=True) if bad],
        history=history,
    )


def _step(network, parameters: Stacked, tensors, state, optimiser, data, batch, rates, step):
    images, labels = data
    _, logits = network.forward(parameters, images[batch])
    wanted = labels[batch]
    losses = F.cross_entropy(logits.flatten(0, 1), wanted.flatten(), reduction="none")
    losses = losses.view(wanted.shape).mean(1)
    gradients = list(torch.autograd.grad(losses.sum(), tensors))
    with torch.no_grad():
        optimiser.step(tensors, gradients, state, rates, step)
        return losses.detach(), (logits.argmax(2) == wanted).sum(1)


def _orders(seed, members, epoch, examples, device) -> torch.Tensor:
    """(K, examples): each network's order of the examples in this epoch."""
    orders = [
        generator(seed, "order", float(m.learning_rate), m.number, epoch).permutation(examples)
        for m in members
    ]
    return torch.from_numpy(np.stack(orders)).to(device)


def _rates(members, step, steps, plan: Plan) -> list[float]:
    return [
        warmup_cosine(step, m.learning_rate, steps, plan.warmup_steps, plan.initial_learning_rate)
        for m in members
    ]


def _finite(tensors) -> np.ndarray:
    """(K,): whether all parameters of a network are finite."""
    finite = [torch.isfinite(tensor).flatten(1).all(1).cpu().numpy() for tensor in tensors]
    return np.logical_and.reduce(finite)


def _measured(network, parameters, train_data, test_data):
    return (*evaluate(network, parameters, *train_data), *evaluate(network, parameters, *test_data))


def _rows(
    members, epoch, rates, train_loss, train_accuracy, test_loss, test_accuracy, seconds,
    diverged=None,
) -> list[dict]:  # fmt: skip
    return [
        {
            "network": member.number,
            "epoch": epoch,
            "step_learning_rate": rates[k] if epoch else 0.0,
            "train_loss": train_loss[k],
            "train_accuracy": train_accuracy[k],
            "test_loss": test_loss[k],
            "test_accuracy": test_accuracy[k],
            "seconds": seconds,
            "diverged": bool(diverged is not None and diverged[k]),
        }
        for k, member in enumerate(members)
    ]


def _line(epoch, epochs, members, values, diverged, seconds) -> str:
    train_loss, _, test_loss, test_accuracy = (
        float(np.mean(value[~diverged])) if not diverged.all() else float("nan") for value in values
    )
    remaining = seconds / epoch * (epochs - epoch)
    bad = [m.number for m, is_bad in zip(members, diverged, strict=True) if is_bad]
    return (
        f"epoch {epoch}/{epochs}: train loss {train_loss:.4f}, test loss {test_loss:.4f}, "
        f"test accuracy {test_accuracy:.4f} (mean of {len(members) - len(bad)} networks), "
        f"{seconds:.1f} s, {remaining:.1f} s to go" + (f"; diverged: {bad}" if bad else "")
    )
