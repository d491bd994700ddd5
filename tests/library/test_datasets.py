"""Data sets: what is in them, and what is said when they cannot be had."""

import gzip
import hashlib
import multiprocessing
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from types import SimpleNamespace
from urllib.error import URLError

import numpy as np
import pytest
import torch

from lmc_ot import tables
from lmc_ot.connectivity.pairs import evaluation_examples
from lmc_ot.data import REGISTRY, mnist
from lmc_ot.data.dataset import Dataset, Split
from lmc_ot.data.digits import digits
from lmc_ot.data.download import fetch
from lmc_ot.data.folder import data_folder
from lmc_ot.data.table import read_dataset, write_dataset
from lmc_ot.errors import DataError
from lmc_ot.matching import recording, sources
from lmc_ot.networks.graph import Graph

NAMES = [
    "train-images-idx3-ubyte.gz",
    "train-labels-idx1-ubyte.gz",
    "t10k-images-idx3-ubyte.gz",
    "t10k-labels-idx1-ubyte.gz",
]


def split(examples=4, shape=(2, 3), labels=None, dtype=np.uint8):
    images = np.arange(examples * np.prod(shape)).reshape(examples, *shape).astype(dtype)
    return Split(images, np.zeros(examples, np.int64) if labels is None else np.array(labels))


# -- a data set in memory --------------------------------------------------------------------


def test_networks_see_flat_float32_images_over_the_scale():
    data = Dataset(split(4), split(2), classes=2, scale=8.0)
    assert data.shape == (2, 3)
    inputs = data.inputs("train")
    assert inputs.dtype == np.float32
    assert inputs[1].tolist() == [6 / 8, 7 / 8, 1, 9 / 8, 10 / 8, 11 / 8]
    assert data.inputs("test").shape == (2, 6)


@pytest.mark.parametrize(
    ("train", "test", "named"),
    [
        (split(0), split(), "train split is empty"),
        (split(), split(0), "test split is empty"),
        (split(labels=[0, 0, 0]), split(), "4 images but 3 labels"),
        (split(dtype=np.float32), split(), "test inputs are uint8"),
        (split(), split(shape=(2, 2)), "test images are uint8 (2, 2)"),
        (split(labels=[0, 1, 2, 3]), split(), "outside 0 .. 2 (found 0 .. 3)"),
        (split(), split(labels=[0, -1, 2, 1]), "test label is outside 0 .. 2 (found -1 .. 2)"),
    ],
)
def test_a_data_set_that_contradicts_itself_is_refused(train, test, named, one_line):
    with pytest.raises(DataError) as error:
        Dataset(train, test, classes=3, scale=1.0)
    one_line(error, "data set", named)


# -- standardised per channel ----------------------------------------------------------------

IMAGENET = {"mean": [0.485, 0.456, 0.406], "deviation": [0.229, 0.224, 0.225]}
GIVEN = {1: {"mean": [0.1307], "deviation": [0.3081]}, 3: IMAGENET}
SHAPES = [(5, 4), (5, 4, 1), (5, 4, 3)]


@pytest.fixture
def random(stream):
    """Make a data set of random images of a shape; those of the test split are darker."""

    def make(shape, train=40, test=9):
        return Dataset(
            Split(stream.integers(0, 256, (train, *shape)).astype(np.uint8), np.zeros(train, int)),
            Split(stream.integers(0, 100, (test, *shape)).astype(np.uint8), np.zeros(test, int)),
            classes=1,
            scale=255.0,
        )

    return make


def by_channel(images, channels):
    """Pixels over 255, float64, one row per pixel and one column per channel."""
    return images.reshape(-1, channels).astype(np.float64) / 255


def test_a_given_mean_is_subtracted_and_a_given_deviation_divided_by():
    """All values are exact in binary."""
    grey = Dataset(split(4), split(2), classes=2, scale=8.0)
    found = grey.standardised(mean=[0.25], deviation=[0.5])
    assert found.inputs("train")[1].tolist() == [1.0, 1.25, 1.5, 1.75, 2.0, 2.25]
    assert found.inputs("train").dtype == np.float32 and found.inputs("test").shape == (2, 6)
    colour = Dataset(split(2, (1, 2, 3)), split(1, (1, 2, 3)), classes=2, scale=8.0)
    found = colour.standardised(mean=[0.0, 0.125, 1.0], deviation=[1.0, 0.5, 0.25])
    # The pixels of image 1 are (6, 7, 8) and (9, 10, 11).
    assert found.inputs("train")[1].tolist() == [0.75, 1.5, 0.0, 1.125, 2.25, 1.5]


