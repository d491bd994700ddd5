"""Training an ensemble: networks of one shape, as stacked parameters where that is faster.

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

from .augmentation import Augmentation
from .datasets.dataset import Dataset
from .device import in_parts, keep_large_buffers
from .errors import ConfigError
from .evaluation import evaluate, on_device
from .networks.network import Network, Stacked, initial_parameters, stack, unstack
from .optimisers.optimiser import Optimiser
from .schedule import warmup_cosine
from .snapshots import Snapshots
from .streams import generator
from .tables import Parameters

# Running statistics of a finished network are measured on all training examples; those behind the
# history's losses on so many: on all of them every epoch, a quarter of the training goes there.
CALIBRATION_EXAMPLES = 10_000


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
    warmup_epochs
        In the place of `warmup_steps`, if given; may be a fraction.
    augmentation
        How the images of an epoch are changed; every network and epoch draws its own changes.
    precision
        ``float32``, ``bfloat16`` (of convolutions and products; parameters stay float32), or
        ``auto``: bfloat16 where a network asks for it on CUDA.
    """

    batch_size: int
    epochs: int
    warmup_steps: int = 10
    initial_learning_rate: float = 1e-6
    warmup_epochs: float | None = None
    augmentation: Augmentation = Augmentation()  # noqa: RUF009, it is frozen
    precision: str = "auto"

    def steps_per_epoch(self, examples: int) -> int:
        """Raises ConfigError if a batch holds more than all examples."""
        if self.batch_size > examples:
            raise ConfigError(
                f"training.batch_size: {self.batch_size} is more than the {examples} training "
                f"examples"
            )
        return examples // self.batch_size

    def warmup(self, steps_per_epoch: int) -> int:
        """Steps of warm-up."""
        if self.warmup_epochs is None:
            return self.warmup_steps
        return round(self.warmup_epochs * steps_per_epoch)

    def dtype(self, network: Network, device: torch.device) -> torch.dtype:
        """What convolutions and products are computed in."""
        reduced = self.precision == "auto" and network.reduces_precision and device.type == "cuda"
        return torch.bfloat16 if reduced or self.precision == "bfloat16" else torch.float32


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
    snapshots: Snapshots | None = None,
) -> Trained:
    """Train an ensemble, `Network.at_once` of its networks at a time.

    Where the device's memory does not suffice for so many, half of them.

    Parameters
    ----------
    members
        The networks.
    seed
        With a member's identity it determines initialisation and data order.
    report
        Called with a line of text after every epoch.
    snapshots
        Where to continue from, and to write what to continue from; they stay when this returns.

    Returns
    -------
    Trained
        A network whose loss or parameters were not finite at the end of an epoch has diverged:
        it is not among the networks, and its history has missing values from then on.
    """
    keep_large_buffers()
    device = torch.device(device)
    plan.steps_per_epoch(len(dataset.train.labels))
    train_data = on_device(dataset.inputs("train"), dataset.train.labels, device)
    test_data = on_device(dataset.inputs("test"), dataset.test.labels, device)

    black = torch.from_numpy(dataset.black).to(device)

    def run(some: list[Member]) -> Trained:
        if len(some) < len(members):
            report(f"network {', '.join(str(m.number) for m in some)} of {len(members)}:")
        return _train_stacked(
            network, train_data, test_data, black, some, plan, optimiser, seed, report, snapshots
        )

    parts = in_parts(members, network.at_once, run, "networks", report)
    return Trained(
        networks={number: p for part in parts for number, p in part.networks.items()},
        diverged=[number for part in parts for number in part.diverged],
        history=sorted((row for part in parts for row in part.history), key=lambda r: r["epoch"]),
    )


