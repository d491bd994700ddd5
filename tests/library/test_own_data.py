"""Data of the user's own: what a function may give, what networks get of it, and bad input."""

import numpy as np
import pytest
import torch

from lmc_ot.data import REGISTRY
from lmc_ot.data.dataset import Dataset, Split
from lmc_ot.data.table import read_dataset, write_dataset
from lmc_ot.errors import UserError
from lmc_ot.matching.forward import open_networks
from lmc_ot.matching.moments import moments_of
from lmc_ot.networks.build import build
from lmc_ot.networks.groups.report import of_network
from lmc_ot.networks.network import stack

FILE = """
import numpy as np
import torch

stream = np.random.default_rng(0)
X, Y = stream.normal(size=(6, 2, 3, 4)), stream.normal(size=(6, 2))
LABELS = [0, 1, 2, 0, 1, 2]
IMAGES = stream.integers(0, 256, (6, 3, 4)).astype(np.uint8)


def both(inputs, targets):
    return {"train": (inputs, targets), "test": (inputs[:4], targets[:4])}


class Examples(torch.utils.data.Dataset):
    def __len__(self):
        return 6

    def __getitem__(self, i):
        if i >= 6:
            raise IndexError
        return torch.from_numpy(X[i]), LABELS[i]


def floats(scale=1.0):
    return both(scale * X, Y)


def tensors():
    return tuple(both(torch.from_numpy(X).bfloat16(), torch.tensor(LABELS)).values())


def batches():
    loader = torch.utils.data.DataLoader(Examples(), batch_size=4)
    return {"train": loader, "test": [(X[:3], LABELS[:3]), (X[3:], LABELS[3:])]}


def examples():
    return Examples(), Examples()


def images():
    return both(IMAGES, LABELS)


def fails():
    raise KeyError("no table in\\nthe file")


data = both(X, LABELS)
number = 3
nothing = lambda: None
one_split = lambda: {"train": (X, Y), "validation": (X, Y)}
lengths = lambda: both(X, LABELS) | {"test": (X, LABELS[:5])}
infinite = lambda: both(np.where(X > 1, np.inf, X), Y)
missing = lambda: both(X, np.where(Y > 0, np.nan, Y))
negative = lambda: both(X, [-1, 0, 1, 2, 0, 1])
many = lambda: both(X, [0, 1, 2, 3, 4, 40000])
shapes = lambda: both(X, Y) | {"test": (X[:, :1], Y)}
of_targets = lambda: both(X, Y) | {"test": (X, Y[:, :1])}
kinds = lambda: both(X, Y) | {"test": (X, LABELS)}
integers = lambda: both(IMAGES.astype(int), LABELS)
scalars = lambda: both(X[:, 0, 0, 0], Y)
rows = lambda: both(IMAGES.reshape(6, -1), LABELS)
first = lambda: both(stream.integers(0, 9, (6, 3, 8, 8)).astype(np.uint8), LABELS)
one_hot = lambda: both(X, np.eye(3, dtype=int)[LABELS])
words = lambda: both(X, list("abcabc"))
ragged = lambda: {"train": [(X, Y), (X[:, 0], Y)], "test": (X, Y)}
empty = lambda: both(X, Y) | {"test": (X[:0], Y[:0])}
"""


@pytest.fixture
def of_file(tmp_path, monkeypatch):
    """Build ``module`` from a name in a file in the working directory."""
    (tmp_path / "own.py").write_text(FILE, encoding="utf-8")
    monkeypatch.chdir(tmp_path)

    def make(name, file="own.py", **options):
        return REGISTRY.build({"name": "module", "target": f"{file}:{name}", **options})

    return make


@pytest.fixture
def floats():
    """What the file's `floats` gives."""
    stream = np.random.default_rng(0)
    return stream.normal(size=(6, 2, 3, 4)), stream.normal(size=(6, 2))


