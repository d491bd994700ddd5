"""The training loop: networks are trained one after the other, or as a stack where this is faster.

Every network has its own learning rate, initialisation and order of the data. Networks of a stack
do not interact: a result does not depend on the other networks, even if one of them diverges.
"""

import sys
import time
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch
from tqdm import tqdm

from ..data.dataset import Dataset
from ..errors import ConfigError
from ..networks.network import Network, stack, unstack
from ..tables import Parameters
from .device import keep_large_buffers, run_in_batches
from .draws import epoch_changes, epoch_orders, images_for_statistics, step_draws
from .evaluation import evaluate, on_device
from .history import Measured, history_rows, log_line
from .losses import CROSS_ENTROPY, Loss
from .optimisers.optimiser import Optimiser
from .progress import Progress
from .schedule import warmup_cosine
from .settings import NetworkId, TrainingConfig
from .snapshots import Snapshots
from .step import training_step

# Most parameters of a network that is trained in a stack on CPUs.
STACKED_ON_CPU = 200_000


@dataclass(frozen=True)
class Trained:
    """The result of training.

    Parameters
    ----------
    networks
        Network number -> parameters, without diverged networks.
    diverged
        The numbers of the diverged networks.
    history
        One row per network and epoch for the table ``history``, without the columns of the run.
    """

    networks: dict[int, Parameters]
    diverged: list[int]
    history: list[dict]


def train(
    network: Network,
    dataset: Dataset,
    networks: list[NetworkId],
    settings: TrainingConfig,
    optimiser: Optimiser,
    seed: int,
    device: torch.device | str = "cpu",
    report: Callable[[str], None] = print,
    snapshots: Snapshots | None = None,
    at_once: int | None = None,
    loss: Loss = CROSS_ENTROPY,
) -> Trained:
    """Train networks of one architecture.

    Parameters
    ----------
    network
        The architecture of all networks.
    dataset
        The data set.
    networks
        The networks to train.
    settings, optimiser
        See `TrainingConfig` and `Optimiser`.
    seed
        Determines, with a network's number and learning rate, its initialisation and data order.
    device
        The device to train on.
    report
        Called with a line of text after every epoch.
    snapshots
        Snapshots to resume from and to write. They are not removed.
    at_once
        Number of networks to train as one stack, which is halved if memory runs out; None for
        the choice of `stack_size`.
    loss
        The loss that is minimised. Accuracies are missing if it is not cross entropy.

    Returns
    -------
    Trained
        A network has diverged if its loss or a parameter is not finite at the end of an epoch. It
        is not among the networks, and its measurements are missing from that epoch on.

    Raises
    ------
    ConfigError
        The batch size exceeds the number of training examples, or inputs that are not images would
        be augmented.
    """
    keep_large_buffers()
    device = torch.device(device)
    settings.steps_per_epoch(len(dataset.train.labels))
    if len(network.image_shape) != 3 and not settings.augmentation.changes_nothing:
        raise ConfigError(
            "training.augmentation: the inputs are not images: remove this key, or augment the "
            "data themselves"
        )
    data = _Data(
        on_device(dataset.inputs("train"), dataset.train.labels, device),
        on_device(dataset.inputs("test"), dataset.test.labels, device),
        torch.from_numpy(dataset.black).to(device),
    )

    def run(some: list[NetworkId]) -> Trained:
        if len(some) < len(networks):
            report(f"network {', '.join(str(n.number) for n in some)} of {len(networks)}:")
        return _StackTraining(
            network, data, some, settings, optimiser, seed, report, snapshots, loss
        ).run()

    size = at_once or stack_size(network, len(networks), device)
    parts = run_in_batches(networks, size, run, "networks", report)
    return Trained(
        networks={number: p for part in parts for number, p in part.networks.items()},
        diverged=[number for part in parts for number in part.diverged],
        history=sorted((row for part in parts for row in part.history), key=lambda r: r["epoch"]),
    )


