"""Kill the workflow at random moments; recovered, it must end as an undisturbed run does.

    .venv/bin/python tests/chaos/chaos.py --rounds 20

A round starts the workflow in a checkout of its own, sends SIGKILL to the main process and all of
its jobs, or to the main process alone, one to three times, and recovers each time by the command of
docs/getting-started.md. Half of the kills wait for the next write: a random moment is rarely in
one. Every file under its final name must be whole after a kill; in the end all files must be those
of the undisturbed run, no others may lie beside them, and nothing may be left to do.
"""

import argparse
import contextlib
import json
import os
import random
import re
import shutil
import subprocess
import sys
import tempfile
import time
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path

import psutil
import pyarrow as pa
import pyarrow.parquet as pq

HERE = Path(__file__).parent
REPOSITORY = HERE.parents[1]
sys.path.insert(0, str(REPOSITORY / "workflow/scripts"))

from lmc_ot import tables  # noqa: E402
from lmc_ot.errors import TableError  # noqa: E402

RUN = ".venv/bin/snakemake --cores all"
RECOVER = f".venv/bin/snakemake --unlock && {RUN}"

CODE = ("Snakefile", "rules", "workflow", "config", "envs", "profiles")
OUTPUTS = ("results", "paper_figures")
# A run that hangs is a failure too: no attempt may take this many times the undisturbed run.
PATIENCE = 20
# Seconds for the jobs to end after their main process: a training takes its last snapshot first,
# which may take long on a busy machine.
GRACE = 60


# -- processes -------------------------------------------------------------------------------


class Attempt:
    """A shell command in a session of its own, by which all of its processes are found."""

    def __init__(self, command: str, folder: Path):
        self.ended = False
        self.log = folder / f"attempt{len(list(folder.glob('attempt*.txt')))}.txt"
        with open(self.log, "w") as log:
            self.process = subprocess.Popen(
                ["bash", "-c", command],
                cwd=folder,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
                env={**os.environ, "LMC_COMMIT": "chaos"},
            )

    def ends_within(self, seconds: float) -> bool:
        """Wait so long, or until the command ends."""
        try:
            self.process.wait(seconds)
        except subprocess.TimeoutExpired:
            return False
        return True

    def reaches(self, jobs: int, seconds: float = 0) -> bool:
        """Wait until so many jobs are finished, and so long; false if the command ends before."""
        while self.finished() < jobs:
            if self.ends_within(0.05):
                return False
        return not self.ends_within(seconds)

    def write(self, folder: Path) -> str | None:
        """Wait until a file appears or vanishes: which. None if the command ends before."""
        before = names(folder)
        while not (changed := names(folder) ^ before):
            if self.ends_within(0.0005):
                return None
        return os.path.relpath(min(changed), folder)

    def living(self) -> list[psutil.Process]:
        """The session's processes; those that a kill left to be reaped do not count."""
        found = []
        if self.ended:
            return found
        for process in psutil.process_iter():
            with contextlib.suppress(psutil.Error, ProcessLookupError):
                if (
                    os.getsid(process.pid) == self.process.pid
                    and process.status() != psutil.STATUS_ZOMBIE
                ):
                    found.append(process)
        # From now on the session's number may become another one's.
        self.ended = not found and self.process.poll() is not None
        return found

    def jobs(self) -> Counter:
        """Rule -> how many of its jobs run now."""
        return Counter(rule for process in self.living() if (rule := _rule(process)))

    def outliving(self, seconds: float) -> Counter:
        """Rule -> how many of its jobs are still there when so much time has passed."""
        end = time.monotonic() + seconds
        while (jobs := self.jobs()) and time.monotonic() < end:
            time.sleep(0.05)
        return jobs

    def kill(self, jobs: bool) -> None:
        """SIGKILL to the main process, and to its jobs if asked for."""
        # The shell first, or it would go on to the next command of the line.
        self.process.kill()
        # Again until none is left: one can start another while the list is made.
        while doomed := [p for p in self.living() if jobs or not _rule(p)]:
            for process in doomed:
                with contextlib.suppress(psutil.NoSuchProcess):
                    process.kill()
            self.process.poll()
        self.process.wait()

    def planned(self) -> Counter:
        """Rule -> how many jobs Snakemake said it would run."""
        table = self.log.read_text().partition("Job stats:")[2].partition("\ntotal")[0]
        jobs = re.findall(r"^(\w+) +(\d+)$", table, re.MULTILINE)
        return Counter({rule: int(count) for rule, count in jobs if rule != "all"})

    def finished(self) -> int:
        """How many jobs Snakemake saw end."""
        found = re.findall(r"^Finished jobid: \d+ \(Rule: (\w+)\)", self.log.read_text(), re.M)
        return len([rule for rule in found if rule != "all"])


