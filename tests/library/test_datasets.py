"""Data sets: what is in them, and what is said when they cannot be had."""

from types import SimpleNamespace
from urllib.error import URLError

import numpy as np
import pytest

from lmc.datasets import REGISTRY, mnist
from lmc.datasets.dataset import Dataset, Split
from lmc.datasets.digits import digits
from lmc.datasets.folder import data_folder
from lmc.errors import DataError

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
        (split(labels=[0, 0, 0]), split(), "4 images and 3 labels"),
        (split(dtype=np.float32), split(), "train images are float32"),
        (split(), split(shape=(2, 2)), "test images are uint8 (2, 2)"),
        (split(labels=[0, 1, 2, 3]), split(), "outside 0 .. 2 (found 0 .. 3)"),
        (split(), split(labels=[0, -1, 2, 1]), "test label is outside 0 .. 2 (found -1 .. 2)"),
    ],
)
def test_a_data_set_that_contradicts_itself_is_refused(train, test, named, one_line):
    with pytest.raises(DataError) as error:
        Dataset(train, test, classes=3, scale=1.0)
    one_line(error, "data set", named)


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


# -- MNIST: files that are missing or corrupt ------------------------------------------------


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
        (raw / filename).write_bytes(b"half")
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
        (raw / filename).write_bytes(b"whole")

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


# -- MNIST itself ----------------------------------------------------------------------------


def test_mnist_is_read_and_its_folder_left_alone(repository, monkeypatch):
    folder = repository.parent / "shared" / "data"
    raw = folder / "MNIST" / "raw"
    if not all((raw / name).is_file() for name in NAMES):
        pytest.skip(f"MNIST is not in {raw}")
    before = sorted((p.name, p.stat().st_mtime_ns) for p in folder.rglob("*"))
    monkeypatch.setenv("LMC_DATA_DIR", str(folder))
    monkeypatch.setattr("urllib.request.urlopen", None)  # a download would fail
    data = REGISTRY.get("mnist")()
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
