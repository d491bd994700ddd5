"""Parquet files as data hubs write them: structs, JPEG, other names, strings, numbered files."""

import io

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from PIL import Image

from lmc_ot.errors import ConfigError, DataError
from support import parquet

SHAPE = (4, 6, 3)
BOTH = {"train": "train.parquet", "test": "test.parquet"}
FILE = pa.struct({"bytes": pa.binary(), "path": pa.string()})


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """The data folder."""
    monkeypatch.setenv("LMC_DATA_DIR", str(tmp_path))
    return tmp_path


@pytest.fixture
def images(stream):
    return list(stream.integers(0, 256, (6, *SHAPE)).astype(np.uint8))


def encoded(image, kind="PNG", mode=None) -> bytes:
    file, image = io.BytesIO(), Image.fromarray(image)
    (image.convert(mode) if mode else image).save(file, kind)
    return file.getvalue()


def save(path, images, labels=None, names=("image", "label"), **columns):
    """A file of images (encoded, or an array of their own), labels 0, 1, 2, 0, ..."""
    if not isinstance(images, pa.Array):
        images = pa.array([encoded(x) if isinstance(x, np.ndarray) else x for x in images])
    labels = [i % 3 for i in range(len(images))] if labels is None else labels
    path.parent.mkdir(parents=True, exist_ok=True)
    pq.write_table(pa.table({**dict(zip(names, (images, labels), strict=True)), **columns}), path)


def save_both(folder, images, labels=None, **options):
    for name in BOTH.values():
        save(folder / name, images, labels, **options)


def refused(one_line, kind, *named, **options):
    with pytest.raises(kind) as error:
        parquet(**(options or BOTH))
    return one_line(error, *named)


# -- images ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "kind",
    [
        FILE,
        pa.struct({"path": pa.large_string(), "bytes": pa.large_binary()}),
        pa.struct({"bytes": pa.binary()}),
        pa.struct({"bytes": pa.binary(), "path": pa.null()}),
        pa.struct({"bytes": pa.binary(), "path": pa.string(), "size": pa.int64()}),
    ],
    ids=str,
)
def test_a_struct_of_bytes_is_read(folder, images, kind):
    files = [{"bytes": encoded(x), "path": None} for x in images]
    save_both(folder, pa.array([{f.name: x.get(f.name) for f in kind} for x in files], kind))
    data = parquet(**BOTH)
    np.testing.assert_array_equal(data.train.images, images)
    assert data.shape == SHAPE


@pytest.mark.parametrize("kind", [FILE, pa.struct({"path": pa.string()})], ids=str)
def test_where_bytes_are_null_the_path_is_read_from_the_folder_of_the_table(folder, images, kind):
    (folder / "tables" / "images").mkdir(parents=True)
    files = []
    for i, image in enumerate(images):
        (folder / "tables" / "images" / f"{i}.png").write_bytes(encoded(image))
        files.append({"bytes": None, "path": f"images/{i}.png"})
    if kind == FILE:
        files[0] = {"bytes": encoded(images[0]), "path": "of-another-computer.png"}
    for name in BOTH.values():
        save(folder / "tables" / name, pa.array(files, kind))
    data = parquet(train="tables/train.parquet", test="tables/test.parquet")
    np.testing.assert_array_equal(data.train.images, images)


@pytest.mark.parametrize(
    ("file", "named"),
    [
        (None, "image is missing (null)"),
        ({"bytes": None, "path": None}, "the image has neither bytes nor a path"),
        ({"bytes": b"", "path": "a.png"}, "the image is of an unknown format, not a PNG or JPEG"),
        ({"bytes": None, "path": "a.png"}, "image file 'a.png' cannot be read (No such file"),
        ({"bytes": None, "path": ""}, "image file '' cannot be read (Is a directory)"),
        ({"bytes": None, "path": "a\0"}, "image file 'a\\x00' cannot be read"),
        (
            {"bytes": None, "path": "../b.png"},
            "path '../b.png' leads outside the parquet file's folder",
        ),
        (
            {"bytes": None, "path": "/etc/hostname"},
            "path '/etc/hostname' leads outside the parquet file's folder",
        ),
    ],
)
def test_a_struct_that_cannot_be_used(folder, images, file, named, one_line):
    files = [{"bytes": encoded(x), "path": "x"} for x in images]
    save_both(folder, pa.array(files, FILE))
    save(folder / "test.parquet", pa.array([*files[:2], file], FILE))
    refused(one_line, DataError, f"{folder / 'test.parquet'}: row 2: ", named)