def as_module_gets_it(data, split="train"):
    network = build({"name": "mlp", "hidden_widths": [3]}, data)
    return network.images(torch.from_numpy(data.inputs(split))).numpy()


@pytest.mark.parametrize("name", ["tensors", "batches", "examples", "data"])
def test_arrays_tensors_batches_and_examples_are_the_same_data(of_file, floats, name):
    found = of_file(name)
    tolerance = 0.01 if name == "tensors" else 1e-7
    np.testing.assert_allclose(as_module_gets_it(found), floats[0], rtol=tolerance)
    assert found.classes == 3 and found.train.labels.tolist() == [0, 1, 2, 0, 1, 2]
    assert found.train.labels.dtype == np.int64 and len(found.test.labels) >= 4


def test_floats_are_used_as_they_are_and_arguments_are_passed_on(of_file, floats):
    found = of_file("floats", arguments={"scale": 2.0})
    inputs, targets = (array.astype(np.float32) for array in (2 * floats[0], floats[1]))
    assert as_module_gets_it(found).tobytes() == inputs.tobytes()
    assert as_module_gets_it(found, "test").tobytes() == inputs[:4].tobytes()
    assert found.train.labels.tobytes() == targets.tobytes()
    assert (found.classes, found.outputs) == (None, 2)


def test_images_are_scaled(of_file):
    found = of_file("images", classes=7)
    images = found.train.images
    assert images.dtype == np.uint8 and found.shape == (3, 4) and found.outputs == 7
    np.testing.assert_array_equal(as_module_gets_it(found)[:, 0], images.astype("f") / 255)
    assert of_file("images", standardise="measured").standardisation is not None


def test_a_data_set_of_the_library_is_taken_as_it_is(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "own.py").write_text("from lmc_ot.data.digits import digits", encoding="utf-8")
    assert REGISTRY.build({"name": "module", "target": "own.py:digits"}).scale == 16.0


@pytest.mark.parametrize("shape", [(5,), (3, 2), (4, 2, 3), (2, 3, 2, 2)])
@pytest.mark.parametrize("targets", [(), (2,), (2, 3)])
def test_floats_come_back_from_a_table_bit_for_bit(shape, targets, stream, tmp_path):
    def split(n):
        inputs, values = stream.normal(size=(n, *shape)), stream.normal(size=(n, *targets))
        return Split(inputs.astype(np.float32), values.astype(np.float32))

    data = Dataset(split(5), split(3), classes=None)
    write_dataset(tmp_path / "a.parquet", data, {})
    again = read_dataset(tmp_path / "a.parquet")
    assert (again.shape, again.classes, again.is_images) == (shape, None, False)
    for name, before in data.splits.items():
        assert again.splits[name].images.tobytes() == before.images.tobytes()
        found = again.splits[name].labels
        assert (found.dtype, found.shape) == (np.float32, before.labels.shape)
        assert found.tobytes() == before.labels.tobytes()


def test_floats_with_labels_and_images_with_targets_come_back(of_file, tmp_path):
    floats, images = of_file("data"), of_file("images")
    mixed = Dataset(
        *(Split(s.images, s.labels.astype(np.float32)) for s in images.splits.values()), None, 255.0
    )
    for data in (floats, mixed):
        write_dataset(tmp_path / "a.parquet", data, {})
        again = read_dataset(tmp_path / "a.parquet")
        assert again.inputs("test").tobytes() == data.inputs("test").tobytes()
        assert again.train.labels.dtype == data.train.labels.dtype
        np.testing.assert_array_equal(again.train.labels, data.train.labels)


