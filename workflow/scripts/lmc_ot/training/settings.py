"""The settings of a training: which networks, how long, and in which steps."""

from dataclasses import dataclass, fields

import torch

from ..data.augmentation import Augmentation
from ..errors import ConfigError
from ..networks.network import Network


@dataclass(frozen=True)
class NetworkId:
    """Which network of a sweep: with the seed, it determines initialisation and data order."""

    number: int
    learning_rate: float


@dataclass(frozen=True)
class TrainingConfig:
    """How long and in which steps to train: the keys of a config's block `training`, without its
    optimiser and its learning rate, which `NetworkId` has. The config's schema declares
    them and their defaults.

    Parameters
    ----------
    batch_size, epochs
        An epoch is ``examples // batch_size`` steps on a fresh random order of the examples; the
        remainder of that order is left out of the epoch.
    stop_after
        The last epoch that is trained, of a schedule for `epochs`; at most these, None for all.
    warmup_steps, initial_learning_rate
        See `schedule.warmup_cosine`.
    warmup_epochs
        May be a fraction.
    augmentation
        Every network and epoch draws its own changes.
    precision
        In ``bfloat16`` the parameters stay float32; ``auto`` is bfloat16 where a network asks for
        it on CUDA.
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
        """The settings of the block `training` of a completed config."""
        values = {field.name: block[field.name] for field in fields(cls)}
        return cls(**{**values, "augmentation": Augmentation(**block["augmentation"])})

    def steps_per_epoch(self, examples: int) -> int:
        """Steps of an epoch.

        Raises
        ------
        ConfigError
            A batch holds more than all examples.
        """
        if self.batch_size > examples:
            raise ConfigError(
                f"training.batch_size: {self.batch_size} is more than the {examples} training "
                f"examples"
            )
        return examples // self.batch_size

    @property
    def trained_epochs(self) -> int:
        """How many epochs are trained, of those that the schedule is for."""
        return self.epochs if self.stop_after is None else self.stop_after

    def warmup(self, steps_per_epoch: int) -> int:
        """Steps of warm-up."""
        if self.warmup_epochs is None:
            return self.warmup_steps
        return round(self.warmup_epochs * steps_per_epoch)

    def dtype(self, network: Network, device: torch.device) -> torch.dtype:
        """The type that convolutions and products are computed in."""
        reduced = self.precision == "auto" and network.reduces_precision and device.type == "cuda"
        return torch.bfloat16 if reduced or self.precision == "bfloat16" else torch.float32
