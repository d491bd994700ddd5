"""Losses: cross entropy, the mean squared error, or any function of outputs and targets."""

from collections.abc import Callable
from dataclasses import dataclass

import torch
import torch.nn.functional as F

from ..config.registry import instead
from ..config.targets import failing_as, found
from ..errors import UserError, one_line

Function = Callable[[torch.Tensor, torch.Tensor], torch.Tensor]


@dataclass(frozen=True)
class Loss:
    """A loss of a network's outputs.

    Parameters
    ----------
    name
        Its name in messages.
    function
        Of outputs (n, ...) and targets (n, ...) of n examples. It returns the loss of each example,
        (n,), or their mean, ().
    """

    name: str
    function: Function

    def __call__(self, outputs: torch.Tensor, targets: torch.Tensor) -> torch.Tensor:
        """Return the losses of n examples, (n,): of each, or for each their mean.

        Raises
        ------
        UserError
            The function fails, or returns something else.
        """
        try:
            losses = self.function(outputs, targets)
        except (UserError, torch.OutOfMemoryError):
            raise
        except Exception as error:
            raise UserError(
                f"loss {self.name}: of outputs {_shape(outputs)} and targets {_shape(targets)}: "
                f"{type(error).__name__}: {one_line(error, 200)}"
            ) from error
        count = len(targets)
        losses = torch.tensor(losses) if isinstance(losses, float) else losses
        if not isinstance(losses, torch.Tensor) or losses.shape not in ((), (count,)):
            raise UserError(
                f"loss {self.name}: returns {_shape(losses)} for {count} examples: expected a "
                f"tensor with their mean, (), or the loss of each, ({count},)"
            )
        if getattr(outputs, "requires_grad", False) and not losses.requires_grad:
            raise UserError(
                f"loss {self.name}: does not depend on the outputs, or not by operations of torch: "
                f"networks cannot be trained with it"
            )
        return losses.expand(count)

    def of_networks(self, outputs: torch.Tensor, targets: torch.Tensor) -> torch.Tensor:
        """Return the losses of K networks, (K, n), of outputs and targets, (K, n, ...) each."""
        if self.function in NAMED.values():
            return self(outputs.flatten(0, 1), targets.flatten(0, 1)).view(targets.shape[:2])
        # A mean is one of the examples of one network.
        return torch.stack([self(*one) for one in zip(outputs, targets, strict=True)])

    @property
    def has_accuracy(self) -> bool:
        """Whether outputs are logits of classes, so that the accuracy means something."""
        return self.function is cross_entropy

    def hits(self, outputs: torch.Tensor, targets: torch.Tensor) -> torch.Tensor:
        """Return how many examples K networks classify correctly, (K,); NaN without an accuracy.

        The arguments are those of `of_networks`.
        """
        if not self.has_accuracy:
            return torch.full((len(outputs),), torch.nan, device=outputs.device)
        return (outputs.argmax(2) == targets).sum(1)


def _shape(values) -> tuple[int, ...] | str:
    return tuple(values.shape) if hasattr(values, "shape") else type(values).__name__


def cross_entropy(logits: torch.Tensor, labels: torch.Tensor) -> torch.Tensor:
    """The cross entropy, in nats. It expects class labels, int64 (n,)."""
    if labels.is_floating_point():
        raise UserError(
            f"loss cross_entropy: the targets are floats, {tuple(labels.shape)}, not class labels: "
            f"name another loss, such as mse"
        )
    # Where an example has several labels, some may be left out of the mean.
    return F.cross_entropy(logits, labels, reduction="none" if labels.dim() == 1 else "mean")


def mse(outputs: torch.Tensor, targets: torch.Tensor) -> torch.Tensor:
    """The mean over the values of an example of the squared difference."""
    if not targets.is_floating_point():
        raise UserError(
            "loss mse: the targets are class labels: give floats as targets, or name another loss"
        )
    # Targets (n,) and outputs (n, 1) mean the same, but torch would subtract each from each.
    if outputs.shape[1:].numel() != targets.shape[1:].numel():
        raise UserError(
            f"loss mse: the outputs are {tuple(outputs.shape)}, but the targets are "
            f"{tuple(targets.shape)}: expected as many values"
        )
    difference = outputs.reshape(len(outputs), -1) - targets.reshape(len(targets), -1)
    return difference.square().mean(1)


NAMED: dict[str, Function] = {"cross_entropy": cross_entropy, "mse": mse}


def loss_of(given: "str | Function | Loss") -> Loss:
    """Return the loss of a name, of a target ``file.py:name``, or of a function.

    A class, such as ``torch.nn:HuberLoss``, is a loss if it needs no arguments.

    Raises UserError if the loss does not exist.
    """
    if isinstance(given, Loss):
        return given
    if not isinstance(given, str):
        return Loss(getattr(given, "__name__", type(given).__name__), given)
    if given in NAMED:
        return Loss(given, NAMED[given])
    if ":" not in given:
        raise UserError(
            f"loss {given!r}: expected {', '.join(NAMED)}, or a function as "
            f"file.py:name{instead(given, NAMED)}"
        )
    function = found(given)
    if isinstance(function, type):
        with failing_as(f"loss {given}: it cannot be built without arguments"):
            function = function()
    if not callable(function):
        raise UserError(f"loss {given}: a {type(function).__name__}, not a function")
    return Loss(given, function)


CROSS_ENTROPY = loss_of("cross_entropy")
