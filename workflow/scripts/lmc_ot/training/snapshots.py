"""Snapshots, from which a stopped training continues bit for bit.

A snapshot is a sealed table, written under a temporary name and renamed: it is complete or
missing. It belongs to one training (`identity`); one of another training, or a broken one, is
ignored with a line in the log, and training begins from the start.
"""

import os
import shutil
import signal
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np

from .. import tables
from ..environment import digest
from ..errors import ConfigError, TableError, UserError

ENVIRONMENT = "LMC_SNAPSHOT_SECONDS"
SECONDS = 60.0


class Stopped(UserError):
    """The job was asked to end, and did so after a snapshot."""


class Snapshots:
    """The snapshots of one training.

    Parameters
    ----------
    folder
        Where they lie. It belongs to this training alone.
    identity
        JSON value: all that the result depends on. A snapshot of another identity is not used.
    seconds
        Time between two snapshots; 0 for one after every step, None for the one on request only.
    """

    def __init__(self, folder: str | Path, identity, seconds: float | None = SECONDS):
        self.folder = Path(folder)
        self.identity = digest(identity)
        self.seconds = seconds
        self._last = time.monotonic()
        self._signal: int | None = None

    def due(self) -> bool:
        """Whether it is time for a snapshot, or the job was asked to end."""
        if self._signal is not None:
            return True
        return self.seconds is not None and time.monotonic() - self._last >= self.seconds

    def save(self, name: str, arrays: dict[str, np.ndarray], progress: dict) -> None:
        """Write a snapshot; it replaces the last one of that name.

        Parameters
        ----------
        name
            Which part of the training it is of.
        arrays
            Any shapes; float32, float64 or integers, not necessarily finite.
        progress
            JSON object.

        Raises
        ------
        Stopped
            The job was asked to end: this was its last snapshot.
        """
        arrays = {key: np.asarray(array) for key, array in arrays.items()}
        tables.write(
            "snapshot",
            self._path(name),
            {
                "name": list(arrays),
                "dtype": [array.dtype.str for array in arrays.values()],
                "shape": [list(array.shape) for array in arrays.values()],
                "content": [array.tobytes() for array in arrays.values()],
            },
            {"identity": self.identity},
            progress=progress,
        )
        self._last = time.monotonic()
        if self._signal is not None:
            raise Stopped(
                f"stopped by {signal.Signals(self._signal).name}: run snakemake again "
                f"to continue from {self._path(name)}"
            )

    def load(self, name: str, report=print) -> tuple[dict[str, np.ndarray], dict] | None:
        """What `save` was given last under that name; None if there is nothing that can be used."""
        path = self._path(name)
        if not path.exists():
            return None
        try:
            about = tables.metadata("snapshot", path)
            rows = tables.read("snapshot", path).to_pylist()
        except TableError as error:
            report(f"snapshot ignored: {error}")
            return None
        if about["identity"] != self.identity:
            report(f"snapshot ignored: {path}: belongs to a training with other settings or code")
            return None
        arrays = {
            row["name"]: np.frombuffer(row["content"], row["dtype"]).reshape(row["shape"]).copy()
            for row in rows
        }
        return arrays, about["progress"]

    def remove(self) -> None:
        """Remove all of them: the training is done, and its result is written."""
        shutil.rmtree(self.folder, ignore_errors=True)

    @contextmanager
    def on_request(self) -> Iterator[None]:
        """While this lasts, SIGTERM and SIGINT ask for a snapshot and an end, at the next step.

        A batch system sends SIGTERM some seconds before it kills. Signals reach only the main
        thread: in another one this does nothing.
        """
        try:
            before = {
                number: signal.signal(number, self._ask)
                for number in (signal.SIGTERM, signal.SIGINT)
            }
        except ValueError:
            before = {}
        try:
            yield
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)

    def _ask(self, number: int, _frame) -> None:
        self._signal = number

    def _path(self, name: str) -> Path:
        return self.folder / f"{name}.parquet"


def seconds_of_environment() -> float | None:
    """The cadence: the variable LMC_SNAPSHOT_SECONDS, which the config sets; ``null`` is None.

    It is not a parameter of the rule, since no result depends on it.

    Raises
    ------
    ConfigError
        It is neither a number of seconds nor ``null``.
    """
    text = os.environ.get(ENVIRONMENT, str(SECONDS))
    if text == "null":
        return None
    try:
        seconds = float(text)
    except ValueError:
        seconds = -1.0
    if not seconds >= 0:
        raise ConfigError(f"{ENVIRONMENT}: {text!r} is neither seconds (0 or more) nor null")
    return seconds
