"""Snapshots, from which an interrupted training resumes bit for bit.

A snapshot is a sealed table that is written atomically. It belongs to one training (`identity`). A
damaged snapshot, or one of another training, is ignored with a log line, and training starts from
the beginning.
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
    """The job received a signal to stop and stopped after writing a snapshot."""


class Snapshots:
    """The snapshots of one training.

    Parameters
    ----------
    folder
        The folder of the snapshots, which no other training may use.
    identity
        A JSON value with everything that the result depends on. Snapshots with another identity
        are ignored.
    seconds
        Time between two snapshots. 0 writes one after every step, None only one on a signal.
    """

    def __init__(self, folder: str | Path, identity, seconds: float | None = SECONDS):
        self.folder = Path(folder)
        self.identity = digest(identity)
        self.seconds = seconds
        self._last = time.monotonic()
        self._signal: int | None = None

    def due(self) -> bool:
        """Tell whether it is time for a snapshot, or the job received a signal to stop."""
        if self._signal is not None:
            return True
        return self.seconds is not None and time.monotonic() - self._last >= self.seconds

    def save(self, name: str, arrays: dict[str, np.ndarray], progress: dict) -> None:
        """Write a snapshot, which replaces the previous one of that name.

        Parameters
        ----------
        name
            The part of the training that the snapshot belongs to.
        arrays
            Arrays of any shape, float32, float64 or integer, not necessarily finite.
        progress
            A JSON object.

        Raises
        ------
        Stopped
            The job received a signal to stop; this was its last snapshot.
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
        """Return the arrays and the progress last saved under a name; None if not usable."""
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
            report(f"snapshot ignored: {path}: from a training with other settings or code")
            return None
        arrays = {
            row["name"]: np.frombuffer(row["content"], row["dtype"]).reshape(row["shape"]).copy()
            for row in rows
        }
        return arrays, about["progress"]

    def remove(self) -> None:
        """Remove all snapshots, once the result of the training is written."""
        shutil.rmtree(self.folder, ignore_errors=True)

    @contextmanager
    def on_request(self) -> Iterator[None]:
        """Within this context, SIGTERM and SIGINT cause a snapshot and a stop after the next step.

        Batch systems send SIGTERM some seconds before they kill a job. Python handles signals only
        in the main thread; in other threads this does nothing.
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
    """Return the interval from LMC_SNAPSHOT_SECONDS, which the config sets; ``null`` is None.

    It is not a parameter of the rule, since results do not depend on it.

    Raises
    ------
    ConfigError
        The value is neither a number of seconds nor ``null``.
    """
    text = os.environ.get(ENVIRONMENT, str(SECONDS))
    if text == "null":
        return None
    try:
        seconds = float(text)
    except ValueError:
        seconds = -1.0
    if not seconds >= 0:
        raise ConfigError(f"{ENVIRONMENT}: {text!r}: expected seconds (0 or more) or null")
    return seconds
