"""The user's own images: what is read, and what is said of files that cannot be."""

import io
import itertools
import struct
import subprocess
import sys
import zlib

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from PIL import Image

from lmc_ot.config.completion import complete
from lmc_ot.data import REGISTRY
from lmc_ot.data.parquet import BATCH_ROWS
from lmc_ot.data.table import read_dataset, write_dataset
from lmc_ot.errors import ConfigError, DataError
from lmc_ot.registries import REGISTRIES
from mutations import varint
from support import parquet

HEIGHT, WIDTH = 4, 6
RGB = (HEIGHT, WIDTH, 3)
BOTH = {"train": "train.parquet", "test": "test.parquet"}


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """The data folder."""
    monkeypatch.setenv("LMC_DATA_DIR", str(tmp_path))
    return tmp_path


@pytest.fixture
def pixels(stream):
    """Make images of a shape."""
    return lambda examples, shape=RGB: stream.integers(0, 256, (examples, *shape)).astype(np.uint8)


def png(image, mode=None, **options) -> bytes:
    image = image if isinstance(image, Image.Image) else Image.fromarray(image)
    file = io.BytesIO()
    (image.convert(mode) if mode else image).save(file, "PNG", **options)
    return file.getvalue()


def with_header(data: bytes, **fields: int) -> bytes:
    """A PNG with other values in its header, the checksum mended."""
    header = bytearray(data[16:29])
    for name, value in fields.items():
        place, kind = {"width": (0, ">I"), "depth": (8, ">B"), "colour": (9, ">B")}[name]
        struct.pack_into(kind, header, place, value)
    checksum = struct.pack(">I", zlib.crc32(b"IHDR" + header))
    return data[:16] + bytes(header) + checksum + data[33:]


def save(path, images, labels=None, image_type=None, row_group_size=None, **columns):
    """A file of PNGs (or of the images as they are, of that type), labels 0, 1, 2, 0, ..."""
    if image_type is None:
        image_type = pa.binary()
        images = [png(x) if isinstance(x, np.ndarray) else x for x in images]
    if labels is None:
        labels = [i % 3 for i in range(len(images))]
    table = pa.table({"image": pa.array(images, image_type), "label": labels, **columns})
    pq.write_table(table, path, row_group_size=row_group_size)


def test_a_changed_pixel_is_noticed_where_the_file_has_checksums(folder, pixels, one_line):
    images = pa.array(pixels(7).reshape(7, -1).tolist(), pa.list_(pa.uint8()))
    table = pa.table({"image": images, "label": [0] * 7})
    options = {"compression": "none", "use_dictionary": False, "write_page_checksum": True}
    for name in ("train", "test"):
        pq.write_table(table, folder / f"{name}.parquet", **options)
    content = bytearray((folder / "test.parquet").read_bytes())
    column = pq.read_metadata(folder / "test.parquet").row_group(0).column(0)
    content[column.data_page_offset + column.total_compressed_size - 1] ^= 1
    (folder / "test.parquet").write_bytes(content)
    refused(one_line, folder / "test.parquet", "CRC checksum", shape=RGB)


@pytest.mark.parametrize("rows", [0, 2, 4, 300])
def test_a_file_whose_columns_are_shorter_or_longer_than_it_says_is_refused(
    rows, good, folder, monkeypatch, one_line
):
    """Its metadata say 3 rows. Room is made for them: what is not read would be anything."""
    original = pq.ParquetFile.iter_batches

    def odd(file, *arguments, **options):
        for batch in original(file, *arguments, **options):
            if file.metadata.num_rows != 3:
                yield batch
            elif rows:
                yield pa.concat_batches([batch] * 100).slice(0, rows)

    monkeypatch.setattr(pq.ParquetFile, "iter_batches", odd)
    refused(
        one_line, folder / "test.parquet", "the number of rows differs from the file's metadata"
    )


def test_a_number_of_rows_that_is_not_that_of_the_parts_is_refused(good, folder):
    """Every number of the footer that could be the 7 rows, by others: it allocates nothing for
    rows that are not there, nor leaves out those that are."""
    path = folder / "train.parquet"
    content = path.read_bytes()
    footer = content[-8 - int.from_bytes(content[-8:-4], "little") : -8]
    places = [i for i, byte in enumerate(footer) if byte == 2 * 7]  # thrift's zigzag
    refusals = []
    for place, rows in itertools.product(places, (0, 6, 8, 1 << 20, 1 << 40, (1 << 63) - 1)):
        other = footer[:place] + varint(2 * rows) + footer[place + 1 :]
        path.write_bytes(
            content[: -8 - len(footer)] + other + len(other).to_bytes(4, "little") + b"PAR1"
        )
        try:
            np.testing.assert_array_equal(parquet(**BOTH).train.images, good[0])
        except DataError as error:
            refusals.append(str(error))
    assert (
        sum("the number of rows differs from the file's metadata" in text for text in refusals)
        >= 10
    )