def stack_size(network: Network, networks: int, device: torch.device) -> int:
    """Return how many networks to train as one stack: all of them, or one.

    The result does not depend on it, to rounding. Stacks pay on GPUs, where one small network
    leaves most of the processor idle, and on CPUs if a network is so small that starting its
    operations takes most of the time. Convolutions of several networks are one in groups, which is
    slower.
    """
    small = sum(p.numel() for p in network.module.parameters()) <= STACKED_ON_CPU
    pays = not network.has_convolutions and (device.type != "cpu" or small)
    return networks if networks > 1 and pays and network.stackable else 1


@dataclass(frozen=True)
class _Data:
    """A data set on the device.

    Parameters
    ----------
    train, test
        Inputs, float32 (n, values), and labels, int64 (n,), or targets, float32 (n, ...), of each
        split.
    black
        The input for a black pixel, see `Augmentation.apply`.
    """

    train: tuple[torch.Tensor, torch.Tensor]
    test: tuple[torch.Tensor, torch.Tensor]
    black: torch.Tensor


class _StackTraining:
    """The training of K networks as one stack, resumed from the last snapshot if there is one.

    Parameters
    ----------
    network, networks, settings, optimiser, seed, report, snapshots, loss
        See `train`.

    Attributes
    ----------
    progress
        The state on which all further steps depend.
    evaluated
        The networks for evaluation, including running statistics if there are any.
    orders, changes
        The draws of the current epoch, see `draws`.
    """

    def __init__(
        self,
        network: Network,
        data: _Data,
        networks: list[NetworkId],
        settings: TrainingConfig,
        optimiser: Optimiser,
        seed: int,
        report: Callable[[str], None],
        snapshots: Snapshots | None,
        loss: Loss,
    ):
        self.network, self.data, self.networks = network, data, networks
        self.settings, self.optimiser, self.seed = settings, optimiser, seed
        self.report, self.snapshots, self.loss = report, snapshots, loss
        images, labels = data.train
        self.examples, self.device = len(labels), images.device
        self.per_epoch = settings.steps_per_epoch(self.examples)
        self.steps = self.per_epoch * settings.epochs
        self.last_step = self.per_epoch * settings.trained_epochs
        self.dtype = settings.dtype(network, self.device)
        self.snapshot = f"networks-{networks[0].number}-{networks[-1].number}"

    def run(self) -> Trained:
        """Train to the end, from the beginning or from the last snapshot."""
        self._begin()
        progress = self.progress
        # A terminal shows a progress bar; the log of a job gets one line per epoch.
        with tqdm(
            total=self.last_step,
            initial=progress.step,
            unit="step",
            disable=not sys.stderr.isatty(),
            leave=False,
        ) as bar:
            begun = progress.step // self.per_epoch
            for epoch in range(begun + 1, self.settings.trained_epochs + 1):
                self._begin_epoch(epoch)
                last = epoch * self.per_epoch
                while progress.step < last:
                    rates = self._rates()
                    self._step(rates)
                    bar.update()
                    if progress.step == last:
                        self._end_epoch(epoch, rates)
                    self._save_when_due()
        return self._finish()

    def _begin(self) -> None:
        """Initialise the networks, or restore them from the last snapshot."""
        network, data = self.network, self.data
        initial = [network.initial(self.seed, n.learning_rate, n.number) for n in self.networks]
        self.progress = Progress.begin(network, stack(initial, self.device), self.optimiser)
        saved = self.snapshots.load(self.snapshot, self.report) if self.snapshots else None
        if saved:
            self.progress.restore(*saved)
            self.report(f"continuing after step {self.progress.step} of {self.last_step}")
        images = data.train[0]
        # Only networks with running statistics need a subset of the images.
        self.some_images = (
            images_for_statistics(images, self.seed) if network.statistics else images
        )
        self._recompute_statistics()
        if not self.progress.history:
            measured = Measured(
                *evaluate(network, self.evaluated, *data.train, self.loss),
                *evaluate(network, self.evaluated, *data.test, self.loss),
            )
            rates = [0.0] * len(self.networks)
            self.progress.history = history_rows(
                self.networks, 0, rates, measured, self.progress.diverged, 0.0
            )
        self.began = time.perf_counter() - self.progress.seconds

    def _recompute_statistics(self) -> None:
        """Recompute running statistics: on all training images at the end, before on a subset."""
        images = self.data.train[0] if self.progress.step == self.last_step else self.some_images
        self.evaluated = self.network.with_recomputed_statistics(self.progress.parameters, images)

    def _begin_epoch(self, epoch: int) -> None:
        """Draw the order and the augmentation of the epoch's examples."""
        which = (self.seed, self.networks, epoch, self.examples, self.device)
        self.orders = epoch_orders(*which)
        self.changes = epoch_changes(*which, self.settings.augmentation)

    def _rates(self) -> list[float]:
        """Return each network's learning rate in the next step."""
        warmup = self.settings.warmup(self.per_epoch)
        initial = self.settings.initial_learning_rate
        return [
            warmup_cosine(self.progress.step, n.learning_rate, self.steps, warmup, initial)
            for n in self.networks
        ]

    def _step(self, rates: list[float]) -> None:
        """Take the next step."""
        progress, size = self.progress, self.settings.batch_size
        index = progress.step % self.per_epoch
        with step_draws(self.network, self.seed, self.networks[0], progress.step, self.device):
            losses, hits = training_step(
                self.network,
                progress.parameters,
                self.optimiser,
                progress.state,
                self.data.train,
                self.orders[:, index * size : (index + 1) * size],
                torch.tensor(rates, dtype=torch.float32, device=self.device),
                progress.step,
                self.changes,
                self.dtype,
                self.data.black,
                self.loss,
            )
        progress.loss_sum += losses
        progress.correct += hits
        progress.step += 1
        progress.seconds = time.perf_counter() - self.began

    def _end_epoch(self, epoch: int, rates: list[float]) -> None:
        """Measure the networks after an epoch; `rates` are the learning rates of its last step."""
        progress, examples = self.progress, self.per_epoch * self.settings.batch_size
        train_loss = (progress.loss_sum / self.per_epoch).cpu().double().numpy()
        train_accuracy = (progress.correct / examples).cpu().double().numpy()
        self._recompute_statistics()
        test_loss, test_accuracy = evaluate(
            self.network, self.evaluated, *self.data.test, self.loss
        )
        finite = np.isfinite(train_loss) & np.isfinite(test_loss) & progress.finite()
        progress.diverged |= ~finite
        measured = Measured(train_loss, train_accuracy, test_loss, test_accuracy)
        measured = measured.without(progress.diverged)
        outcome = measured, progress.diverged, progress.seconds
        progress.history += history_rows(self.networks, epoch, rates, *outcome)
        self.report(log_line(self.networks, epoch, self.settings.trained_epochs, *outcome))
        progress.loss_sum.zero_()
        progress.correct.zero_()

    def _save_when_due(self) -> None:
        """Write a snapshot if one is due, or after the last step."""
        snapshots, done = self.snapshots, self.progress.step == self.last_step
        # With the last snapshot, a restarted job of several stacks does not retrain this stack.
        if snapshots and (snapshots.due() or (done and snapshots.seconds is not None)):
            self.progress.save(snapshots, self.snapshot)

    def _finish(self) -> Trained:
        """Collect the result, leaving out diverged networks."""
        numbers, diverged = [n.number for n in self.networks], self.progress.diverged
        networks = unstack(self.evaluated)
        return Trained(
            networks={
                number: parameters
                for number, parameters, bad in zip(numbers, networks, diverged, strict=True)
                if not bad
            },
            diverged=[number for number, bad in zip(numbers, diverged, strict=True) if bad],
            history=self.progress.history,
        )