def test_standardising_changes_neither_the_images_nor_the_data_set_it_is_asked_of(random):
    data = random((5, 4, 3))
    before, images = data.inputs("train"), data.train.images.copy()
    found = data.standardised()
    assert not np.array_equal(found.inputs("train"), before)
    np.testing.assert_array_equal(found.inputs("train"), found.inputs("train"))
    np.testing.assert_array_equal(data.inputs("train"), before)
    np.testing.assert_array_equal(found.train.images, images)
    assert data.standardisation is None


@pytest.mark.parametrize("shape", SHAPES, ids=str)
@pytest.mark.parametrize("version", ["v1", "v2"])
def test_networks_see_what_torchvisions_normalize_gives(random, shape, version):
    """Bit for bit."""
    if version == "v1":
        from torchvision.transforms import Normalize
    else:
        from torchvision.transforms.v2 import Normalize
    data = random(shape)
    given = GIVEN[data.channels]
    normalize = Normalize(given["mean"], given["deviation"])
    for name, part in data.splits.items():
        images = torch.from_numpy(part.images.reshape(len(part.images), 5, 4, -1)).float() / 255
        expected = normalize(images.permute(0, 3, 1, 2)).permute(0, 2, 3, 1).flatten(1).numpy()
        np.testing.assert_array_equal(data.standardised(**given).inputs(name), expected)


@pytest.mark.parametrize("shape", SHAPES, ids=str)
def test_what_is_measured_is_of_the_training_split_and_gives_mean_0_and_deviation_1(random, shape):
    data = random(shape)
    channels = data.channels
    found = data.standardised()
    train, test = (by_channel(part.images, channels) for part in data.splits.values())
    mean, deviation = train.mean(0), train.std(0)
    np.testing.assert_allclose(found.standardisation.mean, mean, rtol=1e-12)
    np.testing.assert_allclose(found.standardisation.deviation, deviation, rtol=1e-12)

    seen = found.inputs("train").reshape(-1, channels).astype(np.float64)
    np.testing.assert_allclose(seen.mean(0), 0, atol=1e-6)
    np.testing.assert_allclose(seen.std(0), 1, atol=1e-6)

    seen = found.inputs("test").reshape(-1, channels).astype(np.float64)
    np.testing.assert_allclose(seen, (test - mean) / deviation, rtol=0, atol=1e-6)
    assert (seen.mean(0) < -0.5).all(), "the test split is darker than the training split"


def test_one_of_mean_and_deviation_may_be_given_and_the_other_is_measured(random):
    data = random((5, 4, 3))
    measured = data.standardised().standardisation
    found = data.standardised(mean=IMAGENET["mean"]).standardisation
    assert found.mean == tuple(IMAGENET["mean"]) and found.deviation == measured.deviation
    found = data.standardised(deviation=IMAGENET["deviation"]).standardisation
    assert found.mean == measured.mean and found.deviation == tuple(IMAGENET["deviation"])


@pytest.mark.parametrize("shape", SHAPES, ids=str)
@pytest.mark.parametrize("name", ["train", "test"])
def test_some_examples_are_what_they_are_among_all_examples(random, shape, name):
    found = random(shape).standardised()
    everything = found.inputs(name)
    for some in ([7, 0, 3, 3], [8]):
        inputs = found.inputs(name, np.array(some))
        assert inputs.dtype == np.float32
        np.testing.assert_array_equal(inputs, everything[some])


@pytest.mark.parametrize("shape", SHAPES, ids=str)
def test_black_is_what_a_network_sees_of_an_image_of_zeros(random, shape):
    data = random(shape)
    data.test.images[0] = 0
    for found in (data, data.standardised(), data.standardised(**GIVEN[data.channels])):
        black = found.black
        assert black.dtype == np.float32 and black.shape == (data.channels,)
        np.testing.assert_array_equal(np.tile(black, 20), found.inputs("test", np.array([0]))[0])
    assert not data.black.any() and (data.standardised().black < -1).all()