def test_a_column_whose_name_is_no_text_is_refused(good, folder, one_line):
    path = folder / "train.parquet"
    path.write_bytes(path.read_bytes().replace(b"label", b"\xffabel"))
    refused(one_line, path, "not a readable parquet file", "utf-8")


def test_a_split_that_does_not_fit_into_memory_is_refused(good, monkeypatch, one_line):
    def full(*arguments):
        raise MemoryError

    monkeypatch.setattr("lmc_ot.data.parquet.np.empty", full)
    refused(one_line, "the train split does not fit into memory", "train_examples")


@pytest.fixture
def good(folder, pixels):
    """Train and test, 7 and 3 images; their pixels."""
    train, test = pixels(7), pixels(3)
    save(folder / "train.parquet", train)
    save(folder / "test.parquet", test)
    return train, test


def refused(one_line, *named, **options):
    with pytest.raises(DataError) as error:
        parquet(**{**BOTH, **options})
    return one_line(error, *named)


# -- what is read ----------------------------------------------------------------------------


def test_png_images_are_read_as_they_were(good):
    data = REGISTRY.build({"name": "parquet", **BOTH})
    np.testing.assert_array_equal(data.train.images, good[0])
    np.testing.assert_array_equal(data.test.images, good[1])
    assert data.train.labels.tolist() == [0, 1, 2, 0, 1, 2, 0]
    assert data.train.labels.dtype == np.int64
    assert (data.shape, data.classes, data.scale) == (RGB, 3, 255.0)


