"""The settings of a training: which networks, how many epochs, and how."""

from dataclasses import dataclass, fields

import torch

from ..data.augmentation import Augmentation
from ..errors import ConfigError
from ..networks.network import Network


@dataclass(frozen=True)
class NetworkId:
    """A network of a sweep; with the seed, it determines initialisation and data order."""

    number: int
    learning_rate: float


@dataclass(frozen=True)
class TrainingConfig:
    """The config's block `training` without the optimiser and the learning rate.

    The learning rate belongs to `NetworkId`. Keys and defaults are declared in the schema.

    Parameters
    ----------
    batch_size, epochs
        An epoch consists of ``examples // batch_size`` steps on a new random order of the
        examples; the remaining examples are not used in that epoch.
    stop_after
        The epoch after which training stops, with the schedule of all `epochs`; None for the last.
    warmup_steps, initial_learning_rate
        See `schedule.warmup_cosine`.
    warmup_epochs
        Length of the warm-up in epochs, possibly fractional, instead of `warmup_steps`.
    augmentation
        The random changes of the images, drawn separately for every network and epoch.
    precision
        With ``bfloat16`` the parameters remain float32. ``auto`` is bfloat16 on CUDA for
        architectures with `Network.has_convolutions`, otherwise float32.
    """

    batch_size: int
    epochs: int
    stop_after: int | None
    warmup_steps: int
    warmup_epochs: float | None
    initial_learning_rate: float
    augmentation: Augmentation
    precision: str

    @classmethod
    def of(cls, block: dict) -> "TrainingConfig":
        """Return the settings from the block `training` of a completed config."""
        values = {field.name: block[field.name] for field in fields(cls)}
        return cls(**{**values, "augmentation": Augmentation(**block["augmentation"])})

    def steps_per_epoch(self, examples: int) -> int:
        """Return the number of steps per epoch.

        Raises
        ------
        ConfigError
            The batch size exceeds the number of examples.
        """
        if self.batch_size > examples:
            raise ConfigError(
                f"training.batch_size: {self.batch_size} exceeds the {examples} training "
                f"examples: set a smaller batch size"
            )
        return examples // self.batch_size

    @property
    def trained_epochs(self) -> int:
        """Number of epochs that are trained, at most those of the schedule."""
        return self.epochs if self.stop_after is None else self.stop_after

    def warmup(self, steps_per_epoch: int) -> int:
        """Return the number of warm-up steps."""
        if self.warmup_epochs is None:
            return self.warmup_steps
        return round(self.warmup_epochs * steps_per_epoch)

    def dtype(self, network: Network, device: torch.device) -> torch.dtype:
        """Return the type in which convolutions and matrix products are computed."""
        reduced = self.precision == "auto" and network.has_convolutions and device.type == "cuda"
        return torch.bfloat16 if reduced or self.precision == "bfloat16" else torch.float32
