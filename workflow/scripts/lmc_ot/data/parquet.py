"""The user's own images in parquet files: PNG or raw pixels, and labels."""

import math
import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from glob import glob
from pathlib import Path

import numpy as np

from ..errors import ConfigError, DataError
from .dataset import Dataset, Split
from .folder import ENVIRONMENT, data_folder
from .png import png_pixels, png_shape

Shape = tuple[int, ...]

SPLITS = ("train", "test")
MOST_CLASSES = 1 << 15  # a label is an int16 in the table of the data set
BATCH_ROWS = 256  # of encoded images in memory at a time


@dataclass(frozen=True)
class Part:
    """Rows of one file: ``rows`` are their numbers, int64, counting from 0 and ascending."""

    path: Path
    rows: np.ndarray


def parquet(
    train: str | list[str] | None,
    test: str | list[str] | None,
    files: str | list[str] | None,
    shape: list[int] | None,
    classes: int | None,
    scale: float,
    train_examples: int | None,
    test_examples: int | None,
) -> Dataset:
    """Images and labels from columns of parquet files.

    ======== ========================== ======================================================
    column   type                       what
    ======== ========================== ======================================================
    image    binary                     a PNG: RGB (or palette), or greyscale; no alpha
    image    list of uint8, of fixed    raw pixels, row by row, channels last; needs `shape`
             or variable size
    label    any integer                the class, from 0
    split    string                     ``train`` or ``test``; only with `files`
    original boolean, may be missing    false: a stand-in for an image; they are counted
    ======== ========================== ======================================================

    Other columns are not read. Examples keep the order of the rows; the files of a pattern are
    in the order of their names, numbers in them by value. At most 256 encoded images are in
    memory at a time.

    Parameters
    ----------
    train, test
        The files of each split: names or glob patterns, relative to the data folder or absolute.
    files
        Instead of both: files whose column ``split`` says where a row belongs.
    shape
        (height, width) or (height, width, channels) of every image. Default: that of the first
        PNG, (height, width) if it is greyscale, else (height, width, 3).
    classes
        Number of classes. Default: the largest label that was read, plus 1.
    scale
        The pixel value that stands for 1.
    train_examples, test_examples
        Number of examples to read of a split, from its beginning.

    Raises
    ------
    ConfigError
        Options are missing or exclude each other.
    DataError
        A file is missing or malformed: its name, the row (counting from 0), and the expected
        content.
    """
    if files is not None:
        if train is not None or test is not None:
            raise ConfigError("dataset parquet: give either train and test, or files, not both")
        parts = _by_column(_found("files", files))
    elif train is None or test is None:
        raise ConfigError(
            "dataset parquet: give train and test, or files with a column split: file names or "
            "patterns, relative to the data folder"
        )
    else:
        parts = _by_file({"train": _found("train", train), "test": _found("test", test)})
    asked = {"train": train_examples, "test": test_examples}
    parts = {split: _first(split, parts[split], asked[split]) for split in SPLITS}

    wanted = tuple(shape) if shape else None
    splits = {}
    for split in SPLITS:
        try:
            splits[split] = _read(split, parts[split], wanted, bool(shape), classes)
        except MemoryError as error:
            raise DataError(
                f"data set parquet: the {split} split does not fit into memory: read less of it, "
                f"with {split}_examples"
            ) from error
        wanted = splits[split].images.shape[1:]
    largest = max(int(split.labels.max()) for split in splits.values())
    return Dataset(**splits, classes=classes or largest + 1, scale=scale)


# -- which rows of which files ---------------------------------------------------------------


def _found(option: str, patterns: str | list[str]) -> list[Path]:
    """The files of one or several names or patterns, each file once."""
    folder = data_folder()
    found = []
    for pattern in [patterns] if isinstance(patterns, str) else patterns:
        if (folder / pattern).is_file():  # also a name with a bracket in it
            names = [pattern]
        else:
            names = glob(pattern, root_dir=folder, recursive=True)
            names = sorted((n for n in names if (folder / n).is_file()), key=_natural)
        if not names:
            raise DataError(
                f"data set parquet: {option}: no file {pattern!r} in {folder.absolute()}: put it "
                f"there, or point {ENVIRONMENT} (or data_dir in the config) at a folder that "
                f"holds it"
            )
        found += [folder / name for name in names]
    return list(dict.fromkeys(found))


def _natural(name: str) -> list:
    """Sorts train-2 before train-10."""
    return [int(part) if i % 2 else part for i, part in enumerate(re.split("([0-9]+)", name))]


