"""A real SLURM on this machine: loopback only, virtual nodes, GPUs that are character devices.

No systemd, no cgroups, no accounting database. Nodes may be larger than the machine. It needs root
and the packages that install.sh installs.
"""

import ctypes
import os
import re
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

# A job step forgets SLURM_CONF, so that the configuration has to be where SLURM looks by itself.
ETC = Path("/etc/slurm")
FILES = ("slurm.conf", "gres.conf")
PROGRAMS = ("munged", "slurmctld", "slurmd", "sbatch", "srun", "scontrol")

_CONF = """\
ClusterName=test
SlurmctldHost={host}(127.0.0.1)
SlurmctldPort={port}
CommunicationParameters=NoInAddrAny,NoCtldInAddrAny
SlurmUser=root
SlurmdUser=root
AuthType=auth/munge
AuthInfo=socket={folder}/munge/socket
StateSaveLocation={folder}/state
SlurmdSpoolDir={folder}/spool-%n
SlurmctldPidFile={folder}/slurmctld.pid
SlurmdPidFile={folder}/slurmd-%n.pid
SlurmctldLogFile={folder}/slurmctld.log
SlurmdLogFile={folder}/slurmd-%n.log
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
MpiDefault=none
MailProg=/bin/true
AccountingStorageType=accounting_storage/none
# squeue is what answers for finished jobs.
MinJobAge=86400
# Memory above a job's request is seen within a second, and ends the job.
JobAcctGatherType=jobacct_gather/linux
JobAcctGatherFrequency=task=1
JobAcctGatherParams=OverMemoryKill,UsePss
SelectType=select/cons_tres
SelectTypeParameters=CR_CPU_Memory
GresTypes=gpu
SlurmdParameters=config_overrides
EnforcePartLimits=ALL
SchedulerParameters=sched_min_interval=0,bf_interval=1
ReturnToService=2
KillWait=2
"""


@dataclass(frozen=True)
class Node:
    """A virtual node, in a partition of its own."""

    name: str
    partition: str
    cpus: int
    memory_mb: int
    gpus: int = 0


def missing() -> str:
    """Why no cluster can be started here; empty if one can."""
    if os.geteuid() != 0:
        return "not root"
    absent = [program for program in PROGRAMS if shutil.which(program) is None]
    if absent:
        return f"{', '.join(absent)} not installed: tests/cluster/install.sh"
    if any((ETC / name).exists() and not (ETC / name).is_symlink() for name in FILES):
        return f"{ETC} has a configuration of its own"
    return ""


