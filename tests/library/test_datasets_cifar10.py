"""CIFAR-10: a small archive instead of the real one, and files that must not be loaded."""

import errno
import gzip
import hashlib
import io
import os
import pickle
import tarfile
import tempfile
from http.client import IncompleteRead
from types import SimpleNamespace
from urllib.error import URLError

import numpy as np
import pytest

from lmc_ot.data import REGISTRY
from lmc_ot.data.cifar10 import cifar10
from lmc_ot.errors import DataError

ARCHIVE = "cifar-10-python.tar.gz"
FOLDER = "cifar-10-batches-py"
TRAIN = [f"data_batch_{i}" for i in range(1, 6)]
BATCH = 4


def md5(content: bytes) -> str:
    return hashlib.md5(content).hexdigest()


def packed(members: dict[str, bytes], mode: str = "w:gz", links: dict[str, str] | None = None):
    """An archive of files, and of symbolic links."""
    file = io.BytesIO()
    with tarfile.open(fileobj=file, mode=mode) as archive:
        for name, content in members.items():
            about = tarfile.TarInfo(name)
            about.size = len(content)
            archive.addfile(about, io.BytesIO(content))
        for name, target in (links or {}).items():
            about = tarfile.TarInfo(name)
            about.type, about.linkname = tarfile.SYMTYPE, target
            archive.addfile(about)
    return file.getvalue()


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """The data folder, not yet made."""
    monkeypatch.setenv("LMC_DATA_DIR", str(tmp_path / "data"))
    return tmp_path / "data"


@pytest.fixture
def small(stream, monkeypatch):
    """A CIFAR-10 of 20 and 4 images, whose md5 are the ones that torchvision asks for."""
    from torchvision.datasets import CIFAR10

    pixels = stream.integers(0, 256, (6 * BATCH, 3072)).astype(np.uint8)
    labels = stream.integers(0, 10, 6 * BATCH).tolist()
    members = {"batches.meta": pickle.dumps({"label_names": list("abcdefghij")})}
    for i, name in enumerate([*TRAIN, "test_batch"]):
        rows = slice(i * BATCH, (i + 1) * BATCH)
        members[name] = pickle.dumps({"data": pixels[rows], "labels": labels[rows]})
    archive = packed({f"{FOLDER}/{name}": content for name, content in members.items()})
    monkeypatch.setattr(CIFAR10, "tgz_md5", md5(archive))
    monkeypatch.setattr(CIFAR10, "train_list", [[name, md5(members[name])] for name in TRAIN])
    monkeypatch.setattr(CIFAR10, "test_list", [["test_batch", md5(members["test_batch"])]])
    monkeypatch.setattr(CIFAR10, "meta", {**CIFAR10.meta, "md5": md5(members["batches.meta"])})
    return SimpleNamespace(pixels=pixels, labels=labels, members=members, archive=archive)


@pytest.fixture
def downloads(monkeypatch):
    """Replace torchvision's download: what it was asked for, and what it does instead."""

    def refuse(path):
        raise URLError("no network")

    found = SimpleNamespace(asked=[], then=refuse)

    def download(url, root, filename=None, md5=None):
        found.asked.append((url, md5))
        found.then(f"{root}/{filename}")

    monkeypatch.setattr("torchvision.datasets.utils.download_url", download)
    return found


def put_archive(folder, content):
    folder.mkdir(exist_ok=True)
    (folder / ARCHIVE).write_bytes(content)


def put_extracted(folder, members):
    (folder / FOLDER).mkdir(parents=True)
    for name, content in members.items():
        (folder / FOLDER / name).write_bytes(content)


def listed(folder):
    return sorted((str(p), p.stat().st_mtime_ns) for p in [folder, *folder.rglob("*")])


class Trap:
    """A pickle that writes a file when it is loaded."""

    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        return (open, (str(self.path), "w"))


