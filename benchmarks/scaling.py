"""How seconds and memory grow with the number of networks, their width, and the examples.

The benchmark runs the work of the workflow's jobs on synthetic images of MNIST's shape. The
networks have three hidden layers and are trained for an epoch, since assignments are faster for
random networks:

    training                an epoch of K stacked networks, including the evaluation after it
    naive_wm, sigma_wm, am  ``workflow/scripts/match.py`` on K / 2 pairs; assignments also apart
    dimension               dimensions by Sigma-WM, which this script also writes, K networks
    path                    ``workflow/scripts/evaluate_path.py`` on K / 2 pairs, both splits

Every point is measured in its own process with one thread, so that the peak memory belongs to the
point. The processes of a curve exist at the same time and take turns, so that a disturbance affects
all of them; the smallest value over the turns is used. Memory is the peak of the first turn minus
the peak of the same process after its imports.

    .venv/bin/python benchmarks/scaling.py --output

writes ``scaling`` (one row per point), ``scaling_exponents`` (the slopes of log-log fits and those
of the theory) and ``scaling_repetitions.csv``, and draws ``scaling.png`` and ``.svg`` from the
first two; ``--draw`` only draws. With ``--device cuda``, training, paths and moments run on the
GPU, and the moments are computed on the fly instead of from files. Memory is then the memory that
PyTorch allocated on the GPU, and the tables are called ``scaling_cuda``.
"""

import argparse
import importlib
import multiprocessing
import os
import resource
import sys
import tempfile
import time
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from contextlib import ExitStack, redirect_stdout
from dataclasses import asdict, dataclass, replace
from itertools import product
from pathlib import Path

import common
import numpy as np
import pandas as pd

from lmc_ot.data.table import read_dataset, write_dataset

MATCHERS = ("naive_wm", "sigma_wm", "am")
OPERATIONS = ("training", *MATCHERS, "dimension", "path")
AXES = ("networks", "width", "examples")
BATCH, LAYERS = 500, 3
THREADS = ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS")
# The unit of getrusage's ru_maxrss: bytes on macOS, kibibytes elsewhere.
MIB = 1 << (20 if sys.platform == "darwin" else 10)

# Exponents of the leading term, by axis. Moments cost examples x width^2 and dominate if there are
# more examples than units; the products of Sigma-WM cost width^3. The memory of AM is that of one
# row group of activations and does not grow beyond the size of a row group.
_LINEAR = {"networks": 1, "width": 2, "examples": 1}
REFERENCES = {
    ("training", "seconds"): _LINEAR,
    ("training", "MiB"): _LINEAR,
    ("naive_wm", "seconds"): {"networks": 1, "width": 3},
    ("naive_wm", "MiB"): {"networks": 1, "width": 2},
    ("sigma_wm", "seconds"): _LINEAR,
    ("sigma_wm", "MiB"): _LINEAR,
    ("am", "seconds"): _LINEAR,
    ("am", "MiB"): {"networks": 1, "width": 2, "examples": 0},
    ("dimension", "seconds"): _LINEAR,
    ("dimension", "MiB"): _LINEAR,
    ("path", "seconds"): _LINEAR,
    ("path", "MiB"): _LINEAR,
} | {(name, "assignments s"): {"networks": 1, "width": 3, "examples": 0} for name in MATCHERS}


@dataclass(frozen=True)
class Size:
    """A point of the curves: the number of networks, their width and the training examples."""

    networks: int
    width: int
    examples: int

    def network(self) -> dict:
        """The config's block."""
        return {"name": "mlp", "hidden_widths": [self.width] * LAYERS}

    def pairs(self) -> list[tuple[int, int]]:
        """(0, 1), (2, 3), ..."""
        return [(i, i + 1) for i in range(0, self.networks - 1, 2)]

    def folder(self, scratch: Path) -> Path:
        """The folder with the files of this point."""
        return scratch / f"{self.networks}-{self.width}-{self.examples}"