@pytest.mark.parametrize("kind", ["L", "1", "2-bit", "4-bit"])
def test_greyscale_png_has_no_channel(folder, pixels, kind):
    images = pixels(6, (HEIGHT, WIDTH))
    if kind == "L":
        files, wanted = [png(x) for x in images], images
    elif kind == "1":
        files, wanted = [png(x > 100, "1") for x in images], np.where(images > 100, 255, 0)
    else:
        depth = int(kind[0])
        values = images >> (8 - depth)
        wanted = values.astype(int) * (255 // (2**depth - 1))
        files = [greyscale_png(x, depth) for x in values]
    for name in BOTH.values():
        save(folder / name, files)
    data = parquet(**BOTH)
    assert data.shape == (HEIGHT, WIDTH)
    np.testing.assert_array_equal(data.train.images, wanted)


def greyscale_png(values: np.ndarray, depth: int) -> bytes:
    """A PNG of few bits a pixel, by the format's definition: Pillow does not write them."""
    bits = (values[:, :, None] >> np.arange(depth)[::-1]) & 1
    rows = np.packbits(bits.reshape(len(values), -1).astype(np.uint8), axis=1)
    height, width = values.shape

    def chunk(kind, content):
        checksum = zlib.crc32(kind + content)
        return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", checksum)

    header = struct.pack(">IIBBBBB", width, height, depth, 0, 0, 0, 0)
    content = zlib.compress(b"".join(b"\0" + row.tobytes() for row in rows))
    return (
        b"\x89PNG\r\n\x1a\n"
        + chunk(b"IHDR", header)
        + chunk(b"IDAT", content)
        + chunk(b"IEND", b"")
    )


def test_a_palette_is_read_as_rgb(folder, pixels):
    colours = pixels(1, (16, 3))[0]
    images = [colours[x % 16] for x in pixels(5, (HEIGHT, WIDTH))]
    indexed = [Image.fromarray(x).quantize(16, dither=Image.Dither.NONE) for x in images]
    wanted = [np.asarray(x.convert("RGB")) for x in indexed]
    save(folder / "train.parquet", [png(x) for x in indexed])
    save(folder / "test.parquet", images)
    np.testing.assert_array_equal(parquet(**BOTH).train.images, wanted)


@pytest.mark.parametrize("shape", [[HEIGHT, WIDTH], [HEIGHT, WIDTH, 1], [HEIGHT, WIDTH, 5]])
@pytest.mark.parametrize(
    "image_type",
    [lambda n: pa.list_(pa.uint8(), n), lambda n: pa.list_(pa.uint8()),
     lambda n: pa.large_list(pa.uint8())],
    ids=["fixed", "variable", "large"],
)  # fmt: skip
def test_raw_pixels_are_read_by_their_shape(folder, pixels, shape, image_type):
    images = pixels(2 * BATCH_ROWS + 3, tuple(shape))
    flat = images.reshape(len(images), -1)
    for name in BOTH.values():
        save(folder / name, list(flat), image_type=image_type(flat.shape[1]), row_group_size=100)
    data = parquet(**BOTH, shape=shape)
    np.testing.assert_array_equal(data.train.images, images)
    assert data.shape == tuple(shape)


def test_the_shape_of_png_can_be_told_too(good, one_line):
    assert parquet(**BOTH, shape=list(RGB)).shape == RGB
    refused(
        one_line, "train.parquet: row 0:", "4 x 6 x 3: expected 4 x 6, the value of shape",
        shape=[HEIGHT, WIDTH],
    )  # fmt: skip


@pytest.mark.parametrize(
    "kind", [pa.int8(), pa.uint8(), pa.int16(), pa.uint16(), pa.int32(), pa.int64(), pa.uint64()]
)
def test_labels_may_be_any_integers(folder, pixels, kind):
    for name in BOTH.values():
        save(folder / name, pixels(4), pa.array([3, 0, 1, 0], kind))
    data = parquet(**BOTH)
    assert data.train.labels.tolist() == [3, 0, 1, 0] and data.train.labels.dtype == np.int64
    assert data.classes == 4


def test_binary_may_be_large_and_other_columns_are_not_read(folder, pixels):
    images = pixels(4)
    for name in BOTH.values():
        save(folder / name, [png(x) for x in images], image_type=pa.large_binary(),
             split=["?"] * 4, image_name=["a"] * 4)  # fmt: skip
    np.testing.assert_array_equal(parquet(**BOTH).train.images, images)


def test_classes_and_scale_can_be_told(good):
    data = parquet(**BOTH, classes=7, scale=16.0)
    assert (data.classes, data.scale) == (7, 16.0)


def test_the_largest_label_of_both_splits_counts(folder, pixels):
    save(folder / "train.parquet", pixels(2), [0, 1])
    save(folder / "test.parquet", pixels(2), [5, 1])
    assert parquet(**BOTH).classes == 6


def test_files_are_in_the_order_of_the_numbers_in_their_names(folder, pixels):
    images = pixels(4)
    for i, number in enumerate([1, 2, 10, 11]):
        save(folder / f"train-{number}.parquet", images[i : i + 1], [i])
    save(folder / "test.parquet", images)
    data = parquet(train="train-*.parquet", test="test.parquet")
    assert data.train.labels.tolist() == [0, 1, 2, 3]
    np.testing.assert_array_equal(data.train.images, images)
    listed = ["train-11.parquet", "train-1*.parquet", "train-2.parquet"]
    again = parquet(train=listed, test="test.parquet")
    assert again.train.labels.tolist() == [3, 0, 2, 1], "the list's order; a file only once"


def test_names_may_be_absolute_or_have_brackets_in_them(good, folder, tmp_path_factory):
    elsewhere = tmp_path_factory.mktemp("elsewhere[1]")
    (folder / "test.parquet").rename(elsewhere / "te[s]t.parquet")
    data = parquet(train=str(folder / "tr*.parquet"), test=str(elsewhere / "te[s]t.parquet"))
    assert (len(data.train.labels), len(data.test.labels)) == (7, 3)


def test_a_data_folder_with_a_bracket_in_its_name(folder, pixels, monkeypatch):
    inside = folder / "data [new]" / "deep"
    inside.mkdir(parents=True)
    for name in BOTH.values():
        save(inside / name, pixels(2))
    monkeypatch.setenv("LMC_DATA_DIR", str(folder / "data [new]"))
    data = parquet(train="**/train*.parquet", test="deep/*test.parquet")
    assert len(data.train.labels) == 2


@pytest.mark.parametrize("kind", [pa.string(), pa.large_string(), "dictionary"])
def test_a_column_can_say_the_split(folder, pixels, kind):
    images = pixels(700)
    split = np.where(np.arange(700) % 7 == 3, "test", "train")
    split[:300] = "train"  # the first row groups hold none of the test split
    array = pa.array(split)
    array = array.dictionary_encode() if kind == "dictionary" else array.cast(kind)
    for i, rows in enumerate([slice(0, 650), slice(650, 700)]):
        save(folder / f"{i}.parquet", images[rows], np.arange(700)[rows], row_group_size=100,
             split=array[rows])  # fmt: skip
    data = parquet(files="?.parquet")
    for name, found in data.splits.items():
        np.testing.assert_array_equal(found.labels, np.flatnonzero(split == name))
        np.testing.assert_array_equal(found.images, images[split == name])
    few = parquet(files="?.parquet", train_examples=5, test_examples=2)
    np.testing.assert_array_equal(few.test.labels, np.flatnonzero(split == "test")[:2])
    np.testing.assert_array_equal(few.test.images, images[split == "test"][:2])
    assert few.train.labels.tolist() == [0, 1, 2, 3, 4]


@pytest.mark.parametrize("examples", [1, 3, 4, 6])
def test_the_first_so_many_examples(folder, pixels, examples):
    images = pixels(6)
    save(folder / "train-0.parquet", images[:3], [0, 1, 2])
    save(folder / "train-1.parquet", images[3:], [3, 4, 5])
    save(folder / "test.parquet", images)
    data = parquet(train="train-*.parquet", test="test.parquet", train_examples=examples)
    assert data.train.labels.tolist() == list(range(examples))
    np.testing.assert_array_equal(data.train.images, images[:examples])
    assert len(data.test.labels) == 6


def test_what_comes_after_the_first_so_many_is_not_read(folder, pixels):
    save(folder / "train.parquet", [*pixels(3), b"no image"])
    save(folder / "test.parquet", pixels(2))
    assert len(parquet(**BOTH, train_examples=3).train.labels) == 3


def test_stand_ins_are_counted_among_what_is_read(folder, pixels, capsys):
    save(folder / "train.parquet", pixels(2000, (1, 1)),
         original=pa.array([i not in (3, 1500, 1501) for i in range(2000)]))  # fmt: skip
    save(folder / "test.parquet", pixels(2, (1, 1)), original=[True, None])
    parquet(**BOTH)
    assert capsys.readouterr().out == (
        "train: 3 of 2,000 images are stand-ins (original = false)\n"
        "test: 0 of 2 images are stand-ins (original = false)\n"
    )
    parquet(**BOTH, train_examples=1501)
    assert "train: 2 of 1,501 images" in capsys.readouterr().out


def test_without_such_a_column_nothing_is_said(good, folder, pixels, capsys):
    parquet(**BOTH)
    save(folder / "test.parquet", pixels(2), original=["yes", "no"])
    parquet(**BOTH)
    assert capsys.readouterr().out == ""


def test_a_data_set_survives_its_table(good, tmp_path):
    data = parquet(**BOTH)
    write_dataset(tmp_path / "out.parquet", data, {})
    again = read_dataset(tmp_path / "out.parquet")
    np.testing.assert_array_equal(again.train.images, data.train.images)
    assert again.shape == RGB


def test_the_config_completes_its_options(repository):
    options = {"name": "parquet", "train": ["a.parquet"], "test": "b*", "shape": [2, "3"]}
    block = {"dataset": options, "network": {"name": "mlp"}}
    block["training"] = {"learning_rate": 0.1}
    schema = repository / "workflow/schemas/config.schema.yaml"
    done = complete({"name": "run", "experiments": {"one": block}}, schema, REGISTRIES)
    assert done["experiments"]["one"]["dataset"] == {
        "name": "parquet", "train": ["a.parquet"], "test": "b*", "files": None, "shape": [2, 3],
        "classes": None, "scale": 255.0, "train_examples": None, "test_examples": None,
        "standardise": None, "folder": None, "image_column": None, "label_column": None,
    }  # fmt: skip
    for wrong in ({"train": []}, {"train": 3}, {"shape": [2]}, {"scale": 0}, {"classes": 40000}):
        bad = {**block, "dataset": {**options, **wrong}}
        with pytest.raises(ConfigError):
            complete({"name": "run", "experiments": {"one": bad}}, schema, REGISTRIES)


def test_importing_it_loads_neither_pillow_nor_pyarrow(repository):
    program = "import sys, lmc_ot.data.parquet, lmc_ot.data.cifar10; print(*sys.modules)"
    answer = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True,
        env={"PYTHONPATH": str(repository / "workflow/scripts")},
    )  # fmt: skip
    assert not {"PIL", "pyarrow", "torch", "torchvision"} & set(answer.stdout.split())


