"""What is fuzzed: every reader of files, with small files that it reads."""

import hashlib
import io
import itertools
import math
import os
import pickle
import re
import signal
import tarfile
import time
from gzip import GzipFile
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import yaml
from PIL import Image

from lmc_ot import tables
from lmc_ot.config import completion, labels, reading
from lmc_ot.data.dataset import Dataset, Split
from lmc_ot.data.table import read_dataset, write_dataset
from lmc_ot.errors import ConfigError
from lmc_ot.matching.matcher import Match
from lmc_ot.matching.table import read_permutations, rows_of
from lmc_ot.networks.groups.chain import chain
from lmc_ot.networks.groups.table import read_groups, write_groups
from lmc_ot.registries import REGISTRIES
from lmc_ot.reporting import published
from lmc_ot.tables.csv import read_csv, write_csv
from lmc_ot.training.snapshots import Snapshots
from support import parquet, structs

REPOSITORY = Path(__file__).parents[2]
RUN = {
    "experiment": "e", "axis": "training.learning_rate", "value": 0.1,
    "config_hash": "0" * 16, "seed": 0,
}  # fmt: skip


class Target:
    """A reader, and the files that it is given.

    Attributes
    ----------
    exact
        Changed files are refused, or are read as the unchanged: there is a digest. Otherwise what
        is read only has to satisfy `holds`.
    kind
        Of the mutations.
    share
        How many examples it gets, relative to the others.
    """

    exact = True
    kind = "bytes"
    share = 1
    cases = ("",)

    def make(self, case: str, variant: int, folder: Path) -> list[str]:
        """Write the files of a case. Returns the names of those that are mutated.

        Files of variant 1 hold other data; parts of them are spliced in.
        """
        raise NotImplementedError

    def read(self, case: str, folder: Path):
        """What the reader makes of the files."""
        raise NotImplementedError

    def holds(self, value) -> None:
        """Assert what must be true of all that is read."""


# -- our own tables: sealed --------------------------------------------------------------------


def values_of(kind: pa.DataType, stream: np.random.Generator, rows: int = 20):
    """Values of a column of that type."""
    if pa.types.is_string(kind):
        return [f"text {i}" for i in stream.integers(0, 3, rows)]
    if pa.types.is_boolean(kind):
        return (stream.random(rows) < 0.5).tolist()
    if pa.types.is_integer(kind):
        return stream.integers(0, 100, rows).tolist()
    if pa.types.is_floating(kind):
        return stream.normal(size=rows).tolist()
    if pa.types.is_large_binary(kind):
        return [stream.bytes(9) for _ in range(rows)]
    if pa.types.is_fixed_size_binary(kind):
        return pa.array([stream.bytes(3) for _ in range(rows)], pa.binary(3))
    if pa.types.is_struct(kind):
        return structs(kind, lambda part: values_of(part, stream, rows))
    if pa.types.is_struct(kind.value_type):
        return pa.array([values_of(kind.value_type, stream, 2) for _ in range(rows)], kind)
    if pa.types.is_string(kind.value_type):
        return pa.array([[f"text {i}"] for i in range(rows)], kind)
    return pa.array(stream.integers(0, 9, (rows, 3)).tolist(), kind)


def dataset_of(stream: np.random.Generator) -> Dataset:
    """Twenty and ten images of 4 x 4 pixels, three classes."""
    splits = (
        Split(stream.integers(0, 256, (n, 4, 4)).astype(np.uint8), np.arange(n) % 3)
        for n in (20, 10)
    )
    return Dataset(*splits, classes=3, scale=255.0)


class Tables(Target):
    """`tables.read` and `tables.metadata`, of every kind."""

    cases = tuple(tables.SCHEMAS)

    def make(self, case, variant, folder):
        stream = np.random.default_rng(variant)
        columns = {f.name: values_of(f.type, stream) for f in tables.SCHEMAS[case]}
        tables.write(case, folder / "a.parquet", columns, RUN, variant=variant)
        return ["a.parquet"]

    def read(self, case, folder):
        path = folder / "a.parquet"
        about = tables.metadata(case, path, RUN)
        return about, tables.read(case, path, run=RUN)