@pytest.mark.parametrize(
    ("name", "options", "named"),
    [
        ("flaots", {}, ["own.py has no flaots", "'floats'"]),
        ("fails", {}, ["cannot be called", "KeyError", "no table in"]),
        ("floats", {"arguments": {"size": 3}}, ["cannot be called", "size"]),
        ("data", {"arguments": {"size": 3}}, ["dict", "no arguments"]),
        ("number", {}, ["int", "{train: (inputs, targets), test: (inputs, targets)}"]),
        ("nothing", {}, ["NoneType", "{train:"]),
        ("one_split", {}, ["'test' is missing", "train, validation"]),
        ("lengths", {}, ["test split has 6 inputs but 5 labels"]),
        ("infinite", {}, ["train inputs", "not finite"]),
        ("missing", {}, ["train targets", "not finite"]),
        ("negative", {}, ["train label is outside 0 .. 2", "-1"]),
        ("data", {"classes": 2}, ["train label is outside 0 .. 1"]),
        ("many", {}, ["40001 classes"]),
        ("floats", {"classes": 2}, ["classes: 2", "targets are floats"]),
        ("shapes", {}, ["test inputs are float32", "(3, 4, 1)", "(3, 4, 2)"]),
        ("of_targets", {}, ["test targets are float32 (1,)", "(2,)"]),
        ("kinds", {}, ["test targets are int64"]),
        ("integers", {}, ["inputs are int64", "uint8 images", "floats"]),
        ("scalars", {}, ["inputs are float64 (6,)", "floats (n, ...)"]),
        ("rows", {}, ["inputs are uint8 (6, 12)", "height, width"]),
        ("first", {}, ["uint8 (6, 3, 8, 8)", "channels of images come last"]),
        ("one_hot", {}, ["targets are int64 (6, 3)", "class labels"]),
        ("words", {}, ["targets are <U1"]),
        ("ragged", {}, ["train", "expected (inputs, targets)", "ValueError"]),
        ("empty", {}, ["test", "(0, 2, 3, 4)"]),
        ("floats", {"standardise": "measured"}, ["standardise", "remove this option"]),
    ],
)
def test_what_is_no_data_set_is_refused_in_one_line(of_file, name, options, named, one_line):
    with pytest.raises(UserError) as error:
        of_file(name, **options)
    one_line(error, *named)
    if "standardise" not in options:
        assert str(error.value).startswith(f"own.py:{name}: ")


def test_a_file_that_is_missing_or_cannot_be_run_is_named(of_file, one_line, tmp_path):
    (tmp_path / "broken.py").write_text("import no_such_package", encoding="utf-8")
    for file, named in (("none.py", "no file none.py"), ("broken.py", "no_such_package")):
        with pytest.raises(UserError) as error:
            of_file("floats", file=file)
        one_line(error, file, named)


@pytest.mark.parametrize("block", [{"name": "mlp", "hidden_widths": [6]}, {"name": "own"}])
def test_moments_of_layers_that_read_floats_are_those_of_their_outputs(
    block, of_file, floats, tmp_path
):
    """Of a layer on the flattened input, in the order of its axes or with the first one last."""
    (tmp_path / "net.py").write_text(
        "from torch import nn\n"
        "def net():\n"
        "    return nn.Sequential(nn.Flatten(), nn.Linear(24, 6), nn.ReLU(), nn.Linear(6, 2))\n",
        encoding="utf-8",
    )
    if block["name"] == "own":
        block = {"name": "module", "target": "net.py:net"}
    data = of_file("floats")
    network = build(block, data)
    groups, found = of_network(network, data.inputs("train"), 3)
    assert found.error < 1e-9
    parameters = network.initial(0, 0.1, 0)
    [group] = groups.groups
    [producer] = group.producers
    weight = parameters[producer.parameter]
    order = floats[0] if block["name"] == "module" else np.moveaxis(floats[0], 1, -1)
    expected = moments_of([(order.reshape(6, -1) @ weight.T.astype(float)).astype(np.float32)])
    moments = open_networks(data, {0: parameters}, groups, block, None, "cpu", 0)(0)
    measured = moments.through(producer, weight, weight)
    np.testing.assert_allclose(measured.covariance, expected.covariance, rtol=1e-4, atol=1e-5)
    outputs = network.forward(stack([parameters]), torch.from_numpy(data.inputs("train")))
    assert outputs.shape == (1, 6, 2)