@dataclass
class _Progress:
    """A stack's training after some steps: all that the steps to come depend on.

    Parameters
    ----------
    parameters, state
        The networks and the optimiser's memory.
    step
        Steps taken.
    loss_sum, correct
        (K,): over the steps of the epoch that has begun.
    diverged
        bool (K,).
    history
        Rows of the epochs that are over.
    seconds
        Time spent.
    """

    parameters: Stacked
    state: list[torch.Tensor]
    step: int
    loss_sum: torch.Tensor
    correct: torch.Tensor
    diverged: np.ndarray
    history: list[dict]
    seconds: float = 0.0

    @classmethod
    def begin(cls, network, parameters: Stacked, optimiser: Optimiser) -> "_Progress":
        """Before the first step."""
        # Running statistics are measured, not trained: without them a batch has its own.
        trained = {
            key: tensor.requires_grad_()
            for key, tensor in parameters.items()
            if key[1] not in network.calibrated_names
        }
        tensors = list(trained.values())
        zeros = torch.zeros(2, len(tensors[0]), device=tensors[0].device)
        diverged = np.zeros(len(tensors[0]), bool)
        return cls(trained, optimiser.initial_state(tensors), 0, *zeros, diverged, [])

    def save(self, snapshots: Snapshots, name: str) -> None:
        """Write it as a snapshot."""
        arrays = {key: tensor.detach().cpu().numpy() for key, tensor in self._tensors().items()}
        progress = {
            "step": self.step,
            "diverged": self.diverged.tolist(),
            "history": self.history,
            "seconds": self.seconds,
        }
        snapshots.save(name, arrays, progress)

    def restore(self, arrays: dict[str, np.ndarray], progress: dict) -> None:
        """Take the values of a snapshot."""
        with torch.no_grad():
            for key, tensor in self._tensors().items():
                tensor.copy_(torch.from_numpy(arrays[key]))
        self.step, self.history = progress["step"], progress["history"]
        self.diverged, self.seconds = np.array(progress["diverged"]), progress["seconds"]

    def _tensors(self) -> dict[str, torch.Tensor]:
        named = {f"layer {layer} {name}": p for (layer, name), p in self.parameters.items()}
        named |= {f"optimiser {i}": tensor for i, tensor in enumerate(self.state)}
        return {**named, "loss sum": self.loss_sum, "correct": self.correct}


def _train_stacked(
    network, train_data, test_data, black, members, plan, optimiser, seed, report, snapshots
) -> Trained:
    """Train networks as one stack."""
    examples = len(train_data[1])
    device = train_data[0].device
    per_epoch = plan.steps_per_epoch(examples)
    steps = per_epoch * plan.epochs
    dtype = plan.dtype(network, device)
    initial = [initial_parameters(network, seed, m.learning_rate, m.number) for m in members]
    now = _Progress.begin(network, stack(initial, device), optimiser)
    tensors = list(now.parameters.values())
    name = f"networks-{members[0].number}-{members[-1].number}"
    found = snapshots.load(name, report) if snapshots else None
    if found:
        now.restore(*found)
        report(f"continuing after step {now.step} of {steps}")
    some = _calibration_examples(train_data[0], seed) if network.calibrated_names else None
    whole = network.calibrated(now.parameters, train_data[0] if now.step == steps else some)
    if not now.history:
        measured = (*evaluate(network, whole, *train_data), *evaluate(network, whole, *test_data))
        now.history = _rows(members, 0, 0.0, *measured, 0.0)

    begin = time.perf_counter() - now.seconds
    # A run by hand shows a bar; in a job, where nobody watches, the log gets a line an epoch.
    bar = tqdm(
        total=steps, initial=now.step, unit="step", disable=not sys.stderr.isatty(), leave=False
    )
    orders = changes = None
    while now.step < steps:
        epoch, index = now.step // per_epoch + 1, now.step % per_epoch
        if orders is None:
            orders = _orders(seed, members, epoch, examples, device)
            changes = _changes(seed, members, epoch, examples, device, plan.augmentation)
        rates = _rates(members, now.step, steps, plan, per_epoch)
        batch = orders[:, index * plan.batch_size : (index + 1) * plan.batch_size]
        losses, hits = training_step(
            network, now.parameters, optimiser, now.state, train_data, batch,
            torch.tensor(rates, dtype=torch.float32, device=device), now.step, changes, dtype,
            black,
        )  # fmt: skip
        now.loss_sum += losses
        now.correct += hits
        now.step += 1
        now.seconds = time.perf_counter() - begin
        bar.update()
        if index + 1 == per_epoch:
            train_loss = (now.loss_sum / per_epoch).cpu().double().numpy()
            train_accuracy = (now.correct / (per_epoch * plan.batch_size)).cpu().double().numpy()
            whole = network.calibrated(now.parameters, train_data[0] if now.step == steps else some)
            test_loss, test_accuracy = evaluate(network, whole, *test_data)
            now.diverged |= ~(np.isfinite(train_loss) & np.isfinite(test_loss) & _finite(tensors))
            values = (train_loss, train_accuracy, test_loss, test_accuracy)
            masked = [np.where(now.diverged, np.nan, value) for value in values]
            now.history += _rows(members, epoch, rates, *masked, now.seconds, now.diverged)
            report(_line(epoch, plan.epochs, members, masked, now.diverged, now.seconds))
            now.loss_sum.zero_()
            now.correct.zero_()
            orders = None
        # The last one, of a stack that is done, spares a job with more of them to train it again.
        if snapshots and (snapshots.due() or (now.step == steps and snapshots.seconds is not None)):
            now.save(snapshots, name)
    bar.close()
    results = unstack(whole)
    return Trained(
        networks={
            m.number: p for m, p, bad in zip(members, results, now.diverged, strict=True) if not bad
        },
        diverged=[m.number for m, bad in zip(members, now.diverged, strict=True) if bad],
        history=now.history,
    )