class Datasets(Target):
    cases = ("images", "floats")

    def make(self, case, variant, folder):
        data = dataset_of(np.random.default_rng(variant))
        if case == "floats":
            floats = [(data.inputs(s), data.splits[s].labels) for s in ("train", "test")]
            data = Dataset(*(Split(x, y.astype(np.float32)) for x, y in floats), classes=None)
        write_dataset(folder / "a.parquet", data, {})
        return ["a.parquet"]

    def read(self, case, folder):
        return read_dataset(folder / "a.parquet")


class Checkpoints(Target):
    def make(self, case, variant, folder):
        stream = np.random.default_rng(variant)
        networks = {
            number: {
                f"{layer}.{name}": stream.normal(size=shape).astype(np.float32)
                for layer in (1, 2)
                for name, shape in (("weight", (4, 2, 2)), ("bias", (4,)), ("scale", ()))
            }
            for number in (0, 1)
        }
        tables.write_checkpoints(folder / "a.parquet", networks, RUN, "cpu", [2])
        return ["a.parquet"]

    def read(self, case, folder):
        return tables.read_checkpoints(folder / "a.parquet", RUN)


class Activations(Target):
    def make(self, case, variant, folder):
        stream = np.random.default_rng(variant)
        with tables.activation_writer(folder / "a.parquet", {"x": 3, "y": 4}, RUN, "cpu") as write:
            for _ in range(2):
                samples = {"example": np.arange(5), "y": np.zeros(5), "x": np.zeros(5)}
                batch = [stream.normal(size=(5, w)).astype(np.float32) for w in (3, 4)]
                write(samples, batch)
        return ["a.parquet"]

    def read(self, case, folder):
        file = tables.ActivationFile(folder / "a.parquet", RUN)
        return file.examples(), [list(file.batches(value)) for value in ("x", "y")]


class Permutations(Target):
    def make(self, case, variant, folder):
        stream = np.random.default_rng(variant)
        groups = chain({"1.weight": 6, "2.weight": 3})
        rows = []
        for pair in (0, 1):
            found = Match({"1": stream.permutation(6)}, {"1": 1.0}, {"1": 0.5}, {"1": (2.0, 3.0)})
            rows += rows_of(found, groups, "am", pair, (2 * pair, 2 * pair + 1))[0]
        tables.write_rows("permutations", folder / "a.parquet", rows, RUN)
        return ["a.parquet"]

    def read(self, case, folder):
        return read_permutations(folder / "a.parquet", RUN)


class GroupsOfNetwork(Target):
    def make(self, case, variant, folder):
        groups = chain({"1.weight": 6 + variant, "2.weight": 4, "3.weight": 3})
        write_groups(folder / "a.parquet", groups, RUN)
        return ["a.parquet"]

    def read(self, case, folder):
        return read_groups(folder / "a.parquet", RUN)


class Several(Target):
    """`tables.read_all`."""

    names = ("a.parquet", "b.parquet")

    def make(self, case, variant, folder):
        for i, name in enumerate(self.names):
            stream = np.random.default_rng([variant, i])
            columns = {f.name: values_of(f.type, stream) for f in tables.SCHEMAS["path"]}
            tables.write("path", folder / name, columns, RUN)
        return list(self.names)

    def read(self, case, folder):
        return tables.read_all("path", [folder / name for name in self.names])


class Csv(Target):
    """`read_csv`: the table, or its digest, changes."""

    kind = "text"

    def make(self, case, variant, folder):
        stream = np.random.default_rng(variant)
        frame = pd.DataFrame({"name": ["a", "b", "c"], "value": stream.normal(size=3)})
        before = os.getcwd()
        os.chdir(folder)  # the digest's file names the table
        try:
            write_csv("a.csv", frame, "a.sha256")
        finally:
            os.chdir(before)
        return ["a.csv", "a.sha256"]

    def read(self, case, folder):
        return read_csv(folder / "a.csv", folder / "a.sha256")


class TrainingSnapshots(Target):
    """`Snapshots.load`: unusable snapshots are ignored."""

    def make(self, case, variant, folder):
        stream = np.random.default_rng(variant)
        arrays = {"weight": stream.normal(size=(3, 4)), "order": stream.permutation(5)}
        Snapshots(folder, {"seed": 0}).save("part", arrays, {"epoch": 1 + variant})
        return ["part.parquet"]

    def read(self, case, folder):
        said = []
        found = Snapshots(folder, {"seed": 0}).load("part", said.append)
        if found is None:
            (line,) = said
            raise ConfigError(line)  # stands for the line in the log
        return found