@pytest.mark.parametrize(
    ("shape", "constant"), [((5, 4), 0), ((5, 4, 1), 0), ((5, 4, 3), 0), ((5, 4, 3), 2)], ids=str
)
def test_a_channel_that_is_constant_on_the_training_split_cannot_be_measured(
    random, shape, constant, one_line
):
    """Its deviation is exactly 0, although the mean of so many 77 / 255 is rounded."""
    data = random(shape)
    data.train.images.reshape(-1, data.channels)[:, constant] = 77
    with pytest.raises(DataError) as error:
        data.standardised()
    one_line(error, f"data set: channel {constant} cannot be standardised", "deviation is 0")
    given = GIVEN[data.channels]
    seen = data.standardised(**given).inputs("train").reshape(-1, data.channels)[:, constant]
    expected = (77 / 255 - given["mean"][constant]) / given["deviation"][constant]
    np.testing.assert_allclose(seen, expected, rtol=1e-5)


@pytest.mark.parametrize(
    ("shape", "given", "named"),
    [
        ((5, 4, 3), {"mean": [0.5, 0.5]}, ["standardise.mean has 2 values", "3 channels"]),
        ((5, 4, 3), {"deviation": [0.5]}, ["standardise.deviation has 1 values", "3 channels"]),
        ((5, 4), IMAGENET, ["standardise.mean has 3 values", "1 channels"]),
        ((5, 4, 1), {"deviation": [0.5] * 20}, ["standardise.deviation has 20 values"]),
        ((5, 4, 3), {"mean": []}, ["standardise.mean has 0 values"]),
        ((5, 4, 3), {"deviation": [1.0, 1.0, 0.0]}, ["channel 2", "deviation is 0"]),
        ((5, 4, 3), {"deviation": [1.0, -0.5, 1.0]}, ["channel 1", "deviation is -0.5"]),
        ((5, 4), {"mean": [float("nan")]}, ["standardise.mean", "nan", "finite numbers"]),
        ((5, 4), {"deviation": [float("nan")]}, ["standardise.deviation", "nan", "finite numbers"]),
        ((5, 4), {"deviation": [float("inf")]}, ["standardise.deviation", "inf", "finite numbers"]),
    ],
)
def test_values_that_cannot_standardise_the_images_are_refused(
    random, shape, given, named, one_line
):
    with pytest.raises(DataError) as error:
        random(shape).standardised(**given)
    one_line(error, "data set: ", *named)


def test_every_reader_gets_the_standardised_inputs(clusters, trained, run_mlp, groups_of, tmp_path):
    """Paths, recorded activations, and moments of recorded and of streamed networks."""
    network, a, _ = trained
    run = {"experiment": "e", "config_hash": "0" * 16, "seed": 3}
    table = tmp_path / "dataset.parquet"
    write_dataset(table, clusters.standardised(), {"dataset": "clusters"})
    data = read_dataset(table)
    pixels = by_channel(clusters.train.images, 1)
    train, test = (
        ((by_channel(part.images, 1) - pixels.mean()) / pixels.std()).reshape(-1, 16)
        for part in clusters.splits.values()
    )
    close = {"rtol": 1e-5, "atol": 1e-5}

    some = recording.chosen_examples(data, 50, seed=3)
    found = evaluation_examples(data, 50, seed=3)
    np.testing.assert_allclose(found["test"][0], test, **close)
    np.testing.assert_allclose(found["train"][0], train[some], **close)

    samples = recording.chosen_samples(data, 50, 1, seed=3)
    graph = Graph(network.module, network.images(torch.from_numpy(train[:2].astype(np.float32))))
    groups = groups_of(a)
    taps = [group.taps[0] for group in groups]
    batches = list(recording.record(network, graph, taps, a, data, samples))
    layers = run_mlp(a, train[some])[0]
    for layer in (1, 2):
        recorded = np.concatenate([values[layer - 1] for _, values in batches])
        np.testing.assert_allclose(recorded, layers[layer], rtol=1e-4, atol=1e-4)

    folder = tmp_path / "activations"
    widths = dict(zip([tap.value for tap in taps], (16, 12), strict=True))
    with tables.activation_writer(folder / "0.parquet", widths, run, "cpu") as write:
        for part, values in batches:
            write(vars(part), values)
    how = {"network": {"name": "mlp", "hidden_widths": [16, 12]}, "examples": 50, "device": "cpu"}
    from_files = sources.of_networks(table, {0: a}, groups, folder, {}, run)(0)
    streamed = sources.of_networks(table, {0: a}, groups, None, how, run)(0)
    for moments in (from_files, streamed):
        for tap, values in zip(taps, layers[1:], strict=True):
            second = values.T @ values / 50
            np.testing.assert_allclose(moments(tap).second, second, rtol=1e-4, atol=1e-4)
        [producer] = groups.groups[0].producers
        found = moments.through(producer, *[a["layers.0.weight"]] * 2).mean_x
        expected = (layers[0] @ a["layers.0.weight"].T).mean(0)
        np.testing.assert_allclose(found, expected, rtol=1e-4, atol=1e-4)