# -- options ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("options", "named"),
    [
        ({}, "set train and test, or files"),
        ({"train": "a"}, "set train and test, or files"),
        ({"test": "a"}, "set train and test, or files"),
        ({"files": "a", "test": "b"}, "give only one of"),
        ({"folder": "a", "train": "b"}, "give only one of"),
        ({"folder": "a", "files": "b"}, "give only one of"),
    ],
)
def test_options_that_do_not_go_together(folder, options, named, one_line):
    with pytest.raises(ConfigError) as error:
        parquet(**options)
    one_line(error, "dataset parquet", named)


def test_a_file_in_both_splits(good, folder, one_line):
    with pytest.raises(ConfigError) as error:
        parquet(train="*.parquet", test="test.parquet")
    one_line(error, folder / "test.parquet", "in both train and test")


def test_raw_pixels_without_a_shape(folder, one_line):
    for name in BOTH.values():
        save(folder / name, [[1, 2]], image_type=pa.list_(pa.uint8()))
    with pytest.raises(ConfigError) as error:
        parquet(**BOTH)
    one_line(error, "train.parquet", "set shape to [height, width]")
    save(folder / "train.parquet", [np.zeros((1, 2), np.uint8)])
    with pytest.raises(ConfigError) as error:
        parquet(**BOTH)
    one_line(error, "test.parquet", "set shape to [height, width]")