# -- the data sets that are downloaded: md5 ------------------------------------------------------


def md5(content: bytes) -> str:
    return hashlib.md5(content).hexdigest()


def idx(array: np.ndarray) -> bytes:
    """An array in MNIST's format, compressed, the same bytes every time."""
    header = bytes([0, 0, 8, array.ndim]) + np.array(array.shape, ">i4").tobytes()
    packed = io.BytesIO()
    with GzipFile(fileobj=packed, mode="wb", mtime=0) as file:
        file.write(header + array.tobytes())
    return packed.getvalue()


class Mnist(Target):
    """The folder of MNIST: a small one, whose md5 torchvision is made to ask for."""

    def make(self, case, variant, folder):
        from torchvision.datasets import MNIST

        stream = np.random.default_rng(variant)
        contents = [
            idx(stream.integers(0, 256, (20, 28, 28)).astype(np.uint8)),
            idx(stream.integers(0, 10, 20).astype(np.uint8)),
            idx(stream.integers(0, 256, (10, 28, 28)).astype(np.uint8)),
            idx(stream.integers(0, 10, 10).astype(np.uint8)),
        ]
        names = [name for name, _ in MNIST.resources]
        if variant == 0:
            MNIST.resources = [(n, md5(c)) for n, c in zip(names, contents, strict=True)]
        raw = folder / "MNIST" / "raw"
        raw.mkdir(parents=True, exist_ok=True)
        for name, content in zip(names, contents, strict=True):
            (raw / name).write_bytes(content)
        return [f"MNIST/raw/{name}" for name in names]

    def read(self, case, folder):
        from lmc_ot.data.mnist import mnist

        os.environ["LMC_DATA_DIR"] = str(folder)
        return mnist()


class Cifar10(Target):
    """CIFAR-10: the archive, or the folder of its pickles."""

    cases = ("archive", "folder")

    def make(self, case, variant, folder):
        from torchvision.datasets import CIFAR10

        stream = np.random.default_rng(variant)
        names = [f"data_batch_{i}" for i in range(1, 6)] + ["test_batch"]
        members = {"batches.meta": pickle.dumps({"label_names": list("abcdefghij")})}
        for name in names:
            pixels = stream.integers(0, 256, (4, 3072)).astype(np.uint8)
            labels = stream.integers(0, 10, 4).tolist()
            members[name] = pickle.dumps({"data": pixels, "labels": labels})
        packed = io.BytesIO()
        with (
            GzipFile(fileobj=packed, mode="wb", mtime=0) as file,
            tarfile.open(fileobj=file, mode="w") as archive,
        ):
            for name, content in members.items():
                about = tarfile.TarInfo(f"{CIFAR10.base_folder}/{name}")
                about.size = len(content)
                archive.addfile(about, io.BytesIO(content))
        if variant == 0:
            CIFAR10.tgz_md5 = md5(packed.getvalue())
            CIFAR10.train_list = [[name, md5(members[name])] for name in names[:5]]
            CIFAR10.test_list = [["test_batch", md5(members["test_batch"])]]
            CIFAR10.meta = {**CIFAR10.meta, "md5": md5(members["batches.meta"])}
        if case == "archive":
            (folder / CIFAR10.filename).write_bytes(packed.getvalue())
            return [CIFAR10.filename]
        inside = folder / CIFAR10.base_folder
        inside.mkdir(exist_ok=True)
        for name, content in members.items():
            (inside / name).write_bytes(content)
        return [f"{CIFAR10.base_folder}/{name}" for name in members]

    def read(self, case, folder):
        from lmc_ot.data.cifar10 import cifar10

        os.environ["LMC_DATA_DIR"] = str(folder)
        return cifar10()


# -- what users bring: no digest -----------------------------------------------------------------


def is_data_set(data: Dataset) -> None:
    """What `Dataset` documents, and no more classes than a table of it can hold."""
    assert 1 <= data.classes <= 1 << 15
    assert math.isfinite(data.scale) and data.scale > 0
    for split in data.splits.values():
        assert split.images.dtype == np.uint8 and split.labels.dtype == np.int64
        assert len(split.images) == len(split.labels) > 0
        assert split.images.shape[1:] == data.shape and len(data.shape) in (2, 3)
        assert math.prod(data.shape) > 0
        assert split.labels.min() >= 0 and split.labels.max() < data.classes
    assert np.isfinite(data.inputs("test")).all()