def training_step(
    network: Network,
    parameters: Stacked,
    optimiser: Optimiser,
    state: list[torch.Tensor],
    data: tuple[torch.Tensor, torch.Tensor],
    batch: torch.Tensor,
    rates: torch.Tensor,
    step: int,
    changes: torch.Tensor | None = None,
    dtype: torch.dtype = torch.float32,
    black: torch.Tensor | float = 0.0,
) -> tuple[torch.Tensor, torch.Tensor]:
    """One update of K networks on a batch each.

    Parameters
    ----------
    parameters, state
        The networks, which must require gradients, and `Optimiser.initial_state` of them;
        both are changed.
    data
        All training images, float32 (n, pixels), and labels, int64 (n,).
    batch
        (K, batch size): numbers of the examples each network sees.
    rates, step
        See `Optimiser.step`.
    changes
        (K, n, columns): each network's rows of `Augmentation.draw`; None to change nothing.
    dtype
        What convolutions and products are computed in.
    black
        See `Augmentation.apply`.

    Returns
    -------
    losses, hits
        (K,) each: mean cross entropy before the update, and number of examples got right.
    """
    images, labels = data
    tensors = list(parameters.values())
    # Two to three times as fast as images[batch].
    chosen = images.index_select(0, batch.flatten()).view(*batch.shape, -1)
    if changes is not None:
        rows = changes[torch.arange(len(batch), device=batch.device)[:, None], batch]
        flat = chosen.view(-1, *network.image_shape)
        chosen = Augmentation.apply(flat, rows.flatten(0, 1), black).view_as(chosen)
    with torch.autocast(chosen.device.type, torch.bfloat16, enabled=dtype == torch.bfloat16):
        _, logits = network.forward(parameters, chosen)
    logits = logits.float()
    wanted = labels[batch]
    losses = F.cross_entropy(logits.flatten(0, 1), wanted.flatten(), reduction="none")
    losses = losses.view(wanted.shape).mean(1)
    gradients = list(torch.autograd.grad(losses.sum(), tensors))
    with torch.no_grad():
        optimiser.step(tensors, gradients, state, rates, step)
        return losses.detach(), (logits.argmax(2) == wanted).sum(1)


def _calibration_examples(images: torch.Tensor, seed: int) -> torch.Tensor:
    """Images on which running statistics are measured for the history: all, or a random part."""
    if len(images) <= CALIBRATION_EXAMPLES:
        return images
    order = generator(seed, "calibration").permutation(len(images))[:CALIBRATION_EXAMPLES]
    return images[torch.from_numpy(np.sort(order)).to(images.device)]


def _orders(seed, members, epoch, examples, device) -> torch.Tensor:
    """(K, examples): each network's order of the examples in this epoch."""
    orders = [
        generator(seed, "order", float(m.learning_rate), m.number, epoch).permutation(examples)
        for m in members
    ]
    return torch.from_numpy(np.stack(orders)).to(device)


def _changes(seed, members, epoch, examples, device, augmentation) -> torch.Tensor | None:
    """(K, examples, columns): how each network's images are changed in this epoch."""
    if augmentation == Augmentation():
        return None
    rows = [
        augmentation.draw(
            generator(seed, "augmentation", float(m.learning_rate), m.number, epoch), examples
        )
        for m in members
    ]
    return torch.from_numpy(np.stack(rows)).to(device)


def _rates(members, step, steps, plan: Plan, per_epoch) -> list[float]:
    warmup = plan.warmup(per_epoch)
    return [
        warmup_cosine(step, m.learning_rate, steps, warmup, plan.initial_learning_rate)
        for m in members
    ]


def _finite(tensors) -> np.ndarray:
    """(K,): whether all parameters of a network are finite."""
    finite = [torch.isfinite(tensor).flatten(1).all(1).cpu().numpy() for tensor in tensors]
    return np.logical_and.reduce(finite)


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