def _rule(process: psutil.Process) -> str | None:
    """The rule whose script the process runs."""
    with contextlib.suppress(psutil.Error):
        for argument in process.cmdline():
            if match := re.fullmatch(r"\S*\.snakemake/scripts/[^/\s]*\.(\w+)\.py", argument):
                return match[1]
    return None


# -- files -----------------------------------------------------------------------------------


def names(folder: Path) -> set[str]:
    """All files where a run keeps results, fast."""
    return {
        os.path.join(path, file)
        for name in OUTPUTS
        for path, _, files in os.walk(folder / name)
        for file in files
    }


def outputs(folder: Path) -> dict[str, Path]:
    """All files that a run left where it keeps results, by their relative names."""
    return {
        str(path.relative_to(folder)): path
        for name in OUTPUTS
        for path in sorted((folder / name).rglob("*"))
        if path.is_file()
    }


def is_final(name: str) -> bool:
    """Temporary files are hidden, or in hidden folders."""
    return not any(part.startswith(".") for part in Path(name).parts)


def fault(path: Path, expected: Path | None) -> str | None:
    """What is wrong with a file under its final name: not whole, or not the expected one.

    All files of two runs are the same, byte for byte, but for the seconds in the histories.
    """
    if path.suffix == ".parquet":
        try:
            about = json.loads((pq.read_schema(path).metadata or {})[tables.METADATA_KEY])
            table = tables.read(about["table"], path)
        except (TableError, pa.ArrowException, OSError, KeyError, ValueError) as error:
            return f"not readable: {error}"
        if expected is not None and about["table"] == "history":
            wanted = tables.read("history", expected)
            if about != tables.metadata("history", expected):
                return "other metadata"
            if not table.drop_columns("seconds").equals(wanted.drop_columns("seconds")):
                return "other rows"
            return None
    if expected is not None and path.read_bytes() != expected.read_bytes():
        return f"{path.stat().st_size} bytes, not the expected {expected.stat().st_size}"
    return None


def faults(folder: Path, reference: Path) -> list[str]:
    """What is wrong with the files under their final names at this moment."""
    expected = outputs(reference)
    return [
        f"{name}: {found}"
        for name, path in outputs(folder).items()
        if is_final(name) and (found := fault(path, expected.get(name)))
    ]


def differences(folder: Path, reference: Path) -> list[str]:
    """How a finished run's files differ from the reference's."""
    found, expected = outputs(folder), outputs(reference)
    missing = [f"{name}: missing" for name in expected if name not in found]
    others = [f"{name}: left over" for name in found if name not in expected]
    return missing + others + faults(folder, reference)


def checkout(folder: Path, config: Path) -> Path:
    """The code as it is now, with that config for its default, and this Python's packages."""
    ignored = shutil.ignore_patterns("__pycache__")
    folder.mkdir()
    for name in CODE:
        source = REPOSITORY / name
        if source.is_dir():
            shutil.copytree(source, folder / name, ignore=ignored)
        else:
            shutil.copy2(source, folder / name)
    shutil.copyfile(config, folder / "config/config.yaml")
    (folder / ".venv").symlink_to(sys.prefix)
    return folder


# -- rounds ----------------------------------------------------------------------------------


@dataclass
class Round:
    """What happened in a round."""

    kills: list[str] = field(default_factory=list)
    finished: list[int] = field(default_factory=list)
    recomputed: Counter = field(default_factory=Counter)
    seconds: float = 0.0
    problems: list[str] = field(default_factory=list)

    def __str__(self) -> str:
        jobs = " + ".join(str(n) for n in self.finished)
        last = _counted(self.recomputed) if self.kills else ""
        verdict = "; ".join(self.problems) if self.problems else "ok"
        return (
            f"{'; '.join(self.kills) or 'ended before the kill'} | jobs {jobs} | "
            f"last attempt: {last or 'nothing'} | {self.seconds:.0f} s | {verdict}"
        )


def _counted(jobs: Counter) -> str:
    return ", ".join(f"{n} {rule}" if n > 1 else rule for rule, n in sorted(jobs.items()))


@dataclass(frozen=True)
class Undisturbed:
    """The run that all others are compared with: where it is, and how it went."""

    folder: Path
    jobs: int
    first: float
    """Seconds until the first job was finished."""
    duration: float

    def moment(self, progress: float) -> tuple[int, float]:
        """How many jobs are finished at that progress, in jobs, and the seconds since the last.

        Moments are drawn in jobs, not in seconds: where a kill hits does not depend on what else
        the machine does.
        """
        jobs = int(progress)
        pace = (self.duration - self.first) / (self.jobs - 1) if jobs else self.first
        return jobs, (progress - jobs) * pace