def test_more_examples_than_there_are(good, one_line):
    refused(one_line, "train_examples: 8 exceeds the 7 rows", train_examples=8)
    refused(one_line, "test_examples: 4 exceeds the 3 rows", test_examples=4)


# -- files -----------------------------------------------------------------------------------


@pytest.mark.parametrize("pattern", ["nothing.parquet", "nothing-*.parquet", "folder"])
def test_a_missing_file(good, folder, pattern, one_line):
    (folder / "folder").mkdir()
    refused(one_line, f"test: no file '{pattern}' in {folder}", "LMC_DATA_DIR", test=pattern)
    refused(
        one_line, f"train: no file '{pattern}' in {folder}", "data_dir",
        train=["train.parquet", pattern],
    )  # fmt: skip


@pytest.mark.parametrize("damage", ["text", "empty", "half", "flipped"])
def test_a_file_that_is_no_parquet(good, folder, damage, one_line):
    path = folder / "test.parquet"
    content = bytearray(path.read_bytes())
    if damage == "flipped":
        content[4:40] = bytes(36)
    path.write_bytes(
        {"text": b"image,label\n", "empty": b"", "half": content[: len(content) // 2]}.get(
            damage, bytes(content)
        )
    )
    refused(one_line, path, "not a readable parquet file")


def test_a_column_is_missing(good, folder, pixels, one_line):
    path = folder / "test.parquet"
    for name in ("image", "label"):
        save(path, pixels(2))
        pq.write_table(pq.read_table(path).drop_columns([name]), path)
        with pytest.raises(ConfigError) as error:
            parquet(**BOTH)
        one_line(error, path, f"no column '{name}' or", f"set {name}_column", "its columns are")
    save(path, pixels(2))
    with pytest.raises(DataError) as error:
        parquet(files="test.parquet")
    one_line(error, path, "column 'split' is missing", "its columns are image, label")


@pytest.mark.parametrize(
    ("name", "values", "found"),
    [
        ("image", pa.array(["a", "b"]), "string"),
        ("image", pa.array([[1], [2]], pa.list_(pa.int64())), "list<"),
        ("image", pa.array([{"content": b"a"}, {"content": b"b"}]), "struct<content: binary>"),
        ("image", pa.array([{"bytes": 1, "path": "a"}] * 2), "struct<bytes: int64, path: string>"),
        ("label", pa.array([0.0, 1.0]), "double"),
        ("label", pa.array([False, True]), "bool"),
    ],
)
def test_a_column_of_another_type(good, folder, pixels, name, values, found, one_line):
    path = folder / "test.parquet"
    columns = {"image": pa.array([png(x) for x in pixels(2)]), "label": [0, 1], name: values}
    pq.write_table(pa.table(columns), path)
    refused(one_line, path, f"column {name!r} is {found}", "expected")


@pytest.mark.parametrize("name", ["train", "test"])
def test_a_file_without_rows(good, folder, name, one_line):
    save(folder / f"{name}.parquet", [], pa.array([], pa.int64()))
    refused(one_line, folder / f"{name}.parquet", f"the {name} split is empty")


def test_a_file_without_rows_beside_one_with_rows(good, folder):
    save(folder / "train-0.parquet", [], pa.array([], pa.int64()))
    assert len(parquet(train="train*.parquet", test="test.parquet").train.labels) == 7


@pytest.mark.parametrize(
    ("split", "named"),
    [
        (["train", "train", "train"], "the test split is empty"),
        (["train", "validation", "test"], "row 1: split is 'validation': expected train or test"),
        (["train", "test", None], "row 2: split is missing (null)"),
        ([0, 1, 1], "column 'split' is int64: expected a string"),
    ],
)
def test_a_split_column_that_cannot_be_used(folder, pixels, split, named, one_line):
    save(folder / "all.parquet", pixels(3), split=split)
    with pytest.raises(DataError) as error:
        parquet(files="all.parquet")
    one_line(error, folder / "all.parquet", named)


# -- rows ------------------------------------------------------------------------------------

# Rows of a file are counted over its batches and row groups.
BAD = 2 * BATCH_ROWS + 57


def put_row(folder, pixels, image=None, label=0, shape=RGB):
    """A test file with a row `BAD` of that image and label."""
    images = [png(x) for x in pixels(BAD + 3, shape)]
    labels = [0] * len(images)
    images[BAD] = image if image is not None else images[BAD]
    labels[BAD] = label
    save(folder / "test.parquet", images, labels, row_group_size=300)
    return f"{folder / 'test.parquet'}: row {BAD}: "


def test_missing_values(good, folder, pixels, one_line):
    refused(one_line, put_row(folder, pixels, label=None) + "label is missing (null)")
    images = [png(x) for x in pixels(3)]
    save(folder / "test.parquet", [*images[:2], None])
    refused(one_line, f"{folder / 'test.parquet'}: row 2: image is missing (null)")


@pytest.mark.parametrize(("label", "classes"), [(-1, None), (-1, 3), (3, 3), (40_000, None)])
def test_a_label_that_is_no_class(good, folder, pixels, label, classes, one_line):
    where = put_row(folder, pixels, label=label)
    most = 2 if classes else 32767
    refused(one_line, f"{where}label is {label}: expected 0 .. {most}", classes=classes)


def test_a_label_beyond_64_bits(good, folder, pixels, one_line):
    save(folder / "test.parquet", pixels(2), pa.array([0, 2**64 - 1], pa.uint64()))
    refused(one_line, "row 1: label is 18446744073709551615")


def bad_images():
    """Name -> PNG (or something else) of 4 x 6, and what is said of it."""
    image = np.random.default_rng(1).integers(0, 256, RGB).astype(np.uint8)
    rgb, good = Image.fromarray(image), png(image)
    grey16 = Image.fromarray(image[:, :, 0].astype(np.uint16) * 257)
    jpeg, tiff = io.BytesIO(), io.BytesIO()
    rgb.convert("CMYK").save(jpeg, "JPEG")
    rgb.save(tiff, "TIFF")
    wrong = bytearray(good)
    wrong[60] ^= 1  # within the pixels
    palette = rgb.quantize(8)
    mended = "convert it to an 8-bit RGB PNG"
    return {
        "empty": (b"", "of an unknown format, not a PNG"),
        "text": (b"a picture", "of an unknown format, not a PNG"),
        "cmyk": (jpeg.getvalue(), "JPEG of mode CMYK: convert it"),
        "tiff": (tiff.getvalue(), f"TIFF of mode RGB: {mended}"),
        "signature": (good[:8], "truncated: write it again"),
        "half": (good[: len(good) // 2], "corrupt (Truncated"),
        "no_end": (good[:-12], "corrupt (truncated PNG file)"),
        "last_byte": (good[:-1], "truncated PNG"),
        "flipped_bit": (bytes(wrong), "corrupt (broken PNG file (bad header checksum"),
        "no_header": (good[:8] + good[33:], "unknown format"),
        "half_as_high": (png(image[:2]), "2 x 6 x 3"),
        "palette_absent": (with_header(good, colour=3), "corrupt ("),
        "depth": (with_header(good, depth=3), "unknown format"),
        "16_bit_grey": (png(grey16), f"16-bit PNG of mode I;16: {mended}"),
        "16_bit_rgb": (with_header(good, depth=16), f"16-bit PNG of mode RGB: {mended}"),
        "rgba": (png(rgb, "RGBA"), f"PNG of mode RGBA: {mended}"),
        "grey_alpha": (png(rgb, "LA"), f"PNG of mode LA: {mended}"),
        "palette_alpha": (png(palette, transparency=0), f"mode P with transparency: {mended}"),
        "rgb_key": (png(rgb, transparency=(1, 2, 3)), f"mode RGB with transparency: {mended}"),
        "greyscale": (png(rgb, "L"), "is 4 x 6: expected 4 x 6 x 3, the shape of the first image"),
        "larger": (png(np.zeros((HEIGHT, WIDTH + 1, 3), np.uint8)), "is 4 x 7 x 3: expected 4 x 6"),
        "huge": (with_header(good, width=2**31 - 1), "more pixels than Pillow allows"),
        "no_width": (with_header(good, width=0), "unknown format"),
    }  # fmt: skip


@pytest.mark.parametrize("name", bad_images())
def test_an_image_that_cannot_be_used(good, folder, pixels, name, one_line):
    image, said = bad_images()[name]
    refused(one_line, put_row(folder, pixels, image), said)


@pytest.mark.parametrize("width", [0, 2**31 - 1])
def test_a_first_image_of_impossible_size(good, folder, pixels, width, one_line):
    save(folder / "train.parquet", [with_header(png(pixels(1)[0]), width=width)])
    refused(
        one_line,
        f"{folder / 'train.parquet'}: row 0: the image",
        "PNG" if width == 0 else "smaller",
    )


@pytest.mark.parametrize("size", [71, 73, 0])
def test_raw_pixels_of_another_number(folder, pixels, size, one_line):
    shape = list(RGB)
    images = [x.ravel() for x in pixels(400)]
    for name in BOTH.values():
        save(folder / name, images, image_type=pa.list_(pa.uint8()))
    images[333] = np.zeros(size, np.uint8)
    save(folder / "test.parquet", images, image_type=pa.list_(pa.uint8()), row_group_size=150)
    refused(
        one_line, f"{folder / 'test.parquet'}: row 333: the image has {size} values: expected 72",
        f"shape is {shape}", shape=shape,
    )  # fmt: skip
    refused(
        one_line, "train.parquet: row 0: the image has 72 values: expected 24",
        shape=[HEIGHT, WIDTH],
    )  # fmt: skip


@pytest.mark.parametrize("kind", [pa.list_(pa.uint8(), 3), pa.list_(pa.uint8())])
def test_raw_pixels_that_are_missing(folder, kind, one_line):
    save(folder / "train.parquet", [[1, 2, 3]], image_type=kind)
    save(folder / "test.parquet", [[1, 2, 3], [1, None, 3]], image_type=kind)
    refused(one_line, "test.parquet: row 1: a pixel of the image is missing", shape=[1, 3])
    save(folder / "test.parquet", [[1, 2, 3], None], image_type=kind)
    refused(one_line, "test.parquet: row 1: image is missing", shape=[1, 3])


# -- a whole data set ------------------------------------------------------------------------


def test_cifar_10_in_parquet_files(repository, monkeypatch, capsys):
    shared = repository.parent / "shared" / "data"
    if not (shared / "cifar10" / "train-0.parquet").is_file():
        pytest.skip(f"no CIFAR-10 in {shared / 'cifar10'}")
    monkeypatch.setenv("LMC_DATA_DIR", str(shared))
    data = parquet(train="cifar10/train-0.parquet", test="cifar10/test-*.parquet")
    assert (len(data.train.labels), len(data.test.labels)) == (10_000, 10_000)
    assert (data.shape, data.classes) == ((32, 32, 3), 10)
    assert data.train.labels[:5].tolist() == [6, 9, 9, 4, 1]
    assert data.test.labels[:5].tolist() == [3, 8, 8, 0, 6]
    assert np.bincount(data.test.labels).tolist() == [1000] * 10
    means = data.test.images.mean((0, 1, 2)) / 255
    assert means == pytest.approx([0.4942, 0.4851, 0.4504], abs=2e-4)
    assert "test: 20 of 10,000 images are stand-ins" in capsys.readouterr().out
