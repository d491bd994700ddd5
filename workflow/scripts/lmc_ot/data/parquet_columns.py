"""The columns of a user's parquet files: which hold images and labels, and what is in them."""

import math
import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path, PurePosixPath

import numpy as np

from ..errors import ConfigError, DataError
from . import jpeg
from .png import png_pixels, png_shape

Shape = tuple[int, ...]

MOST_CLASSES = 1 << 15  # a label is an int16 in the table of the data set
# The names that data hubs use.
IMAGE_NAMES = ("image", "img", "pixel_values")
LABEL_NAMES = ("label", "labels", "fine_label")
IMAGE = "binary (PNG or JPEG), a struct of bytes and path, or a list of uint8 (raw pixels)"
LABEL = "an integer or a string"


@contextmanager
def opened(path: Path) -> Iterator["pyarrow.parquet.ParquetFile"]:  # noqa: F821
    """The file, open; errors of pyarrow become DataErrors."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        # With a buffer, pages are read as they are needed, not a whole row group at once.
        # Pages have checksums if the program that wrote them gave them some.
        with pq.ParquetFile(
            path, buffer_size=1 << 20, pre_buffer=False, page_checksum_verification=True
        ) as file:
            groups = [file.metadata.row_group(i).num_rows for i in range(file.num_row_groups)]
            check_rows(path, file.metadata.num_rows == sum(groups) and min(groups, default=0) >= 0)
            yield file
    except (pa.ArrowException, OSError, UnicodeDecodeError) as error:
        reason = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise DataError(
            f"{path}: not a readable parquet file ({reason}): write it again"
        ) from error


def check_rows(path: Path, right: bool) -> None:
    if not right:
        raise DataError(
            f"{path}: its columns do not have as many rows as its metadata say: write it again"
        )


def natural(name: str) -> list:
    """A key that sorts train-2 before train-10."""
    return [int(part) if i % 2 else part for i, part in enumerate(re.split("([0-9]+)", name))]


# -- which columns ---------------------------------------------------------------------------


def image_column(path: Path, schema, name: str | None) -> str:
    """The column that holds the images: `name`, or the one that has a usual name."""
    return _chosen(path, schema, "image_column", name, IMAGE_NAMES, IMAGE, _is_image)


def label_column(path: Path, schema, name: str | None) -> str:
    """The column that holds the labels: `name`, or the one that has a usual name."""
    return _chosen(path, schema, "label_column", name, LABEL_NAMES, LABEL, _is_label)


def _chosen(path, schema, option: str, name: str | None, usual, expected: str, fits) -> str:
    columns = f"its columns are {', '.join(schema.names)}"
    names = [name] if name is not None else [n for n in usual if n in schema.names]
    if not names:
        raise ConfigError(
            f"dataset parquet: {path} has no column {' or '.join(map(repr, usual))}: set {option} "
            f"to the name of another column; {columns}"
        )
    if name is not None and name not in schema.names:
        raise ConfigError(f"dataset parquet: {option}: {path} has no column {name!r}; {columns}")
    fitting = [n for n in names if schema.names.count(n) == 1 and fits(schema.field(n).type)]
    if len(fitting) > 1:
        raise ConfigError(
            f"dataset parquet: {path}: it is not clear which of the columns "
            f"{', '.join(fitting)} to read: set {option}; {columns}"
        )
    name = fitting[0] if fitting else names[0]
    check_column(path, schema, name, expected, fits)
    return name


def check_column(path: Path, schema, name: str, expected: str, fits: Callable) -> None:
    """DataError unless there is one column of that name, of a type that fits."""
    if schema.names.count(name) != 1:
        raise DataError(
            f"{path}: column {name!r} is missing (or there twice): expected {expected}; its "
            f"columns are {', '.join(schema.names)}"
        )
    kind = schema.field(name).type
    if not fits(kind):
        raise DataError(f"{path}: column {name!r} is {kind}: expected {expected}")


def _is_binary(kind) -> bool:
    import pyarrow as pa

    return pa.types.is_binary(kind) or pa.types.is_large_binary(kind)


def _is_list(kind) -> bool:
    import pyarrow as pa

    types = pa.types
    return types.is_fixed_size_list(kind) or types.is_list(kind) or types.is_large_list(kind)


def _is_file(kind) -> bool:
    """A struct of bytes and path, either of which may be missing, or of no type if all are null."""
    import pyarrow as pa

    if not pa.types.is_struct(kind):
        return False
    fields = {field.name: field.type for field in kind}
    null = pa.types.is_null
    return (
        ("bytes" in fields or "path" in fields)
        and (_is_binary(fields.get("bytes", pa.binary())) or null(fields["bytes"]))
        and (is_text(fields.get("path", pa.string())) or null(fields["path"]))
    )


def _is_image(kind) -> bool:
    import pyarrow as pa

    raw = _is_list(kind) and pa.types.is_uint8(kind.value_type)
    return _is_binary(kind) or _is_file(kind) or raw


def _value_type(kind):
    import pyarrow as pa

    return kind.value_type if pa.types.is_dictionary(kind) else kind


def _is_label(kind) -> bool:
    import pyarrow as pa

    return pa.types.is_integer(_value_type(kind)) or is_text(kind)


def is_text(kind) -> bool:
    """Whether a column of that type holds strings, as they are or as a categorical column."""
    import pyarrow as pa

    kind = _value_type(kind)
    return pa.types.is_string(kind) or pa.types.is_large_string(kind)


def check_nulls(path: Path, name: str, column, rows: np.ndarray) -> None:
    """DataError with the first row in which a value is missing."""
    if column.null_count:
        row = rows[np.argmax(column.is_null().to_numpy(zero_copy_only=False))]
        raise DataError(f"{path}: row {row}: {name} is missing (null): expected a value")


# -- labels ----------------------------------------------------------------------------------


def class_names(paths: list[Path], name: str | None) -> list[str] | None:
    """All labels of the files in order, numbers in them by value; None if they are integers.

    Raises
    ------
    DataError
        Labels are strings in one file and integers in another.
    """
    texts, integers, names = [], [], set()
    for path in paths:
        with opened(path) as file:
            column = label_column(path, file.schema_arrow, name)
            if is_text(file.schema_arrow.field(column).type):
                texts.append(path)
                names |= set(file.read(columns=[column])[column].unique().to_pylist())
            else:
                integers.append(path)
    if texts and integers:
        raise DataError(
            f"{texts[0]}: its labels are strings, those of {integers[0]} are integers: write "
            f"both with labels of one type"
        )
    return sorted(names - {None}, key=natural) if texts else None


def labels(
    path: Path, rows: np.ndarray, column, classes: int | None, names: list[str] | None
) -> np.ndarray:
    """The class of each row, int64 (rows,). DataError if one is missing or out of range.

    Parameters
    ----------
    names
        The class names, if labels are strings: a label's class is its place among them.
    """
    import pyarrow as pa
    import pyarrow.compute as pc

    if pa.types.is_dictionary(column.type):
        column = column.dictionary_decode()
    check_nulls(path, "label", column, rows)
    if names is not None:
        column = pc.index_in(column.cast(pa.string()), pa.array(names, pa.string()))
    values = column.to_numpy(zero_copy_only=False)
    number = classes or MOST_CLASSES
    wrong = (values < 0) | (values >= number)
    if wrong.any():
        i = np.argmax(wrong)
        called = "" if names is None else f" ({names[values[i]]!r})"
        raise DataError(
            f"{path}: row {rows[i]}: label is {values[i]}{called}: expected 0 .. {number - 1}"
            + (f", as classes is {classes}" if classes else "")
        )
    return values.astype(np.int64)


# -- images ----------------------------------------------------------------------------------


def images(path: Path, rows: np.ndarray, column, shape: Shape | None, told: bool) -> np.ndarray:
    """The images of some rows, uint8 (rows, *shape).

    Parameters
    ----------
    shape
        Of an image, or None for that of the first; `told` if the option says it.
    """
    if _is_list(column.type):
        return _reshape(path, rows, column, shape, told)
    check_nulls(path, "image", column, rows)
    if _is_file(column.type):
        contents = _contents(path, rows, column)
    else:
        contents = (value.as_py() for value in column)
    return _decode(path, rows, contents, shape, told)


def _reshape(path: Path, rows: np.ndarray, column, shape: Shape | None, told: bool) -> np.ndarray:
    """Images from lists of pixels."""
    import pyarrow.compute as pc

    if not told:
        raise ConfigError(
            f"dataset parquet: shape is missing: {path} has raw pixels ({column.type}): give "
            f"shape: [height, width] or [height, width, channels]"
        )
    check_nulls(path, "image", column, rows)
    lengths = pc.list_value_length(column).to_numpy(zero_copy_only=False)
    size = math.prod(shape)
    if (lengths != size).any():
        i = np.argmax(lengths != size)
        raise DataError(
            f"{path}: row {rows[i]}: the image has {lengths[i]} values: expected {size}, as "
            f"shape is {list(shape)}"
        )
    values = column.flatten()
    check_nulls(path, "a pixel of the image", values, np.repeat(rows, size))
    return values.to_numpy(zero_copy_only=False).reshape(-1, *shape)


def _contents(path: Path, rows: np.ndarray, column) -> Iterator[bytes]:
    """The image files of a struct of bytes and path; a path is relative to the table's folder."""
    for row, value in zip(rows, column.to_pylist(), strict=True):
        data, name = value.get("bytes"), value.get("path")
        if data is not None:
            yield data
            continue
        if name is None:
            raise DataError(
                f"{path}: row {row}: the image has neither bytes nor a path: expected one of them"
            )
        inside = PurePosixPath(name)
        if inside.is_absolute() or ".." in inside.parts:
            raise DataError(
                f"{path}: row {row}: the image's path {name!r} leads out of the folder of its "
                f"table: put the image below {path.parent} and give its path from there"
            )
        try:
            yield (path.parent / inside).read_bytes()
        except (OSError, ValueError) as error:
            reason = getattr(error, "strerror", None) or error
            raise DataError(
                f"{path}: row {row}: the image file {name!r} cannot be read ({reason}): put it "
                f"below {path.parent}"
            ) from error


def _decode(
    path: Path, rows: np.ndarray, contents: Iterator[bytes], shape: Shape | None, told: bool
) -> np.ndarray:
    """Images from PNG and JPEG files."""
    pixels = None
    for i, data in enumerate(contents):
        is_jpeg = data.startswith(jpeg.SIGNATURE)
        try:
            own = jpeg.jpeg_shape(data) if is_jpeg else png_shape(data)
            shape = shape or own
            if own != shape:
                raise ValueError(
                    f"is {_size(own)}: expected {_size(shape)}, as "
                    + ("shape says" if told else "the first image is")
                )
            # Decoded before there is room for more: Pillow refuses a huge one.
            image = jpeg.jpeg_pixels(data) if is_jpeg else png_pixels(data)
            if pixels is None:
                pixels = np.empty((len(rows), *shape), np.uint8)
            pixels[i] = image
        except ValueError as error:
            raise DataError(f"{path}: row {rows[i]}: the image {error}") from error
    return pixels


def _size(shape: Shape) -> str:
    return " x ".join(str(length) for length in shape)