def png(image: np.ndarray, mode: str | None = None, kind: str = "PNG", **options) -> bytes:
    file = io.BytesIO()
    made = Image.fromarray(image)
    (made.convert(mode) if mode else made).save(file, kind, **options)
    return file.getvalue()


FILE = pa.struct({"bytes": pa.binary(), "path": pa.string()})


WRITERS = {
    "plain": {"compression": "none", "use_dictionary": False},
    "default": {},
    "zstd": {"compression": "zstd", "data_page_version": "2.0"},
    "gzip": {"compression": "gzip", "use_dictionary": False},
    "checksums": {"compression": "none", "write_page_checksum": True},
    "groups": {"compression": "lz4", "row_group_size": 7},
}


class UserParquet(Target):
    """The data set `parquet`: types of the image column, and ways to write a file."""

    exact = False
    kind = "parquet"
    share = 5
    images = ("fixed", "list", "large list", "png", "palette", "split", "struct", "jpeg", "names")
    cases = tuple(map(", ".join, itertools.product(images, WRITERS)))

    def make(self, case, variant, folder):
        kind, writer = case.split(", ")
        stream = np.random.default_rng(variant)
        for name, rows in (("train", 20), ("test", 10)):
            pixels = stream.integers(0, 256, (rows, 4, 4, 3)).astype(np.uint8)
            lists = pixels.reshape(rows, -1).tolist()
            values, type_ = {
                "fixed": (lists, pa.list_(pa.uint8(), 48)),
                "list": (lists, pa.list_(pa.uint8())),
                "large list": (lists, pa.large_list(pa.uint8())),
                "png": ([png(p) for p in pixels], pa.binary()),
                "palette": ([png(p, "P") for p in pixels], pa.large_binary()),
                "split": (lists, pa.list_(pa.uint8())),
                "struct": ([{"bytes": png(p), "path": "a"} for p in pixels], FILE),
                "jpeg": ([png(p, kind="JPEG") for p in pixels], pa.binary()),
                "names": (lists, pa.list_(pa.uint8())),
            }[kind]
            columns = {"image": pa.array(values, type_), "label": stream.integers(0, 3, rows)}
            if kind == "names":
                columns["label"] = [f"class {label}" for label in columns["label"]]
            columns["original"] = stream.random(rows) < 0.5
            if kind == "split":
                columns["split"] = ["train", "test"] * (rows // 2)
            pq.write_table(pa.table(columns), folder / f"{name}.parquet", **WRITERS[writer])
        return ["train.parquet"] if kind == "split" else ["train.parquet", "test.parquet"]

    def read(self, case, folder):
        os.environ["LMC_DATA_DIR"] = str(folder)
        kind = case.split(", ")[0]
        if kind == "split":
            return parquet(files="train.parquet", shape=[4, 4, 3])
        shape = None if kind in ("png", "palette", "struct", "jpeg") else [4, 4, 3]
        return parquet(train="train.parquet", test="test.parquet", shape=shape)

    def holds(self, value):
        is_data_set(value)


class UserPng(Target):
    """The same, where an image in it is changed and the file is whole."""

    exact = False
    kind = "png"
    share = 5
    cases = ("rgb", "grey", "palette", "bilevel", "told", "jpeg")

    def make(self, case, variant, folder):
        stream = np.random.default_rng(variant)
        shape = (8, 8) if case in ("grey", "bilevel") else (8, 8, 3)
        mode = {"palette": "P", "bilevel": "1"}.get(case)
        for name in ("first", "last"):
            pixels = stream.integers(0, 256, shape).astype(np.uint8)
            kind = "JPEG" if case == "jpeg" else "PNG"
            (folder / f"{name}.png").write_bytes(png(pixels, mode, kind))
        return ["first.png", "last.png"]

    def read(self, case, folder):
        os.environ["LMC_DATA_DIR"] = str(folder)
        images = [(folder / f"{name}.png").read_bytes() for name in ("first", "last")]
        table = pa.table({"image": pa.array(images, pa.binary()), "label": [0, 1]})
        for name in ("train", "test"):
            pq.write_table(table, folder / f"{name}.parquet")
        shape = [8, 8, 3] if case == "told" else None
        return parquet(train="train.parquet", test="test.parquet", shape=shape)

    def holds(self, value):
        is_data_set(value)


class Published(Target):
    """`published.read`."""

    exact = False
    kind = "text"
    share = 5

    def make(self, case, variant, folder):
        lines = (REPOSITORY / "config/published.csv").read_text().splitlines(keepends=True)
        rows = lines[1:7] if variant == 0 else lines[7:20]
        (folder / "published.csv").write_text("".join([lines[0], *rows]))
        return ["published.csv"]

    def read(self, case, folder):
        rows = published.read(folder / "published.csv", "mnist-mlp")
        return rows, published.frame(rows)

    def holds(self, value):
        rows, frame = value
        assert len(rows) == len(frame) > 0
        for row in rows:
            assert tuple(row) == (*published.TEXTS, *published.NUMBERS)
            assert row["experiment"] == "mnist-mlp"
            assert all(isinstance(row[name], str) for name in published.TEXTS)
            for name in published.NUMBERS:
                assert row[name] is None or math.isfinite(row[name])


class Config(Target):
    """A config: YAML, its check, its completion, and what the Snakefile makes of it."""

    exact = False
    kind = "text"
    share = 5
    cases = ("default", "small", "paper")

    def make(self, case, variant, folder):
        if variant == 1:
            case = {"default": "small", "small": "paper", "paper": "default"}[case]
        source = {
            "default": REPOSITORY / "config/config.yaml",
            "small": REPOSITORY / "tests/rules/config.yaml",
            "paper": REPOSITORY / "config/paper.yaml",
        }[case]
        (folder / "config.yaml").write_bytes(source.read_bytes())
        return ["config.yaml"]

    def read(self, case, folder):
        path = folder / "config.yaml"
        reading.check_keys(path)
        loaded = yaml.safe_load(path.read_text(encoding="utf-8"))
        if not isinstance(loaded, dict):
            raise ConfigError("not a dictionary: Snakemake says it")
        return completion.complete(
            loaded, REPOSITORY / "workflow/schemas/config.schema.yaml", REGISTRIES
        )

    def holds(self, value):
        for name, experiment in value["experiments"].items():
            assert labels.training_hash(value, experiment)
            assert isinstance(name, str)
            assert experiment["settings"].keys() == experiment["values"].keys()
            for label, number in experiment["values"].items():
                assert math.isfinite(number) and re.fullmatch(labels.SETTING_LABEL, label)
                assert labels.pairs(experiment["settings"][label])
        for figure in value["figures"]:
            assert labels.panel_tables(value, figure)


# -- a reader of every fault, for the test of the fuzzing itself ---------------------------------


class Faulty(Target):
    """Reads a text; does what its case says if the text changed."""

    def __init__(self, fault: str):
        self.cases = (fault,)

    def make(self, case, variant, folder):
        (folder / "a.txt").write_text("some text" if variant == 0 else "other text")
        return ["a.txt"]

    def read(self, case, folder):
        found = (folder / "a.txt").read_bytes()
        if found == b"some text":
            return found
        if case == "crashes":
            os.kill(os.getpid(), signal.SIGSEGV)
        if case == "hangs":
            time.sleep(1000)
        if case == "raises":
            raise KeyError("not a user's error")
        if case == "says two lines":
            raise ConfigError("one\ntwo")
        return found


TARGETS: dict[str, Target] = {
    "tables": Tables(),
    "dataset": Datasets(),
    "checkpoints": Checkpoints(),
    "activations": Activations(),
    "permutations": Permutations(),
    "groups": GroupsOfNetwork(),
    "several": Several(),
    "csv": Csv(),
    "snapshots": TrainingSnapshots(),
    "mnist": Mnist(),
    "cifar10": Cifar10(),
    "user-parquet": UserParquet(),
    "user-png": UserPng(),
    "published": Published(),
    "config": Config(),
}
TARGETS["tables"].share = 2
if "LMC_FUZZ_FAULT" in os.environ:
    TARGETS["faulty"] = Faulty(os.environ["LMC_FUZZ_FAULT"])
