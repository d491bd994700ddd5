"""The columns of a user's parquet files: finding, checking and decoding images and labels."""

import math
import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path, PurePosixPath

import numpy as np

from ..errors import ConfigError, DataError
from .encoded import open_image, pixels_of, shape_of

Shape = tuple[int, ...]

MOST_CLASSES = 1 << 15  # labels are stored as int16 in the table of the data set
# The column names that data hubs use.
IMAGE_NAMES = ("image", "img", "pixel_values")
LABEL_NAMES = ("label", "labels", "fine_label")
IMAGE = "binary (PNG or JPEG), a struct of bytes and path, or a list of uint8 (raw pixels)"
LABEL = "an integer or a string"


@contextmanager
def opened(path: Path) -> Iterator["pyarrow.parquet.ParquetFile"]:  # noqa: F821
    """Open a parquet file; errors of pyarrow are raised as DataError."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        # With a buffer, pages are read on demand instead of a whole row group at once. Checksums
        # of pages are verified if the file has any.
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
    """Raise DataError unless the number of rows agrees with the file's metadata (`right`)."""
    if not right:
        raise DataError(
            f"{path}: the number of rows differs from the file's metadata: write it again"
        )


def natural(name: str) -> list:
    """Return a sort key that puts train-2 before train-10."""
    return [int(part) if i % 2 else part for i, part in enumerate(re.split("([0-9]+)", name))]


# -- which columns ---------------------------------------------------------------------------


def image_column(path: Path, schema, name: str | None) -> str:
    """Return the column of images: `name`, or if None the column with a usual name."""
    return _chosen(path, schema, "image_column", name, IMAGE_NAMES, IMAGE, _is_image)


def label_column(path: Path, schema, name: str | None) -> str:
    """Return the column of labels: `name`, or if None the column with a usual name."""
    return _chosen(path, schema, "label_column", name, LABEL_NAMES, LABEL, _is_label)


def _chosen(path, schema, option: str, name: str | None, usual, expected: str, fits) -> str:
    columns = f"its columns are {', '.join(schema.names)}"
    names = [name] if name is not None else [n for n in usual if n in schema.names]
    if not names:
        raise ConfigError(
            f"dataset parquet: {path} has no column {' or '.join(map(repr, usual))}: set {option} "
            f"to the name of the column; {columns}"
        )
    if name is not None and name not in schema.names:
        raise ConfigError(f"dataset parquet: {option}: {path} has no column {name!r}; {columns}")
    fitting = [n for n in names if schema.names.count(n) == 1 and fits(schema.field(n).type)]
    if len(fitting) > 1:
        raise ConfigError(
            f"dataset parquet: {path}: the columns {', '.join(fitting)} are all possible: set "
            f"{option} to one of them; {columns}"
        )
    name = fitting[0] if fitting else names[0]
    check_column(path, schema, name, expected, fits)
    return name


def check_column(path: Path, schema, name: str, expected: str, fits: Callable) -> None:
    """Raise DataError unless there is exactly one column of that name and its type fits."""
    if schema.names.count(name) != 1:
        raise DataError(
            f"{path}: column {name!r} is missing or duplicate: expected {expected}; its "
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
    """Tell whether a type is a struct of bytes and path.

    One of the two may be missing, or have the null type if all its values are null.
    """
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
    """Tell whether a type is that of strings, plain or categorical."""
    import pyarrow as pa

    kind = _value_type(kind)
    return pa.types.is_string(kind) or pa.types.is_large_string(kind)


def check_nulls(path: Path, name: str, column, rows: np.ndarray) -> None:
    """Raise DataError with the first row that has a missing value."""
    if column.null_count:
        row = rows[np.argmax(column.is_null().to_numpy(zero_copy_only=False))]
        raise DataError(f"{path}: row {row}: {name} is missing (null): expected a value")


# -- labels ----------------------------------------------------------------------------------


def class_names(paths: list[Path], name: str | None) -> list[str] | None:
    """Return all class names in the files, in natural order; None if labels are integers.

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
            f"{texts[0]}: its labels are strings, but those of {integers[0]} are integers: use "
            f"one type of labels in all files"
        )
    return sorted(names - {None}, key=natural) if texts else None


def labels(
    path: Path, rows: np.ndarray, column, classes: int | None, names: list[str] | None
) -> np.ndarray:
    """Return the class of each row, int64 (rows,).

    Parameters
    ----------
    rows
        The row numbers, for error messages.
    column
        The labels.
    classes
        Number of classes; None for no limit but the table's.
    names
        The class names if labels are strings: the class is the index of the label in this list.

    Raises
    ------
    DataError
        A label is missing or out of range.
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
            + (f", since classes is {classes}" if classes else "")
        )
    return values.astype(np.int64)


# -- images ----------------------------------------------------------------------------------


def images(path: Path, rows: np.ndarray, column, shape: Shape | None, told: bool) -> np.ndarray:
    """Return the images of a batch of rows, uint8 (rows, *shape).

    Parameters
    ----------
    shape
        Shape of an image; None takes that of the first image.
    told
        Whether the shape is given by the option.
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
    """Return images from lists of pixels."""
    import pyarrow.compute as pc

    if not told:
        raise ConfigError(
            f"dataset parquet: shape is missing: {path} has raw pixels ({column.type}): set "
            f"shape to [height, width] or [height, width, channels]"
        )
    check_nulls(path, "image", column, rows)
    lengths = pc.list_value_length(column).to_numpy(zero_copy_only=False)
    size = math.prod(shape)
    if (lengths != size).any():
        i = np.argmax(lengths != size)
        raise DataError(
            f"{path}: row {rows[i]}: the image has {lengths[i]} values: expected {size}, since "
            f"shape is {list(shape)}"
        )
    values = column.flatten()
    check_nulls(path, "a pixel of the image", values, np.repeat(rows, size))
    return values.to_numpy(zero_copy_only=False).reshape(-1, *shape)


def _contents(path: Path, rows: np.ndarray, column) -> Iterator[bytes]:
    """Yield the image files of a struct column; paths are relative to the parquet file's folder."""
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
                f"{path}: row {row}: the image's path {name!r} leads outside the parquet file's "
                f"folder: put the image into {path.parent} and give its path relative to it"
            )
        try:
            yield (path.parent / inside).read_bytes()
        except (OSError, ValueError) as error:
            reason = getattr(error, "strerror", None) or error
            raise DataError(
                f"{path}: row {row}: the image file {name!r} cannot be read ({reason}): put it "
                f"into {path.parent}"
            ) from error


def _decode(
    path: Path, rows: np.ndarray, contents: Iterator[bytes], shape: Shape | None, told: bool
) -> np.ndarray:
    """Decode PNG and JPEG files."""
    pixels = None
    for i, data in enumerate(contents):
        try:
            encoded = open_image(data)
            own = shape_of(encoded)
            shape = shape or own
            if own != shape:
                raise ValueError(
                    f"is {_size(own)}: expected {_size(shape)}, "
                    + ("the value of shape" if told else "the shape of the first image")
                )
            # Decode before allocating the batch: Pillow rejects images of excessive size.
            image = pixels_of(encoded)
            if pixels is None:
                pixels = np.empty((len(rows), *shape), np.uint8)
            pixels[i] = image
        except ValueError as error:
            raise DataError(f"{path}: row {rows[i]}: the image {error}") from error
    return pixels


def _size(shape: Shape) -> str:
    return " x ".join(str(length) for length in shape)