# -- digits ----------------------------------------------------------------------------------


def test_the_digits_have_their_sizes_and_all_classes():
    data = digits()
    assert (len(data.train.labels), len(data.test.labels)) == (1437, 360)
    assert (data.shape, data.classes, data.scale) == ((8, 8), 10, 16.0)
    for part in data.splits.values():
        assert part.images.dtype == np.uint8 and part.images.max() == 16
        assert part.labels.dtype == np.int64
        assert np.bincount(part.labels).min() >= 20 * len(part.labels) // 360


def test_the_digits_are_the_same_every_time():
    first, again = digits(), digits()
    for name in ("train", "test"):
        np.testing.assert_array_equal(first.splits[name].images, again.splits[name].images)
        np.testing.assert_array_equal(first.splits[name].labels, again.splits[name].labels)


def test_the_digits_splits_are_disjoint_and_are_all_of_scikit_learns():
    from sklearn.datasets import load_digits

    data, bunch = digits(), load_digits()
    ours = [
        (image.tobytes(), int(label))
        for part in data.splits.values()
        for image, label in zip(part.images, part.labels, strict=True)
    ]
    theirs = [
        (image.astype(np.uint8).tobytes(), int(label))
        for image, label in zip(bunch.images, bunch.target, strict=True)
    ]
    assert sorted(ours) == sorted(theirs)
    assert len(set(ours)) == 1797, "no digit is there twice, so none is in both splits"


# -- MNIST: files in many packings -----------------------------------------------------------


@pytest.fixture
def raw(tmp_path, monkeypatch):
    """The folder that MNIST's files should be in."""
    monkeypatch.setenv("LMC_DATA_DIR", str(tmp_path / "data"))
    return tmp_path / "data" / "MNIST" / "raw"


@pytest.fixture
def downloads(monkeypatch):
    """Replace torchvision's download: what it was asked for, and what it does instead."""

    def refuse(url, root, filename, md5):
        raise URLError("no network")

    found = SimpleNamespace(asked=[], then=refuse)

    def download(url, root, filename=None, md5=None):
        found.asked.append((url, filename))
        found.then(url, root, filename, md5)

    monkeypatch.setattr("torchvision.datasets.utils.download_url", download)
    return found


@pytest.fixture
def small(stream, monkeypatch):
    """An MNIST of 20 and 10 images that counts as the original: uncompressed file -> content."""
    from torchvision.datasets import MNIST

    contents = {}
    for name in NAMES:
        shape = (20 if "train" in name else 10, 28, 28)[: 3 if "images" in name else 1]
        values = stream.integers(0, 10, shape).astype(np.uint8)
        header = bytes([0, 0, 8, len(shape)]) + np.array(shape, ">i4").tobytes()
        contents[name.removesuffix(".gz")] = header + values.tobytes()
    digests = {name: hashlib.sha256(content).hexdigest() for name, content in contents.items()}
    resources = [
        (f"{name}.gz", hashlib.md5(original(content)).hexdigest())
        for name, content in contents.items()
    ]
    monkeypatch.setattr(mnist, "SHA256", digests)
    monkeypatch.setattr(MNIST, "resources", resources)
    return contents