def curves(options) -> dict[tuple[str, str], list[Size]]:
    """The points of every operation and axis."""
    base = Size(options.base_networks, options.base_width, options.base_examples)
    values = {"networks": options.networks, "width": options.widths, "examples": options.examples}
    found = {}
    for operation, axis in product(options.operations, AXES):
        if (operation, axis) == ("naive_wm", "examples"):
            continue  # it sees none
        sizes = [replace(base, **{axis: value}) for value in sorted(values[axis])]
        if operation in (*MATCHERS, "path"):
            sizes = [size for size in sizes if size.networks > 1]
        if sizes:
            found[operation, axis] = sizes
    return found


# --- In a separate process -----------------------------------------------------------------------

_imported = 0.0  # MiB, of this process


def peak() -> float:
    """The peak memory of this process in MiB."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / MIB


def start(operation: str, device: str) -> None:
    """Import the modules of the operation's job, and measure the memory of the imports."""
    global _imported
    import pyarrow

    pyarrow.set_cpu_count(1)
    scripts = {"training": "train", "path": "evaluate_path"}
    importlib.import_module(scripts.get(operation, "match"))
    if "torch" in sys.modules or device != "cpu":
        import torch

        torch.set_num_threads(1)
        if device != "cpu":
            torch.cuda.init()
    _imported = peak()