@pytest.mark.parametrize("mode", ["RGB", "L"])
def test_jpeg_is_read(folder, mode):
    """Images of one colour each: JPEG keeps them up to rounding."""
    colours = np.array([[255, 0, 0], [0, 255, 0], [10, 20, 240], [128, 128, 128]], np.uint8)
    images = np.broadcast_to(colours[:, None, None], (4, *SHAPE))
    save_both(folder, [encoded(x, "JPEG", mode) for x in images])
    data = parquet(**BOTH)
    expected = (
        images if mode == "RGB" else [np.asarray(Image.fromarray(x).convert("L")) for x in images]
    )
    assert data.train.images.shape == np.shape(expected)
    assert np.abs(data.train.images.astype(int) - expected).max() <= 3


def test_a_jpeg_followed_by_another_is_read(folder):
    """As some cameras write it: Pillow calls it MPO."""
    image, file = Image.new("RGB", SHAPE[1::-1], (10, 20, 240)), io.BytesIO()
    image.save(file, "MPO", save_all=True, append_images=[image])
    save_both(folder, [file.getvalue()] * 4)
    assert np.abs(parquet(**BOTH).train.images.astype(int) - [10, 20, 240]).max() <= 3


def bad_jpegs():
    image = np.random.default_rng(1).integers(0, 256, SHAPE).astype(np.uint8)
    good = encoded(image, "JPEG")
    return {
        "signature": (good[:3], "truncated: write it again"),
        "header": (good[:100], "corrupt (Truncated"),
        "half": (good[: len(good) // 2], "corrupt ("),
        "no end": (good[:-40], "corrupt ("),
        "other size": (encoded(image[:3], "JPEG"), "is 3 x 6 x 3: expected 4 x 6 x 3"),
        "grey": (encoded(image, "JPEG", "L"), "is 4 x 6: expected 4 x 6 x 3"),
        "cmyk": (encoded(image, "JPEG", "CMYK"), "JPEG of mode CMYK: convert it"),
        "webp": (encoded(image, "WEBP"), "WEBP of mode RGB: convert it"),
    }


@pytest.mark.parametrize("name", bad_jpegs())
def test_a_jpeg_that_cannot_be_used(folder, images, name, one_line):
    content, named = bad_jpegs()[name]
    save_both(folder, images)
    save(folder / "test.parquet", [*images[:3], content])
    said = refused(one_line, DataError, f"{folder / 'test.parquet'}: row 3: the image is", named)
    assert "0x" not in said


# -- labels ----------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", [pa.int8(), pa.int64(), pa.uint32()])
def test_categorical_labels_of_integers_are_their_values(folder, images, kind):
    labels = pa.array([5, 0, 5, 1, 0, 0], kind).dictionary_encode()
    save_both(folder, images, labels)
    data = parquet(**BOTH)
    assert data.train.labels.tolist() == [5, 0, 5, 1, 0, 0] and data.classes == 6


@pytest.mark.parametrize("kind", [pa.string(), pa.large_string(), "dictionary"])
def test_labels_that_are_strings_are_numbered_in_the_order_of_all_names(folder, images, kind):
    def array(names):
        made = pa.array(names)
        return made.dictionary_encode() if kind == "dictionary" else made.cast(kind)

    save(folder / "train.parquet", images, array(["dog", "cat", "dog", "eel", "cat", "eel"]))
    save(folder / "test.parquet", images[:2], array(["eel", "ant"]))
    data = parquet(**BOTH)
    assert data.train.labels.tolist() == [2, 1, 2, 3, 1, 3]
    assert data.test.labels.tolist() == [3, 0] and data.classes == 4
    few = parquet(**BOTH, train_examples=2)
    assert few.train.labels.tolist() == [2, 1], "of all names in the files"


def test_numbers_in_the_names_of_classes_are_ordered_by_value(folder, images):
    save_both(folder, images, ["10", "9", "2", "0", "10", "1"])
    assert parquet(**BOTH).train.labels.tolist() == [4, 3, 2, 0, 4, 1]


def test_labels_of_one_split_are_strings_of_the_other_integers(folder, images, one_line):
    save(folder / "train.parquet", images)
    save(folder / "test.parquet", images, list("abcabc"))
    refused(
        one_line, DataError, folder / "test.parquet", "its labels are strings",
        f"those of {folder / 'train.parquet'} are integers",
    )  # fmt: skip


def test_labels_that_are_strings_and_cannot_be_used(folder, images, one_line):
    save_both(folder, images, list("abcabc"))
    refused(
        one_line, DataError, "row 2: label is 2 ('c'): expected 0 .. 1, since classes is 2",
        **BOTH, classes=2,
    )  # fmt: skip
    save(folder / "test.parquet", images, [*"abca", None, "b"])
    refused(one_line, DataError, folder / "test.parquet", "row 4: label is missing (null)")


# -- names of columns ------------------------------------------------------------------------


@pytest.mark.parametrize("image", ["image", "img", "pixel_values"])
@pytest.mark.parametrize("label", ["label", "labels", "fine_label"])
def test_columns_of_usual_names_are_found(folder, images, image, label):
    save_both(folder, images, names=(image, label), coarse_label=["x"] * 6)
    data = parquet(**BOTH)
    np.testing.assert_array_equal(data.train.images, images)
    assert data.train.labels.tolist() == [0, 1, 2, 0, 1, 2]


def test_columns_of_any_names_can_be_given(folder, images):
    save_both(folder, images, names=("scan", "diagnosis"), label_2=[0] * 6, img=[0] * 6)
    data = parquet(**BOTH, image_column="scan", label_column="diagnosis")
    assert data.train.labels.tolist() == [0, 1, 2, 0, 1, 2]


@pytest.mark.parametrize(
    ("columns", "options", "named"),
    [
        ({"names": ("scan", "label")}, {}, ["no column 'image' or 'img' or", "set image_column"]),
        ({"names": ("image", "fine")}, {}, ["no column 'label' or", "set label_column"]),
        (
            {"fine_label": [0] * 6},
            {},
            ["the columns label, fine_label are all possible", "set label_column"],
        ),
        ({"img": [b""] * 6}, {}, ["the columns image, img are all possible", "set image_column"]),
        ({}, {"image_column": "scan"}, ["image_column: ", "no column 'scan'"]),
        ({}, {"label_column": "fine"}, ["label_column: ", "no column 'fine'"]),
    ],
)
def test_no_column_or_several(folder, images, columns, options, named, one_line):
    save_both(folder, images, **columns)
    listed = ", ".join(pq.read_schema(folder / "train.parquet").names)
    refused(
        one_line, ConfigError, folder / "train.parquet", *named, f"its columns are {listed}",
        **BOTH, **options,
    )  # fmt: skip


def test_of_two_usual_names_the_one_of_a_type_that_can_be_read_is_taken(folder, images):
    save_both(folder, images, names=("img", "label"), image=["a"] * 6, fine_label=[[0]] * 6)
    np.testing.assert_array_equal(parquet(**BOTH).train.images, images)


# -- files -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "names",
    [
        ["train-00000-of-00002", "train-00001-of-00002", "test-00000-of-00001"],
        ["data/train-00000-of-00002-0a1b", "data/train-00001-of-00002-2c3d", "data/test"],
        ["train/0", "train/1", "test/0"],
        ["train_0", "train_1", "test"],
        ["train-2", "train-10", "test-1"],
    ],
    ids=lambda names: names[0],
)
def test_a_folder_as_a_data_hub_has_it(folder, images, names):
    parts = (images[:2], images[2:5], images[5:])
    for name, some in zip(names, parts, strict=True):
        save(folder / "hub" / f"{name}.parquet", some)
    for other in ("validation-00000-of-00002", "trained", "README"):
        save(folder / "hub" / f"{other}.parquet", images)
    for data in (parquet(folder="hub"), parquet(folder=str(folder / "hub"))):
        np.testing.assert_array_equal(data.train.images, images[:5])
        np.testing.assert_array_equal(data.test.images, images[5:])


def test_a_folder_of_a_bracket(folder, images):
    for name in BOTH.values():
        save(folder / "hub [1]" / name, images)
    assert len(parquet(folder="hub [1]").train.labels) == 6


def test_a_folder_that_is_missing_or_lacks_a_split(folder, images, one_line):
    refused(one_line, DataError, "folder: no folder 'hub'", folder, "LMC_DATA_DIR", folder="hub")
    save(folder / "hub" / "train.parquet", images)
    refused(
        one_line, DataError, f"{folder / 'hub'}: no files of the test split", "such as test.p",
            folder="hub")  # fmt: skip


@pytest.mark.parametrize(
    ("names", "named"),
    [
        (["00000-of-00003", "00002-of-00003"], "numbered 0, 2 of 3: expected each number below 3"),
        (["00000-of-00001", "00000-of-00002", "00001-of-00002"], "numbered 0, 0, 1 of"),
        (["00000-of-00001-aa", "00000-of-00001-bb"], "numbered 0, 0 of 1"),
        (["00001-of-00001"], "numbered 1 of 1"),
    ],
)
def test_numbered_files_of_which_some_are_missing_or_twice(folder, images, names, named, one_line):
    for name in names:
        save(folder / "hub" / f"train-{name}.parquet", images)
    save(folder / "hub" / "test.parquet", images)
    refused(one_line, DataError, f"{folder / 'hub'}: its files train-*.parquet are", named,
            folder="hub")  # fmt: skip


def test_a_file_that_is_no_parquet_is_named(folder, images, one_line):
    save(folder / "hub" / "train.parquet", images)
    (folder / "hub" / "test.parquet").write_bytes(b"version https://git-lfs.github.com/spec/v1\n")
    refused(one_line, DataError, folder / "hub" / "test.parquet", "not a readable parquet file",
            folder="hub")  # fmt: skip