class Slurm:
    """``with Slurm(nodes) as slurm:`` starts it; the end stops everything and leaves no files."""

    def __init__(self, nodes: list[Node]):
        self.nodes = nodes
        self.folder = Path(tempfile.mkdtemp(prefix="slurm-"))
        # munge insists that all may pass to its socket.
        self.folder.chmod(0o711)
        self._processes: dict[str, subprocess.Popen] = {}

    def __enter__(self):
        try:
            self._configure()
            self._start_munge()
            self._start("slurmctld", "slurmctld", "-D")
            for node in self.nodes:
                self._start(f"slurmd-{node.name}", "slurmd", "-D", "-N", node.name)
            self._wait_for("nodes", self._idle)
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_):
        if "slurmctld" in self._processes:
            command("scancel", "--user", "root", check=False)
            # Or the daemons would leave the jobs behind.
            self._wait_for("an empty queue", lambda: not self.queue(), strict=False)
        for process in reversed(self._processes.values()):
            process.terminate()
            try:
                process.wait(20)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
        for name in FILES:
            if (ETC / name).is_symlink() and (ETC / name).readlink() == self.folder / name:
                (ETC / name).unlink()
        shutil.rmtree(self.folder)

    def queue(self) -> list[str]:
        """Ids of the jobs that wait or run."""
        return command("squeue", "--noheader", "--format", "%i", check=False).split()

    def jobs(self) -> list[dict[str, str]]:
        """What SLURM knows of every job that was ever submitted, by its own names."""
        lines = command("scontrol", "--oneliner", "show", "jobs").splitlines()
        return [dict(re.findall(r"(\S+?)=(\S*)", line)) for line in lines if "JobId=" in line]

    def _configure(self):
        (self.folder / "munge").mkdir(parents=True)
        (self.folder / "state").mkdir()
        host = socket.gethostname().split(".")[0]
        ports = _free_ports(1 + len(self.nodes))
        conf = [_CONF.format(host=host, folder=self.folder, port=ports[0])]
        gres = []
        for node, port in zip(self.nodes, ports[1:], strict=True):
            generic = f" Gres=gpu:{node.gpus}" if node.gpus else ""
            conf += [
                f"NodeName={node.name} NodeHostname={host} NodeAddr=127.0.0.1 Port={port} "
                f"CPUs={node.cpus} RealMemory={node.memory_mb}{generic} State=UNKNOWN",
                f"PartitionName={node.partition} Nodes={node.name} MaxTime=INFINITE State=UP",
            ]
            for i in range(node.gpus):
                device = self.folder / f"gpu-{node.name}-{i}"
                # A plain file would be refused. This one is another /dev/null.
                os.mknod(device, 0o020666, os.makedev(1, 3))
                gres.append(f"NodeName={node.name} Name=gpu File={device}")
        for name, lines in zip(FILES, (conf, gres), strict=True):
            (self.folder / name).write_text("\n".join(lines) + "\n")
            ETC.mkdir(exist_ok=True)
            (ETC / name).unlink(missing_ok=True)
            (ETC / name).symlink_to(self.folder / name)

    def _start_munge(self):
        folder = self.folder / "munge"
        (folder / "key").write_bytes(os.urandom(1024))
        (folder / "key").chmod(0o400)
        places = {"key-file": "key", "socket": "socket", "pid-file": "pid", "seed-file": "seed"}
        options = [f"--{option}={folder / name}" for option, name in places.items()]
        self._start("munged", "munged", "--foreground", f"--log-file={folder}/log", *options)
        self._wait_for("munged", (folder / "socket").exists)

    def _start(self, name: str, *arguments: str):
        with open(self.folder / f"{name}.out", "w") as output:
            # A session of its own: Ctrl-C is for the tests, which then stop the daemons; if the
            # tests are killed, the kernel does.
            self._processes[name] = subprocess.Popen(
                arguments,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,
                preexec_fn=_end_with_parent,
            )

    def _idle(self) -> bool:
        states = command("sinfo", "--noheader", "--Node", "--format", "%T", check=False).split()
        return len(states) == len(self.nodes) and set(states) == {"idle"}

    def _wait_for(self, what: str, condition, seconds: float = 30, strict: bool = True):
        end = time.monotonic() + seconds
        while not condition():
            dead = [name for name, p in self._processes.items() if p.poll() is not None]
            if strict and (dead or time.monotonic() > end):
                logs = [p.read_text()[-2000:] for p in sorted(self.folder.glob("*.out"))]
                raise RuntimeError(f"no {what}; ended: {dead}\n" + "\n".join(logs))
            if dead or time.monotonic() > end:
                return
            time.sleep(0.1)


def command(*arguments: str, check: bool = True) -> str:
    """The output of a command of SLURM's."""
    done = subprocess.run(arguments, capture_output=True, text=True, timeout=60)
    if check and done.returncode:
        raise RuntimeError(f"{' '.join(arguments)}: {done.stderr.strip()}")
    return done.stdout


def kill(process: subprocess.Popen) -> None:
    """End a process as a crash would: it cannot clean up."""
    process.send_signal(signal.SIGKILL)
    process.wait()


def _end_with_parent() -> None:
    set_death_signal = 1
    ctypes.CDLL(None).prctl(set_death_signal, signal.SIGTERM)


def _free_ports(number: int) -> list[int]:
    sockets = [socket.socket() for _ in range(number)]
    try:
        for each in sockets:
            each.bind(("127.0.0.1", 0))
        return [each.getsockname()[1] for each in sockets]
    finally:
        for each in sockets:
            each.close()