def undisturbed(template: Path, folder: Path) -> Undisturbed:
    """Run the workflow to its end."""
    shutil.copytree(template, folder, symlinks=True)
    begin = time.monotonic()
    attempt = Attempt(RUN, folder)
    attempt.reaches(1)
    first = time.monotonic() - begin
    if attempt.process.wait():
        raise SystemExit(f"the undisturbed run failed:\n{attempt.log.read_text()[-3000:]}")
    run = Undisturbed(folder, attempt.finished(), first, time.monotonic() - begin)
    if found := faults(folder, folder):
        raise SystemExit(f"the undisturbed run: {found[0]}")
    return run


def play(folder: Path, reference: Undisturbed, stream: random.Random) -> Round:
    """Start, kill, recover, until a run ends; then compare."""
    played, begin = Round(), time.monotonic()
    attempts: list[Attempt] = []
    try:
        _kill_and_recover(folder, reference, stream, played, attempts)
    finally:
        for attempt in attempts:
            attempt.kill(jobs=True)
    played.finished = [attempt.finished() for attempt in attempts]
    played.recomputed = attempts[-1].planned()
    played.problems += differences(folder, reference.folder)
    command = [folder / ".venv/bin/snakemake", "--dry-run"]
    dry = subprocess.run(command, cwd=folder, capture_output=True, text=True)
    if "Nothing to be done" not in dry.stdout + dry.stderr:
        (folder / "dry-run.txt").write_text(dry.stdout + dry.stderr)
        played.problems.append("there is more to be done")
    played.seconds = time.monotonic() - begin
    return played


def _kill_and_recover(folder, reference, stream, played, attempts) -> None:
    for _ in range(stream.randint(1, 3)):
        left = reference.jobs - sum(attempt.finished() for attempt in attempts)
        jobs, seconds = reference.moment(stream.uniform(0, left))
        everything, in_write = stream.random() < 0.7, stream.random() < 0.5
        attempts.append(attempt := Attempt(RECOVER if attempts else RUN, folder))
        begin = time.monotonic()
        if not attempt.reaches(jobs, seconds):
            break
        what = attempt.write(folder) if in_write else _counted(attempt.jobs()) or "no job"
        if what is None:
            break
        attempt.kill(jobs=everything)
        moment = time.monotonic() - begin
        # A job that outlives its main process writes the same files as that of the next run.
        if outlived := attempt.outliving(GRACE):
            played.problems.append(f"{_counted(outlived)} outlived the main process")
        whom = "all" if everything else "main only"
        played.kills.append(f"{whom} at {moment:.1f} s ({'writing ' * in_write}{what})")
        found = faults(folder, reference.folder)
        played.problems += [f"after a kill: {fault}" for fault in found]
    else:
        attempts.append(attempt := Attempt(RECOVER, folder))
        if not attempt.ends_within(PATIENCE * reference.duration):
            played.problems.append("the recovered run hangs")
            return
    if attempt.process.returncode:
        played.problems.append(f"{attempt.log.name}: exit {attempt.process.returncode}")


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--rounds", type=int, default=20)
    parser.add_argument("--seed", type=int, default=0, help="of the moments")
    parser.add_argument("--only", type=int, metavar="N", help="play round N and no other")
    parser.add_argument("--config", type=Path, default=HERE / "config.yaml")
    options = parser.parse_args(arguments)

    top = Path(tempfile.mkdtemp(prefix="chaos-"))
    # The code is copied once: edits of the repository do not reach a run.
    template = checkout(top / "code", options.config)
    reference = undisturbed(template, top / "undisturbed")
    print(
        f"seed {options.seed}; undisturbed: {reference.jobs} jobs, {reference.duration:.0f} s",
        flush=True,
    )

    numbers = [options.only] if options.only else range(1, options.rounds + 1)
    kills = failed = 0
    for number in numbers:
        folder = top / f"round{number}"
        shutil.copytree(template, folder, symlinks=True)
        stream = random.Random(f"{options.seed}/{number}")
        played = play(folder, reference, stream)
        print(f"round {number}: {played}", flush=True)
        kills += len(played.kills)
        if played.problems:
            failed += 1
            print(f"  kept: {folder}", flush=True)
        else:
            shutil.rmtree(folder)
    if failed:
        print(f"FAILED: {failed} of {len(numbers)} rounds; undisturbed run: {reference.folder}")
        return 1
    shutil.rmtree(top)
    print(f"{len(numbers)} rounds, {kills} kills: all files as in the undisturbed run")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