# -- reading ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "found", ["archive", "folder", "both", "folder, other archive", "archive, other folder"]
)
def test_it_is_read_and_the_data_folder_left_alone(folder, small, downloads, found):
    if "folder" in found or found == "both":
        other = "other folder" in found
        put_extracted(folder, dict.fromkeys(small.members, b"") if other else small.members)
    if "archive" in found or found == "both":
        put_archive(folder, b"other" if "other archive" in found else small.archive)
    before = listed(folder)
    data = REGISTRY.build({"name": "cifar10"})
    assert listed(folder) == before
    assert downloads.asked == []
    assert (data.shape, data.classes, data.scale) == ((32, 32, 3), 10, 255.0)
    train, test = data.train, data.test
    assert (len(train.labels), len(test.labels)) == (20, 4)
    assert [*train.labels, *test.labels] == small.labels
    assert train.labels.dtype == np.int64 and train.images.flags.c_contiguous
    # A row of the original is its red pixels, its green, its blue.
    planes = small.pixels.reshape(-1, 3, 32, 32)
    for channel in range(3):
        np.testing.assert_array_equal(train.images[..., channel], planes[:20, channel])
        np.testing.assert_array_equal(test.images[..., channel], planes[20:, channel])


@pytest.mark.parametrize("found", ["alone", "with the archive"])
def test_the_folder_is_read_without_a_temporary_copy(folder, small, downloads, found, monkeypatch):
    put_extracted(folder, small.members)
    if found == "with the archive":
        put_archive(folder, small.archive)
    monkeypatch.setattr("tempfile.mkdtemp", None)
    assert len(cifar10().train.labels) == 20


@pytest.mark.parametrize(
    ("mode", "place"),
    [
        *((mode, f"{FOLDER}/") for mode in ("w:gz", "w:bz2", "w:xz", "w")),
        *(("w:gz", place) for place in (f"./{FOLDER}/", "data/", "")),
    ],
)
def test_an_archive_that_was_packed_again_is_read(folder, small, downloads, mode, place):
    other = reversed(small.members)
    again = packed({f"{place}{name}": small.members[name] for name in other}, mode)
    assert md5(again) != md5(small.archive)
    put_archive(folder, again)
    assert [*cifar10().train.labels] == small.labels[:20]
    assert downloads.asked == []


def test_an_archive_that_a_browser_uncompressed_is_read(folder, small, downloads, one_line):
    put_archive(folder, gzip.decompress(small.archive))
    archive = (folder / ARCHIVE).rename(folder / "cifar-10-python.tar")
    assert [*cifar10().train.labels] == small.labels[:20]
    assert downloads.asked == []
    archive.write_bytes(archive.read_bytes()[:5000])
    with pytest.raises(DataError) as error:
        cifar10()
    one_line(error, f"{archive}: corrupt", "delete it")


def test_an_archive_of_several_compressed_parts_is_read(folder, small, downloads):
    """As programs write it that compress with many threads."""
    whole = gzip.decompress(small.archive)
    put_archive(folder, gzip.compress(whole[:5000]) + gzip.compress(whole[5000:]))
    assert [*cifar10().train.labels] == small.labels[:20]


def test_a_missing_archive_is_downloaded_once(folder, small, downloads):
    def give(path):
        with open(path, "wb") as file:
            file.write(small.archive)

    downloads.then = give
    assert len(cifar10().train.labels) == 20
    assert len(cifar10().train.labels) == 20
    assert downloads.asked == [
        ("https://www.cs.toronto.edu/~kriz/cifar-10-python.tar.gz", md5(small.archive))
    ]
    assert [path.name for path in folder.iterdir()] == [ARCHIVE]


# -- files that are missing or corrupt -------------------------------------------------------


def test_without_network_the_error_says_what_to_put_where(folder, downloads, one_line):
    with pytest.raises(DataError) as error:
        cifar10()
    one_line(error, "CIFAR-10", "no network", ARCHIVE, FOLDER, folder, "LMC_DATA_DIR", "data_dir")
    assert len(downloads.asked) == 1
    assert not list(folder.iterdir())


@pytest.mark.parametrize(
    "failure",
    [
        RuntimeError("File not found\nor corrupted."),
        TimeoutError(),
        OSError(28, "No space left on device"),
        IncompleteRead(b"half"),
    ],
    ids=lambda failure: type(failure).__name__,
)
def test_a_download_that_breaks_off_leaves_no_partial_file(folder, downloads, failure, one_line):
    def half(path):
        with open(path, "wb") as file:
            file.write(b"half")
        raise failure

    downloads.then = half
    with pytest.raises(DataError) as error:
        cifar10()
    one_line(error, folder)
    assert not list(folder.iterdir())