def _by_file(paths: dict[str, list[Path]]) -> dict[str, list[Part]]:
    """The rows of each split where every file belongs to one."""
    both = {p.resolve() for p in paths["train"]} & {p.resolve() for p in paths["test"]}
    if both:
        raise ConfigError(f"dataset parquet: {min(both)} is in train and in test")
    parts = {split: [] for split in SPLITS}
    for split in SPLITS:
        for path in paths[split]:
            with _opened(path) as file:
                parts[split].append(Part(path, np.arange(file.metadata.num_rows)))
    return parts


def _by_column(paths: list[Path]) -> dict[str, list[Part]]:
    """The rows of each split where a column says it."""
    import pyarrow as pa

    parts = {split: [] for split in SPLITS}
    for path in paths:
        with _opened(path) as file:
            _check_column(path, file.schema_arrow, "split", "string", _is_text)
            values = file.read(columns=["split"])["split"].cast(pa.string())
        _check_nulls(path, "split", values, np.arange(len(values)))
        values = values.to_numpy()
        known = np.isin(values, SPLITS)
        if not known.all():
            row = int(np.argmin(known))
            raise DataError(
                f"{path}: row {row}: split is {values[row]!r}, expected one of {', '.join(SPLITS)}"
            )
        for split in SPLITS:
            parts[split].append(Part(path, np.flatnonzero(values == split)))
    return parts


def _first(split: str, parts: list[Part], examples: int | None) -> list[Part]:
    """The first rows of a split. DataError if there are none, or fewer than were asked for."""
    there = sum(len(part.rows) for part in parts)
    if there == 0:
        names = ", ".join(str(part.path) for part in parts)
        raise DataError(f"{names}: the {split} split is empty: it needs rows")
    if examples is None:
        return parts
    if examples > there:
        raise DataError(
            f"data set parquet: {split}_examples: {examples} is more than the {there} rows of the "
            f"{split} split"
        )
    begins = np.cumsum([0, *(len(part.rows) for part in parts)])
    return [
        Part(part.path, part.rows[: examples - begin])
        for part, begin in zip(parts, begins, strict=False)
        if begin < examples
    ]


# -- reading ---------------------------------------------------------------------------------


@contextmanager
def _opened(path: Path) -> Iterator["pyarrow.parquet.ParquetFile"]:  # noqa: F821
    """The open file; an error of pyarrow becomes a DataError."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        # With a buffer, pages are read as they are needed, not a whole row group at once.
        # Pages have checksums if the program that wrote them gave them some.
        with pq.ParquetFile(
            path, buffer_size=1 << 20, pre_buffer=False, page_checksum_verification=True
        ) as file:
            groups = [file.metadata.row_group(i).num_rows for i in range(file.num_row_groups)]
            _check_rows(path, file.metadata.num_rows == sum(groups) and min(groups, default=0) >= 0)
            yield file
    except (pa.ArrowException, OSError, UnicodeDecodeError) as error:
        reason = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise DataError(
            f"{path}: not a readable parquet file ({reason}): write it again"
        ) from error


def _read(
    split: str, parts: list[Part], shape: Shape | None, told: bool, classes: int | None
) -> Split:
    """Read the rows of a split, of which there is at least one.

    Parameters
    ----------
    shape
        Of an image, or None for that of the first; `told` if the option says it.
    """
    total = sum(len(part.rows) for part in parts)
    images, labels = None, np.empty(total, np.int64)
    done, stand_ins, marked = 0, 0, False
    for part in parts:
        for rows, batch in _batches(part):
            here = slice(done, done + len(rows))
            labels[here] = _labels(part.path, rows, batch.column("label"), classes)
            column = batch.column("image")
            decode = _decode if _is_binary(column.type) else _reshape
            pixels = decode(part.path, rows, column, shape, told)
            if images is None:
                shape = pixels.shape[1:]
                images = np.empty((total, *shape), np.uint8)
            images[here] = pixels
            if "original" in batch.schema.names:
                marked = True
                stand_ins += batch.column("original").false_count
            done += len(rows)
    if marked:
        print(f"{split}: {stand_ins:,} of {total:,} images are stand-ins (original = false)")
    return Split(images, labels)


def _batches(part: Part) -> Iterator[tuple[np.ndarray, "pyarrow.RecordBatch"]]:  # noqa: F821
    """A part's rows, a few at a time: their numbers, and what they hold."""
    import pyarrow as pa

    with _opened(part.path) as file:
        schema = file.schema_arrow
        _check_column(
            part.path, schema, "image", "binary (PNG) or a list of uint8 (raw pixels)", _is_image
        )
        _check_column(part.path, schema, "label", "an integer", pa.types.is_integer)
        columns = ["image", "label"]
        if "original" in schema.names and pa.types.is_boolean(schema.field("original").type):
            columns.append("original")
        begin, found = 0, 0
        for group in range(file.num_row_groups):
            end = begin + file.metadata.row_group(group).num_rows
            if len(_between(part.rows, begin, end)):
                for batch in file.iter_batches(BATCH_ROWS, row_groups=[group], columns=columns):
                    _check_rows(part.path, begin + len(batch) <= end)
                    rows = _between(part.rows, begin, begin + len(batch))
                    if len(rows):
                        yield rows, batch.take(pa.array(rows - begin))
                    begin, found = begin + len(batch), found + len(rows)
                _check_rows(part.path, begin == end)
            begin = end
        _check_rows(part.path, found == len(part.rows))


