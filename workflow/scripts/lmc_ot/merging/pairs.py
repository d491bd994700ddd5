"""The merged networks of the pairs of one setting: files that users load, and what they reach."""

import math
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import torch

from ..connectivity.interpolation import interpolate
from ..connectivity.pairs import Splits
from ..networks.groups.apply import Permutations, permute
from ..networks.groups.group import Groups
from ..networks.network import Network, stack, unstack
from ..tables import Parameters
from ..training.evaluation import evaluate, on_device
from ..training.losses import CROSS_ENTROPY, Loss
from .files import State, in_float32, read_states, whole_state, write_state


@dataclass(frozen=True)
class Writer:
    """Writes networks and evaluates what it wrote.

    Parameters
    ----------
    network, groups, networks
        The architecture with its groups, and the networks by number.
    originals
        The state dicts that the networks were read from, by number, which give the types; empty
        for networks that the workflow trained.
    splits
        The examples, from `evaluation_examples`. Running statistics of midpoints are measured on
        the training examples.
    device
        The device to evaluate on.
    loss
        The loss.
    """

    network: Network
    groups: Groups
    networks: dict[int, Parameters]
    originals: dict[int, State]
    splits: Splits
    device: torch.device
    loss: Loss = CROSS_ENTROPY

    def write(
        self,
        folder: Path,
        matcher: str,
        number: int,
        pair: tuple[int, int],
        permutations: Permutations,
    ) -> list[dict]:
        """Write ``<matcher>/<a>-<b>/permuted.safetensors`` and ``midpoint.safetensors``.

        Returns the rows of the table ``merged``, without the columns of the run. In half precision
        both files are rounded, after statistics were recomputed.
        """
        a, b = pair
        permuted = permute(self.networks[b], self.groups, permutations)
        middle = self._calibrated(interpolate(self.networks[a], permuted, 0.5))
        rows = []
        for what, parameters, like in (("permuted", permuted, b), ("midpoint", middle, a)):
            file = Path(matcher) / f"{a}-{b}" / f"{what}.safetensors"
            (folder / file).parent.mkdir(parents=True, exist_ok=True)
            original = self.originals.get(like)
            state = whole_state(parameters, self.network, original)
            write_state(folder / file, state, original or state)
            columns = {"matcher": matcher, "pair": number, "network_a": a, "network_b": b}
            columns |= {"network": what, "file": str(file)}
            rows += [columns | of_split for of_split in self._evaluated(folder / file)]
        return rows

    @cached_property
    def _data(self) -> dict[str, tuple[torch.Tensor, torch.Tensor]]:
        """The examples on the device, moved there once for all files."""
        return {split: on_device(*some, self.device) for split, some in self.splits.items()}

    def _calibrated(self, parameters: Parameters) -> Parameters:
        """The network with the running statistics of batch norm recomputed."""
        stacked = stack([parameters], self.device)
        images = self._data["train"][0]
        return unstack(self.network.with_recomputed_statistics(stacked, images))[0]

    def _evaluated(self, file: Path) -> list[dict]:
        """Read a network again; return its loss and accuracy on each split."""
        parameters = in_float32(read_states([file], self.network)[0], self.network)
        some, rows = stack([parameters], self.device), []
        for split, data in self._data.items():
            (loss,), (accuracy,) = evaluate(self.network, some, *data, self.loss)
            loss = loss if math.isfinite(loss) else None
            rows.append({"split": split, "loss": loss, "accuracy": accuracy})
        return rows