def prepare(size: Size, scratch: Path, device: str) -> None:
    """Write the files that the operations read: data, networks, activations and permutations."""
    from derive_groups import derive_groups
    from match import match
    from record_activations import record_activations

    from lmc_ot import tables

    folder = size.folder(scratch)
    folder.mkdir()
    data = common.synthetic(size.examples, max(1, size.examples // 6))
    write_dataset(folder / "dataset.parquet", data, {})
    networks, _ = train(size, data, device)
    tables.write_checkpoints(folder / "checkpoints.parquet", networks, common.RUN, device, [])
    read = {
        "dataset": folder / "dataset.parquet",
        "checkpoints": folder / "checkpoints.parquet",
        "groups": folder / "groups.parquet",
        "run": common.RUN,
    }
    derive_groups(read["dataset"], read["groups"], folder / "groups.txt", size.network(), {})
    if device == "cpu":
        record_activations(
            **read,
            activations=folder / "activations",
            network=size.network(),
            examples=None,
            positions=1,
            device=device,
        )
    match(
        **read,
        permutations=folder / "permutations.parquet",
        objectives=folder / "objectives.parquet",
        **of_matcher("naive_wm"),
        pairs=size.pairs(),
        streamed={},
    )


def of_matcher(name: str) -> dict:
    """Arguments of ``workflow/scripts/match.py`` for one matcher."""
    return {
        "matchers": {name: {"name": name}},
        "code": {name: "benchmark"},
        "freeze": [],
        "recording": [],
    }


def train(size: Size, data, device: str) -> tuple[dict, float]:
    """The networks after an epoch, by number, and the seconds of the epoch."""
    from lmc_ot.networks.build import build
    from lmc_ot.training.loop import train as train_ensemble
    from lmc_ot.training.optimisers import REGISTRY as OPTIMISERS
    from lmc_ot.training.settings import NetworkId

    found = train_ensemble(
        build(size.network(), data),
        data,
        [NetworkId(number, common.LEARNING_RATE) for number in range(size.networks)],
        common.training_config(batch_size=min(BATCH, size.examples), epochs=1),
        OPTIMISERS.build({"name": "sgd", "momentum": 0.9}),
        common.RUN["seed"],
        device,
    )
    return found.networks, found.history[-1]["seconds"]


def measure(operation: str, size: Size, scratch: Path, device: str, points: int) -> dict:
    """One turn of an operation: its seconds, those of assignments, and the memory so far."""
    from lmc_ot.matching import layerwise
    from lmc_ot.tables import seal

    seal._check.cache_clear()  # a job has checked no file yet
    assign, assignments = layerwise.assign, []

    def timed(similarities, heads):
        begin = time.perf_counter()
        found = assign(similarities, heads)
        assignments.append(time.perf_counter() - begin)
        return found

    layerwise.assign = timed
    cuda = device != "cpu"
    if cuda:
        import torch

        torch.cuda.reset_peak_memory_stats()
    with open(os.devnull, "w") as nowhere, redirect_stdout(nowhere):
        begin = time.perf_counter()
        inside = run(operation, size, scratch, device, points)
        if cuda:
            torch.cuda.synchronize()
        seconds = time.perf_counter() - begin if inside is None else inside
    layerwise.assign = assign
    found = {"seconds": seconds, "import MiB": _imported, "peak MiB": peak()}
    if assignments:
        found["assignments s"] = sum(assignments)
    found["MiB"] = found["peak MiB"] - found["import MiB"]
    if cuda:
        found["MiB"] = torch.cuda.max_memory_allocated() / 2**20
    return found


def run(operation: str, size: Size, scratch: Path, device: str, points: int) -> float | None:
    """Run the operation; return its seconds if they are not those of the whole call."""
    folder = size.folder(scratch)
    if operation == "training":
        return train(size, read_dataset(folder / "dataset.parquet"), device)[1]
    read = {
        "dataset": folder / "dataset.parquet",
        "checkpoints": folder / "checkpoints.parquet",
        "groups": folder / "groups.parquet",
        "run": common.RUN,
    }
    if operation == "path":
        from evaluate_path import evaluate_path

        (folder / "path.parquet").unlink(missing_ok=True)  # else what is in it would stand
        evaluate_path(
            **read,
            permutations=folder / "permutations.parquet",
            labels=["naive_wm"],
            path=folder / "path.parquet",
            network=size.network(),
            pairs=size.pairs(),
            points=points,
            train_examples=None,
            device=device,
            code="benchmark",
        )
        return None
    activations = folder / "activations" if device == "cpu" else None
    streamed = {"network": size.network(), "examples": None, "device": device}
    if operation == "dimension":
        describe_networks(read, activations, streamed)
        return None
    from match import match

    (folder / f"{operation}.parquet").unlink(missing_ok=True)  # else what is in it would stand
    match(
        **read,
        **of_matcher(operation),
        permutations=folder / f"{operation}.parquet",
        objectives=folder / f"{operation}-objectives.parquet",
        pairs=size.pairs(),
        activations=activations,
        streamed=streamed,
    )
    return None


def describe_networks(read: dict, activations: Path | None, streamed: dict) -> None:
    """Read the files of a setting and compute the dimensions of all networks by Sigma-WM."""
    from lmc_ot import tables
    from lmc_ot.connectivity.dimension import dimensions_of
    from lmc_ot.matching import REGISTRY, sources
    from lmc_ot.networks.groups.table import read_groups

    networks = tables.read_checkpoints(read["checkpoints"], read["run"])
    groups = read_groups(read["groups"])
    moments = sources.of_networks(
        read["dataset"], networks, groups, activations, streamed, read["run"]
    )
    matcher = REGISTRY.build({"name": "sigma_wm"})
    assert dimensions_of(matcher, "sigma_wm", networks, groups, moments)


# --- In the main process -------------------------------------------------------------------------


def alone(initializer: Callable | None = None, arguments: tuple = ()) -> ProcessPoolExecutor:
    """A separate process that runs one task at a time."""
    context = multiprocessing.get_context("spawn")
    return ProcessPoolExecutor(1, context, initializer=initializer, initargs=arguments)


def take_turns(operation: str, axis: str, sizes: list[Size], scratch: Path, options) -> list[dict]:
    """Every repetition of the points of one curve."""
    rows = []
    with ExitStack() as living:
        processes = [living.enter_context(alone(start, (operation, options.device))) for _ in sizes]
        for imported in [process.submit(peak) for process in processes]:
            imported.result()
        for turn in range(options.turns):
            for size, process in zip(sizes, processes, strict=True):
                task = process.submit(
                    measure, operation, size, scratch, options.device, options.points
                )
                point = {"operation": operation, "axis": axis, **asdict(size)}
                rows.append({**point, "turn": turn, **task.result()})
    return rows


def smallest(repetitions: pd.DataFrame) -> pd.DataFrame:
    """One row per point, with the smallest value of every column over the turns."""
    keys = ["operation", "axis", *AXES]
    return repetitions.drop(columns="turn").groupby(keys, sort=False, as_index=False).min()


def exponents(points: pd.DataFrame) -> pd.DataFrame:
    """The slope of every curve in a log-log plot with its standard error, and of its last step."""
    rows = []
    for (operation, axis), curve in points.groupby(["operation", "axis"], sort=False):
        for quantity in ("seconds", "assignments s", "MiB"):
            values = curve[curve[quantity] > 0] if quantity in curve else curve[:0]
            reference = REFERENCES.get((operation, quantity), {}).get(axis)
            if len(values) < 2 or reference is None:
                continue
            x, y = np.log(values[axis].to_numpy(float)), np.log(values[quantity].to_numpy(float))
            about = x - x.mean()
            slope = about @ y / (about @ about)
            rest = y - y.mean() - slope * about
            free = len(x) - 2
            rows.append(
                {
                    "operation": operation,
                    "quantity": quantity,
                    "axis": axis,
                    "from": int(values[axis].min()),
                    "to": int(values[axis].max()),
                    "reference": reference,
                    "exponent": slope,
                    "error": np.sqrt(rest @ rest / free / (about @ about)) if free else np.nan,
                    "last step": (y[-1] - y[-2]) / (x[-1] - x[-2]),
                }
            )
    return pd.DataFrame(rows)


# --- The figure ----------------------------------------------------------------------------------

LABELS = {
    "networks": "networks $K$",
    "width": "width",
    "examples": "training examples",
    "seconds": "seconds",
    "MiB": "MiB",
}
SYMBOLS = {"networks": "K", "width": "w", "examples": "n"}


def draw(points: pd.DataFrame, slopes: pd.DataFrame):
    """Seconds above and memory below, one column per axis; grey lines show the theory's growth."""
    import matplotlib as mpl
    from matplotlib.figure import Figure

    from lmc_ot.reporting.figures import style

    others = dict(zip(("training", "dimension", "path"), style.PALETTE[3:], strict=False))
    looks = {name: style.look(name, MATCHERS) for name in MATCHERS}
    looks |= {
        name: {"color": color, "marker": marker}
        for (name, color), marker in zip(others.items(), style.MARKERS[4:], strict=False)
    }
    names = {name: style.name(name) for name in MATCHERS}
    names |= {"dimension": "dimension ($\\Sigma$-WM)", "path": "evaluation of the path"}
    with mpl.rc_context(style.SETTINGS):
        figure = Figure(figsize=(2.2 * style.COLUMN_WIDTH, 4.4), layout="constrained")
        grid = figure.subplots(2, 3, sharex="col", sharey="row")
        for (i, quantity), (j, axis) in product(enumerate(("seconds", "MiB")), enumerate(AXES)):
            axes, shown = grid[i, j], points[points["axis"] == axis]
            for operation, curve in shown.groupby("operation", sort=False):
                label = names.get(operation, operation)
                values = curve[quantity].where(curve[quantity] > 0)
                axes.plot(curve[axis], values, label=label, **looks[operation])
                if (quantity, axis) == ("seconds", "width") and operation in MATCHERS:
                    axes.plot(
                        curve[axis],
                        curve["assignments s"],
                        linestyle=":",
                        markerfacecolor="none",
                        markeredgewidth=0.8,
                        label=f"{label}: its assignments",
                        **looks[operation],
                    )
            wanted = slopes[(slopes["axis"] == axis) & (slopes["quantity"] == quantity)]
            if (quantity, axis) == ("seconds", "width"):
                wanted = slopes[(slopes["axis"] == axis) & (slopes["quantity"] != "MiB")]
            _references(axes, axis, shown, wanted)
            axes.set(xscale="log", yscale="log")
            axes.set_xticks(sorted(shown[axis].unique()))
            axes.xaxis.set_major_formatter(lambda x, position: f"{x:,.0f}")
            axes.tick_params(axis="x", which="minor", bottom=False, labelbottom=False)
            if i:
                axes.set_xlabel(LABELS[axis])
            if not j:
                axes.set_ylabel(LABELS[quantity])
        entries = {}
        for axes in grid.flat:
            handles, labels = axes.get_legend_handles_labels()
            entries |= {t: h for t, h in zip(labels, handles, strict=True) if t not in entries}
        figure.legend(entries.values(), entries.keys(), loc="outside upper center", ncols=3)
    return figure


def _references(axes, axis: str, points: pd.DataFrame, slopes: pd.DataFrame) -> None:
    """A grey line for every exponent of the theory, above the highest curve with this exponent."""
    from lmc_ot.reporting.figures import style

    for exponent, same in slopes[slopes["reference"] > 0].groupby("reference"):
        ends = []
        for row in same.itertuples():
            curve = points[(points["operation"] == row.operation) & (points[axis] == row.to)]
            ends.append((curve[row.quantity].iloc[0], row))
        top, row = max(ends, key=lambda end: end[0])
        x = np.array([row.to / 2 ** (4 if exponent < 3 else 2), row.to])
        x[0] = max(x[0], points[axis].min())
        y = 1.6 * top * (x / x[1]) ** exponent
        axes.plot(x, y, color=style.GREY, linestyle="--", linewidth=0.8)
        axes.annotate(
            f"${SYMBOLS[axis]}^{{{exponent:g}}}$",
            (x[1], y[1]),
            xytext=(2, 0),
            textcoords="offset points",
            fontsize=6,
            color=style.GREY,
        )


def save_figure(name: str) -> None:
    """Draw the figure from the tables with this name in ``benchmarks/results``."""
    from lmc_ot.reporting.figures.compose import save

    points = pd.read_csv(common.RESULTS / f"{name}.csv")
    slopes = pd.read_csv(common.RESULTS / f"{name}_exponents.csv")
    save(draw(points, slopes), [common.RESULTS / f"{name}.{kind}" for kind in ("png", "svg")])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    whole = {"type": int, "nargs": "+"}
    parser.add_argument("--networks", **whole, default=[1, 2, 4, 8, 16])
    parser.add_argument("--widths", **whole, default=[64, 128, 256, 512, 1024])
    parser.add_argument("--examples", **whole, default=[1500, 3000, 6000, 12000, 24000])
    parser.add_argument("--base-networks", type=int, default=2, help="if another size varies")
    parser.add_argument("--base-width", type=int, default=256)
    parser.add_argument("--base-examples", type=int, default=6000)
    parser.add_argument("--operations", nargs="+", choices=OPERATIONS, default=OPERATIONS)
    parser.add_argument("--points", type=int, default=5, help="points of a path")
    parser.add_argument("--turns", type=int, default=3)
    parser.add_argument("--device", default="cpu", choices=("cpu", "cuda"))
    parser.add_argument("--draw", action="store_true", help="only draw the stored tables")
    parser.add_argument("--output", action="store_true", help="write benchmarks/results/scaling*")
    options = parser.parse_args()
    name = "scaling" if options.device == "cpu" else f"scaling_{options.device}"
    if options.draw:
        save_figure(name)
        return

    os.environ.update(dict.fromkeys(THREADS, "1"))  # for the processes that are started
    wanted, rows = curves(options), []
    with tempfile.TemporaryDirectory() as folder:
        scratch = Path(folder)
        with alone(start, ("path", options.device)) as process:
            for size in dict.fromkeys(size for sizes in wanted.values() for size in sizes):
                process.submit(quietly, prepare, size, scratch, options.device).result()
        for (operation, axis), sizes in wanted.items():
            begin = time.perf_counter()
            rows += take_turns(operation, axis, sizes, scratch, options)
            seconds = time.perf_counter() - begin
            print(f"{operation}, {axis}: {seconds:.0f} s", file=sys.stderr, flush=True)
    repetitions = pd.DataFrame(rows)
    points = smallest(repetitions)
    where = "1 thread" if options.device == "cpu" else options.device
    notes = [
        common.machine(),
        f"{where}; the smallest of {options.turns} interleaved turns. When another size varies: "
        f"K = {options.base_networks}, width {options.base_width} in {LAYERS} hidden layers, "
        f"{options.base_examples:,} training examples, a sixth as many test examples; "
        f"{options.points} points per path.",
    ]
    common.publish(name, points, notes, options.output)
    common.publish(f"{name}_exponents", exponents(points), notes, options.output)
    if options.output:
        repetitions.to_csv(
            common.RESULTS / f"{name}_repetitions.csv", index=False, float_format="%.6g"
        )
        save_figure(name)


def quietly(function: Callable, *arguments):
    """Call a function without showing its output."""
    with open(os.devnull, "w") as nowhere, redirect_stdout(nowhere):
        return function(*arguments)


if __name__ == "__main__":
    main()