def original(content):
    return gzip.compress(content, 9, mtime=0)


# What lies in the folder for one of the files: suffix -> content.
PACKINGS = {
    "the original": lambda content: {".gz": original(content)},
    "compressed again": lambda content: {".gz": gzip.compress(content, 1, mtime=7)},
    "uncompressed": lambda content: {"": content},
    "both": lambda content: {"": content, ".gz": original(content)},
    "uncompressed by a browser": lambda content: {".gz": content},
    "a corrupt .gz beside": lambda content: {"": content, ".gz": original(content)[:-9]},
    "a corrupt uncompressed file beside": lambda content: {
        "": content[:-1],
        ".gz": original(content),
    },
}


def put(raw, contents, packings):
    raw.mkdir(parents=True, exist_ok=True)
    for (name, content), packing in zip(contents.items(), packings, strict=True):
        for suffix, packed in PACKINGS[packing](content).items():
            (raw / f"{name}{suffix}").write_bytes(packed)


def listed(folder):
    return sorted((p.name, p.stat().st_mtime_ns) for p in folder.rglob("*"))


def check_small(data, contents):
    images, labels, test_images, test_labels = contents.values()
    assert data.train.images.tobytes() == images[16:]
    assert data.train.labels.tolist() == list(labels[8:])
    assert data.test.images.tobytes() == test_images[16:]
    assert data.test.labels.tolist() == list(test_labels[8:])
    assert (data.shape, data.classes, data.train.labels.dtype) == ((28, 28), 10, np.int64)
    assert data.train.images.flags.writeable


@pytest.mark.parametrize(
    "packings",
    [
        *([packing] * 4 for packing in PACKINGS),
        ["the original", "uncompressed", "compressed again", "both"],
    ],
    ids=lambda packings: packings[0] if len(set(packings)) == 1 else "a mixture",
)
def test_mnist_is_read_in_any_packing_without_a_temporary_copy(
    raw, downloads, small, packings, monkeypatch
):
    put(raw, small, packings)
    before = listed(raw)
    monkeypatch.setattr("tempfile.mkdtemp", None)
    check_small(mnist.mnist(), small)
    assert listed(raw) == before
    assert downloads.asked == []


def test_only_the_files_that_are_there_in_no_packing_are_downloaded(raw, downloads, small):
    put(raw, small, ["the original", "uncompressed", "compressed again", "both"])
    for name in (NAMES[1].removesuffix(".gz"), NAMES[2]):
        (raw / name).unlink()

    def give(url, root, filename, md5):
        (Path(root) / filename).write_bytes(original(small[filename.removesuffix(".gz")]))

    downloads.then = give
    check_small(mnist.mnist(), small)
    assert [filename for _, filename in downloads.asked] == NAMES[1:3]


# -- MNIST: files that are missing or corrupt ------------------------------------------------


DAMAGE = ["cut short", "one bit", "empty", "other data"]


@pytest.mark.parametrize(
    ("name", "suffix", "damage"),
    [
        *((NAMES[0], suffix, damage) for suffix in ("", ".gz") for damage in DAMAGE),
        *((name, ".gz", "one bit") for name in NAMES[1:]),
    ],
)
def test_a_file_whose_content_is_not_the_originals_is_refused(
    raw, downloads, small, name, suffix, damage, one_line
):
    packing = "compressed again" if suffix else "uncompressed"
    put(raw, small, [packing] * 4)
    path = raw / (name.removesuffix(".gz") + suffix)
    content = path.read_bytes()
    other = b"other data"
    path.write_bytes(
        {
            "cut short": content[:-9],
            "one bit": content[:-9] + bytes([content[-9] ^ 1]) + content[-8:],
            "empty": b"",
            "other data": gzip.compress(other) if suffix else other,
        }[damage]
    )
    with pytest.raises(DataError) as error:
        mnist.mnist()
    one_line(error, f"{path}: corrupt", "delete it")
    assert downloads.asked == []