def test_an_interrupted_download_leaves_no_partial_file(folder, downloads):
    def half(path):
        with open(path, "wb") as file:
            file.write(b"half")
        raise KeyboardInterrupt

    downloads.then = half
    with pytest.raises(KeyboardInterrupt):
        cifar10()
    assert not list(folder.iterdir())


def test_a_data_folder_that_is_a_file_is_an_error_in_one_line(folder, downloads, one_line):
    folder.write_text("")
    with pytest.raises(DataError) as error:
        cifar10()
    one_line(error, folder)


def test_a_corrupt_archive_is_named_and_neither_replaced_nor_deleted(
    folder, small, downloads, one_line
):
    half = small.archive[: len(small.archive) // 2]
    put_archive(folder, half)
    with pytest.raises(DataError) as error:
        cifar10()
    one_line(error, f"{folder / ARCHIVE}: corrupt", "delete it")
    assert (folder / ARCHIVE).read_bytes() == half
    assert downloads.asked == []


@pytest.mark.parametrize("content", [b"", b"no archive", gzip.compress(b"no archive", mtime=0)])
def test_what_is_no_archive_is_corrupt(folder, small, downloads, content, one_line):
    put_archive(folder, content)
    with pytest.raises(DataError) as error:
        cifar10()
    one_line(error, f"{folder / ARCHIVE}: corrupt", TRAIN[0], "delete it")


@pytest.mark.parametrize("damage", ["missing", "changed"])
def test_the_batch_that_an_archive_lacks_is_named(folder, small, downloads, damage, one_line):
    members = {f"{FOLDER}/{name}": content for name, content in small.members.items()}
    last = members.pop(f"{FOLDER}/test_batch")
    if damage == "changed":
        members[f"{FOLDER}/test_batch"] = last + b"\n"
    put_archive(folder, packed(members))
    with pytest.raises(DataError) as error:
        cifar10()
    one_line(error, f"{folder / ARCHIVE}: corrupt", "test_batch", md5(last), "delete it")


def test_a_member_of_negative_size_is_no_endless_loop(folder, small, downloads, one_line):
    about = tarfile.TarInfo("member")
    about.size = -1024
    put_archive(folder, about.tobuf(tarfile.GNU_FORMAT) + bytes(10240))
    with pytest.raises(DataError) as error:
        cifar10()
    one_line(error, f"{folder / ARCHIVE}: corrupt")


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EDQUOT])
def test_a_full_temporary_folder_is_an_error_in_one_line(
    folder, small, downloads, tmp_path, number, monkeypatch, one_line
):
    def full(source, target):
        target.write(b"half")
        raise OSError(number, os.strerror(number))

    put_archive(folder, small.archive)
    (tmp_path / "small").mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "small"))
    monkeypatch.setattr("shutil.copyfileobj", full)
    with pytest.raises(DataError) as error:
        cifar10()
    said = one_line(error, folder / ARCHIVE, tmp_path / "small", os.strerror(number))
    assert "190 MB" in said and "set TMPDIR" in said
    assert not list((tmp_path / "small").iterdir())


def test_without_any_temporary_folder_the_error_is_one_line(
    folder, small, downloads, monkeypatch, one_line
):
    def none():
        raise FileNotFoundError(2, "No usable temporary directory found in ['/tmp']")

    put_archive(folder, small.archive)
    monkeypatch.setattr(tempfile, "tempdir", None)
    monkeypatch.setattr("tempfile._get_default_tempdir", none)
    with pytest.raises(DataError) as error:
        cifar10()
    one_line(error, folder / ARCHIVE, "No usable temporary directory", "set TMPDIR")