def _check_rows(path: Path, right: bool) -> None:
    if not right:
        raise DataError(
            f"{path}: its columns do not have as many rows as its metadata say: write it again"
        )


def _between(rows: np.ndarray, begin: int, end: int) -> np.ndarray:
    low, high = np.searchsorted(rows, [begin, end])
    return rows[low:high]


def _check_column(path: Path, schema, name: str, wanted: str, fits) -> None:
    if schema.names.count(name) != 1:
        raise DataError(
            f"{path}: column {name!r} is missing or duplicate: expected {wanted}; the "
            f"columns are {', '.join(schema.names)}"
        )
    kind = schema.field(name).type
    if not fits(kind):
        raise DataError(f"{path}: column {name!r} is {kind}, expected {wanted}")


def _is_binary(kind) -> bool:
    import pyarrow as pa

    return pa.types.is_binary(kind) or pa.types.is_large_binary(kind)


def _is_image(kind) -> bool:
    import pyarrow as pa

    types = pa.types
    lists = types.is_fixed_size_list(kind) or types.is_list(kind) or types.is_large_list(kind)
    return _is_binary(kind) or (lists and types.is_uint8(kind.value_type))


def _is_text(kind) -> bool:
    import pyarrow as pa

    if pa.types.is_dictionary(kind):  # a categorical column of pandas
        kind = kind.value_type
    return pa.types.is_string(kind) or pa.types.is_large_string(kind)


def _check_nulls(path: Path, name: str, column, rows: np.ndarray) -> None:
    if column.null_count:
        row = rows[np.argmax(column.is_null().to_numpy(zero_copy_only=False))]
        raise DataError(f"{path}: row {row}: {name} is missing (null): expected a value")


def _labels(path: Path, rows: np.ndarray, column, classes: int | None) -> np.ndarray:
    """The class of each row, int64 (rows,). DataError if one is missing or out of range."""
    _check_nulls(path, "label", column, rows)
    values = column.to_numpy(zero_copy_only=False)
    number = classes or MOST_CLASSES
    wrong = (values < 0) | (values >= number)
    if wrong.any():
        i = np.argmax(wrong)
        raise DataError(
            f"{path}: row {rows[i]}: label is {values[i]}, expected 0 .. {number - 1}"
            + (f", as classes is {classes}" if classes else "")
        )
    return values.astype(np.int64)


# -- raw pixels ------------------------------------------------------------------------------


def _reshape(path: Path, rows: np.ndarray, column, shape: Shape | None, told: bool) -> np.ndarray:
    """Images from lists of pixels, uint8 (rows, *shape)."""
    import pyarrow.compute as pc

    if not told:
        raise ConfigError(
            f"dataset parquet: shape is missing: {path} has raw pixels ({column.type}): give "
            f"shape: [height, width] or [height, width, channels]"
        )
    _check_nulls(path, "image", column, rows)
    lengths = pc.list_value_length(column).to_numpy(zero_copy_only=False)
    size = math.prod(shape)
    if (lengths != size).any():
        i = np.argmax(lengths != size)
        raise DataError(
            f"{path}: row {rows[i]}: the image has {lengths[i]} values, expected {size}, as "
            f"shape is {list(shape)}"
        )
    values = column.flatten()
    _check_nulls(path, "a pixel of the image", values, np.repeat(rows, size))
    return values.to_numpy(zero_copy_only=False).reshape(-1, *shape)


# -- PNG -------------------------------------------------------------------------------------


def _decode(path: Path, rows: np.ndarray, column, shape: Shape | None, told: bool) -> np.ndarray:
    """Images from PNG files, uint8 (rows, *shape)."""
    _check_nulls(path, "image", column, rows)
    pixels = None
    for i, data in enumerate(column.to_pylist()):
        try:
            found = png_shape(data)
            shape = shape or found
            if found != shape:
                raise ValueError(
                    f"is {_size(found)}, expected {_size(shape)}, as "
                    + ("shape says" if told else "the first image is")
                )
            image = png_pixels(data)  # before there is room for more: Pillow refuses a huge one
            if pixels is None:
                pixels = np.empty((len(rows), *shape), np.uint8)
            pixels[i] = image
        except ValueError as error:
            raise DataError(f"{path}: row {rows[i]}: the image {error}") from error
    return pixels


def _size(shape: Shape) -> str:
    return " x ".join(str(length) for length in shape)