def test_a_file_that_cannot_be_read_is_named(raw, downloads, small, monkeypatch, one_line):
    put(raw, small, ["uncompressed"] * 4)

    def refuse(path, mode):
        raise PermissionError(13, "Permission denied", str(path))

    monkeypatch.setattr(mnist, "open", refuse, raising=False)
    with pytest.raises(DataError) as error:
        mnist.mnist()
    one_line(error, raw / "train-images-idx3-ubyte", "unreadable")


def test_the_data_folder_is_the_variables_or_data(monkeypatch):
    monkeypatch.setenv("LMC_DATA_DIR", "/somewhere")
    assert str(data_folder()) == "/somewhere"
    monkeypatch.setenv("LMC_DATA_DIR", "~/somewhere")
    monkeypatch.setenv("HOME", "/home/user")
    assert str(data_folder()) == "/home/user/somewhere"
    monkeypatch.setenv("LMC_DATA_DIR", "")
    assert str(data_folder()) == "data"
    monkeypatch.delenv("LMC_DATA_DIR")
    assert str(data_folder()) == "data"


@pytest.mark.parametrize("name", NAMES)
def test_a_corrupt_file_is_named_and_neither_replaced_nor_deleted(raw, downloads, name, one_line):
    raw.mkdir(parents=True)
    (raw / name).write_bytes(b"not an image")
    with pytest.raises(DataError) as error:
        mnist.mnist()
    one_line(error, raw / name, "corrupt", "delete it")
    assert (raw / name).read_bytes() == b"not an image"
    assert downloads.asked == []


def test_without_network_the_error_says_what_to_put_where(raw, downloads, one_line):
    with pytest.raises(DataError) as error:
        mnist.mnist()
    one_line(error, raw, "LMC_DATA_DIR", "data_dir", *NAMES)
    assert len(downloads.asked) > 1, "every mirror is tried"
    assert {filename for _, filename in downloads.asked} == {NAMES[0]}
    assert not list(raw.iterdir())


@pytest.mark.parametrize(
    "failure", [RuntimeError("corrupted"), TimeoutError(), OSError(28, "full")]
)
def test_a_download_that_breaks_off_leaves_no_partial_file(raw, downloads, failure, one_line):
    def half(url, root, filename, md5):
        (Path(root) / filename).write_bytes(b"half")
        raise failure

    downloads.then = half
    with pytest.raises(DataError) as error:
        mnist.mnist()
    one_line(error, raw)
    assert not list(raw.iterdir())


def test_the_next_mirror_is_tried_and_every_missing_file_asked_for(raw, downloads, one_line):
    """The first mirror is down; the second one has all files but the last."""
    from torchvision.datasets import MNIST

    def answer(url, root, filename, md5):
        if url.startswith(MNIST.mirrors[0]):
            raise URLError("down")
        if filename == NAMES[-1]:
            raise RuntimeError("not found")
        assert md5 == dict(MNIST.resources)[filename]
        (Path(root) / filename).write_bytes(b"whole")

    downloads.then = answer
    with pytest.raises(DataError) as error:
        mnist.mnist()
    one_line(error, NAMES[-1])
    assert sorted(p.name for p in raw.iterdir()) == sorted(NAMES[:-1])


@pytest.mark.parametrize("where", ["data", "data/MNIST", "data/MNIST/raw"])
def test_a_data_folder_that_is_a_file_is_an_error_in_one_line(
    tmp_path, raw, downloads, where, one_line
):
    (tmp_path / where).parent.mkdir(parents=True, exist_ok=True)
    (tmp_path / where).write_text("")
    with pytest.raises(DataError) as error:
        mnist.mnist()
    one_line(error, raw)


# -- several runs at once --------------------------------------------------------------------

FILE = NAMES[0]
CONTENT = bytes(range(256)) * 4096