@pytest.mark.parametrize("name", [*TRAIN, "test_batch", "batches.meta"])
@pytest.mark.parametrize("damage", ["missing", "changed"])
def test_a_batch_that_is_missing_or_corrupt_is_named(
    folder, small, downloads, name, damage, one_line
):
    put_extracted(folder, small.members)
    if damage == "missing":
        (folder / FOLDER / name).unlink()
    else:
        (folder / FOLDER / name).write_bytes(small.members[name] + b"\n")
    with pytest.raises(DataError) as error:
        cifar10()
    one_line(error, folder / FOLDER / name, "missing or corrupt", f"delete {folder / FOLDER}")
    assert downloads.asked == []


# -- pickles that nobody checked -------------------------------------------------------------


def test_the_trap_of_these_tests_goes_off(tmp_path):
    pickle.loads(pickle.dumps(Trap(tmp_path / "executed"))).close()
    assert (tmp_path / "executed").exists()


@pytest.mark.parametrize("name", [*TRAIN, "test_batch", "batches.meta"])
def test_a_planted_pickle_is_refused_and_never_executed(
    folder, small, downloads, tmp_path, name, one_line
):
    trap = pickle.dumps(Trap(tmp_path / "executed"))
    put_extracted(folder, {**small.members, name: trap})
    with pytest.raises(DataError) as error:
        cifar10()
    one_line(error, folder / FOLDER / name, "corrupt")
    assert not (tmp_path / "executed").exists()


@pytest.mark.parametrize("name", [*TRAIN, "test_batch", "batches.meta"])
def test_a_pickle_planted_in_an_archive_is_refused_and_never_executed(
    folder, small, downloads, tmp_path, name, one_line
):
    members = {**small.members, name: pickle.dumps(Trap(tmp_path / "executed"))}
    put_archive(folder, packed({f"{FOLDER}/{name}": members[name] for name in members}))
    with pytest.raises(DataError) as error:
        cifar10()
    one_line(error, f"{folder / ARCHIVE}: corrupt", name)
    assert not (tmp_path / "executed").exists()


def test_of_an_archive_only_the_batches_are_unpacked(
    folder, small, downloads, tmp_path, monkeypatch
):
    """Members that point out of the folder, and others, are left where they are."""
    members = {f"{FOLDER}/{name}": content for name, content in small.members.items()}
    out = {f"../../{tmp_path.name}/escaped": b"", f"{tmp_path}/escaped": b"", "readme.html": b""}
    found = []

    def copy(source, target):
        found.append(target.name)
        target.write(source.read())

    monkeypatch.setattr("shutil.copyfileobj", copy)
    put_archive(folder, packed({**out, **members}, links={f"{FOLDER}/link": str(tmp_path)}))
    assert len(cifar10().train.labels) == 20
    assert sorted(os.path.basename(name) for name in found) == sorted(small.members)
    assert [path.name for path in tmp_path.iterdir()] == ["data"]


@pytest.mark.parametrize("target", ["batches.meta", "test_batch", "/etc/hostname"])
def test_a_batch_that_is_a_link_in_an_archive_is_refused(
    folder, small, downloads, target, one_line
):
    members = {f"{FOLDER}/{name}": content for name, content in small.members.items()}
    del members[f"{FOLDER}/test_batch"]
    put_archive(folder, packed(members, links={f"{FOLDER}/test_batch": target}))
    with pytest.raises(DataError) as error:
        cifar10()
    one_line(error, f"{folder / ARCHIVE}: corrupt", "test_batch")


def test_a_batch_larger_than_any_of_the_originals_is_not_unpacked(
    folder, small, downloads, monkeypatch, one_line
):
    monkeypatch.setattr("lmc_ot.data.cifar10.LARGEST_BATCH", 10)
    monkeypatch.setattr("shutil.copyfileobj", None)
    put_archive(folder, small.archive)
    with pytest.raises(DataError) as error:
        cifar10()
    one_line(error, f"{folder / ARCHIVE}: corrupt")


def test_beside_a_good_archive_a_planted_folder_is_not_looked_at(
    folder, small, downloads, tmp_path
):
    put_archive(folder, small.archive)
    trap = pickle.dumps(Trap(tmp_path / "executed"))
    put_extracted(folder, dict.fromkeys(small.members, trap))
    assert len(cifar10().train.labels) == 20
    assert not (tmp_path / "executed").exists()
