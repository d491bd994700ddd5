"""The history of a training: one row per network and epoch, and one log line per epoch."""

import math
from typing import NamedTuple

import numpy as np

from .settings import NetworkId


class Measured(NamedTuple):
    """Loss and accuracy of K networks after an epoch, float64 (K,) each.

    Training values are means over the batches of the epoch, each measured before its update. At
    initialisation they are measured on all training examples. Accuracies are NaN if the loss is
    not cross entropy.
    """

    train_loss: np.ndarray
    train_accuracy: np.ndarray
    test_loss: np.ndarray
    test_accuracy: np.ndarray

    def without(self, diverged: np.ndarray) -> "Measured":
        """Return the same with NaN for the diverged networks, bool (K,)."""
        return Measured(*(np.where(diverged, np.nan, value) for value in self))


def history_rows(
    networks: list[NetworkId],
    epoch: int,
    rates: list[float],
    measured: Measured,
    diverged: np.ndarray,
    seconds: float,
) -> list[dict]:
    """Return one row per network for the table ``history``, without the columns of the run.

    Parameters
    ----------
    rates
        The learning rate of each network in the last step of the epoch.
    diverged
        Whether each network has diverged, bool (K,).
    seconds
        Training time until the end of the epoch.
    """
    return [
        {
            "network": network.number,
            "epoch": epoch,
            "step_learning_rate": rates[k],
            **{name: values[k] for name, values in measured._asdict().items()},
            "seconds": seconds,
            "diverged": bool(diverged[k]),
        }
        for k, network in enumerate(networks)
    ]


def log_line(
    networks: list[NetworkId],
    epoch: int,
    epochs: int,
    measured: Measured,
    diverged: np.ndarray,
    seconds: float,
) -> str:
    """Return the log line of an epoch, with means over the networks that have not diverged.

    The accuracy is left out where there is none.

    Parameters
    ----------
    diverged, seconds
        See `history_rows`.
    """
    train_loss, _, test_loss, test_accuracy = (
        float(np.mean(values[~diverged])) if not diverged.all() else float("nan")
        for values in measured
    )
    accuracy = "" if math.isnan(test_accuracy) else f", test accuracy {test_accuracy:.4f}"
    remaining = seconds / epoch * (epochs - epoch)
    bad = [n.number for n, is_bad in zip(networks, diverged, strict=True) if is_bad]
    return (
        f"epoch {epoch}/{epochs}: train loss {train_loss:.4f}, test loss {test_loss:.4f}"
        f"{accuracy} (mean of {len(networks) - len(bad)} networks), "
        f"{seconds:.1f} s, {remaining:.1f} s to go" + (f"; diverged: {bad}" if bad else "")
    )