@pytest.fixture
def server(monkeypatch):
    """A server on loopback that has sent half of a file to two runs before it sends the rest."""
    halves, first, both = [], threading.Event(), threading.Event()

    class Slow(BaseHTTPRequestHandler):
        def do_HEAD(self):
            self.send_response(200)
            self.send_header("Content-Length", str(len(CONTENT)))
            self.end_headers()

        def do_GET(self):
            self.do_HEAD()
            # torchvision follows redirects by a GET that says it is a HEAD.
            if self.headers["Method"] == "HEAD":
                return
            self.wfile.write(CONTENT[: len(CONTENT) // 2])
            self.wfile.flush()
            halves.append(self)
            first.set()
            if len(halves) == 2:
                both.set()
            if both.wait(60):
                self.wfile.write(CONTENT[len(CONTENT) // 2 :])

        def log_message(self, *_):
            pass

    class Quiet(ThreadingHTTPServer):
        def handle_error(self, request, client_address):
            """The run that asked may have been killed."""

    monkeypatch.setenv("no_proxy", "127.0.0.1")
    with Quiet(("127.0.0.1", 0), Slow) as listening:
        yield SimpleNamespace(
            listening=listening, first=first, mirror=f"http://127.0.0.1:{listening.server_port}/"
        )
        listening.shutdown()


def download_file(folder, mirror):
    fetch("MNIST", folder, {FILE: hashlib.md5(CONTENT).hexdigest()}, [mirror], holds="MNIST/raw")


@pytest.fixture
def other_run(server, tmp_path):
    """A process that has downloaded half of a file into the test's folder."""
    # The process is started before the server, since a fork copies no threads.
    process = multiprocessing.get_context("fork").Process(
        target=download_file, args=(tmp_path, server.mirror), daemon=True
    )
    process.start()
    threading.Thread(target=server.listening.serve_forever, daemon=True).start()
    assert server.first.wait(60)
    yield process
    process.kill()
    process.join()


def test_two_runs_that_download_the_same_file_at_once_both_get_it(server, other_run, tmp_path):
    assert not (tmp_path / FILE).exists()
    download_file(tmp_path, server.mirror)
    other_run.join(60)
    assert other_run.exitcode == 0
    assert (tmp_path / FILE).read_bytes() == CONTENT
    assert [path.name for path in tmp_path.iterdir()] == [FILE]


def test_what_a_killed_run_left_is_not_mistaken_for_the_file(server, other_run, tmp_path):
    other_run.kill()
    other_run.join(60)
    (left,) = tmp_path.iterdir()
    assert left.name.startswith("unfinished-")
    download_file(tmp_path, server.mirror)
    assert (tmp_path / FILE).read_bytes() == CONTENT
    assert sorted(path.name for path in tmp_path.iterdir()) == sorted([FILE, left.name])


def test_a_file_that_another_run_finished_meanwhile_is_taken(tmp_path, downloads):
    def fail(url, root, filename, md5):
        (tmp_path / filename).write_bytes(CONTENT)
        raise URLError("no network")

    downloads.then = fail
    download_file(tmp_path, "http://mirror.invalid/")
    assert [path.name for path in tmp_path.iterdir()] == [FILE]


# -- MNIST itself ----------------------------------------------------------------------------


def test_mnist_is_read_and_its_folder_left_alone(repository, monkeypatch):
    folder = repository.parent / "shared" / "data"
    raw = folder / "MNIST" / "raw"
    if not all((raw / name).is_file() for name in NAMES):
        pytest.skip(f"MNIST is not in {raw}")
    before = sorted((p.name, p.stat().st_mtime_ns) for p in folder.rglob("*"))
    monkeypatch.setenv("LMC_DATA_DIR", str(folder))
    monkeypatch.setattr("urllib.request.urlopen", None)  # a download would fail
    data = REGISTRY.build({"name": "mnist"})
    assert sorted((p.name, p.stat().st_mtime_ns) for p in folder.rglob("*")) == before
    assert (len(data.train.labels), len(data.test.labels)) == (60_000, 10_000)
    assert (data.shape, data.classes, data.scale) == ((28, 28), 10, 255.0)
    assert data.train.labels[:5].tolist() == [5, 0, 4, 1, 9]
    assert data.test.labels[:5].tolist() == [7, 2, 1, 0, 4]
    assert np.bincount(data.train.labels).tolist() == [
        5923, 6742, 5958, 6131, 5842, 5421, 5918, 6265, 5851, 5949,
    ]  # fmt: skip
    assert data.train.images.mean() / 255 == pytest.approx(0.1307, abs=5e-5)
    assert data.train.images.max() == 255 and data.train.images.min() == 0
