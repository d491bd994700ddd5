"""The user's own images from parquet files, in the layouts of data hubs and in others."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from glob import glob
from pathlib import Path

import numpy as np

from ..errors import ConfigError, DataError
from . import parquet_columns as columns
from .dataset import Dataset, Split
from .folder import ENVIRONMENT, data_folder
from .parquet_columns import Shape, check_rows, natural, opened

SPLITS = ("train", "test")
BATCH_ROWS = 256  # encoded images in memory at a time
SHARD = re.compile(r"(.*)-(\d{5})-of-(\d{5})(-[0-9a-f]+)?\.parquet")


@dataclass(frozen=True)
class Part:
    """Selected rows of one file: ``rows`` are their indices from 0, int64, ascending."""

    path: Path
    rows: np.ndarray


@dataclass(frozen=True)
class Content:
    """The options on columns and classes; ``names`` are the class names if labels are strings."""

    image: str | None
    label: str | None
    classes: int | None
    names: list[str] | None


def parquet(
    train: str | list[str] | None,
    test: str | list[str] | None,
    files: str | list[str] | None,
    folder: str | None,
    image_column: str | None,
    label_column: str | None,
    shape: list[int] | None,
    classes: int | None,
    scale: float,
    train_examples: int | None,
    test_examples: int | None,
) -> Dataset:
    """Read images and labels from columns of parquet files.

    ======== ========================== ======================================================
    column   type                       content
    ======== ========================== ======================================================
    image    binary                     a PNG or JPEG file: RGB, palette or greyscale, without
                                        alpha channel
    image    struct of bytes (binary)   the same; if bytes is null, path is the file, relative
             and path (string)          to the folder of the parquet file
    image    list of uint8, of fixed    raw pixels, row by row, channels last; requires `shape`
             or variable size
    label    any integer                the class, from 0
    label    string                     the name of the class; classes are numbered in the
                                        sorted order of all names in the files
    split    string                     ``train`` or ``test``; only with `files`
    original boolean, optional          false marks a stand-in image; their number is logged
    ======== ========================== ======================================================

    Labels and splits may be categorical (dictionary-encoded). Other columns are ignored. Examples
    keep the order of the rows; the files of a pattern or folder are sorted by name, with numbers
    compared by value. At most 256 encoded images are in memory at a time.

    Parameters
    ----------
    train, test
        The files of each split: names or glob patterns, relative to the data folder or absolute.
    files
        Instead of `train` and `test`: files with a column ``split``.
    folder
        Instead of these: a folder in the layout of data hubs, relative to the data folder or
        absolute. It, or its subfolder ``data``, contains files such as
        ``train-00000-of-00002.parquet`` and ``test.parquet``, or folders ``train`` and ``test``.
    image_column, label_column
        Names of the columns. None looks for the usual names (``image``, ``img``,
        ``pixel_values``; ``label``, ``labels``, ``fine_label``).
    shape
        (height, width) or (height, width, channels) of every image. None takes that of the first
        PNG or JPEG: (height, width) for greyscale, otherwise (height, width, 3).
    classes
        Number of classes. None for the largest label that was read, plus 1.
    scale
        The pixel value that is scaled to 1.
    train_examples, test_examples
        Number of examples to read from the beginning of a split. None for all.

    Raises
    ------
    ConfigError
        Options are missing or exclude each other, or the column to read is ambiguous.
    DataError
        A file is missing or malformed. The message names the file, the row (from 0) and the
        expected content.
    """
    parts = _parts(train, test, files, folder)
    asked = {"train": train_examples, "test": test_examples}
    parts = {split: _first(split, parts[split], asked[split]) for split in SPLITS}
    paths = list(dict.fromkeys(part.path for split in SPLITS for part in parts[split]))
    names = columns.class_names(paths, label_column)
    content = Content(image_column, label_column, classes, names)

    expected = tuple(shape) if shape else None
    splits = {}
    for split in SPLITS:
        try:
            splits[split] = _read(split, parts[split], expected, bool(shape), content)
        except MemoryError as error:
            raise DataError(
                f"data set parquet: the {split} split does not fit into memory: read fewer "
                f"examples by setting {split}_examples"
            ) from error
        expected = splits[split].images.shape[1:]
    largest = max(int(split.labels.max()) for split in splits.values())
    return Dataset(**splits, classes=classes or largest + 1, scale=scale)


# -- which rows of which files ---------------------------------------------------------------


def _parts(train, test, files, folder) -> dict[str, list[Part]]:
    """Return the rows of each split according to the options."""
    if sum(option is not None for option in (train or test, files, folder)) > 1:
        raise ConfigError("dataset parquet: give only one of: train and test; files; folder")
    if files is not None:
        return _by_column(_found("files", files))
    if folder is not None:
        return _by_file(_in_folder(folder))
    if train is None or test is None:
        raise ConfigError(
            "dataset parquet: no files given: set train and test, or files with a column split "
            "(names or patterns relative to the data folder), or folder"
        )
    return _by_file({"train": _found("train", train), "test": _found("test", test)})


def _in_folder(name: str) -> dict[str, list[Path]]:
    """Return the files of each split in a folder in the layout of data hubs."""
    folder = data_folder() / name
    if not folder.is_dir():
        raise DataError(
            f"data set parquet: folder: no folder {name!r} in {data_folder().absolute()}: put it "
            f"there, or point {ENVIRONMENT} (or data_dir in the config) to the folder that holds it"
        )
    for place in (folder, folder / "data"):
        by_split = {split: _of_split(place, split) for split in SPLITS}
        if any(by_split.values()):
            break
    for split in SPLITS:
        if not by_split[split]:
            raise DataError(
                f"{folder}: no files of the {split} split: expected files such as {split}.parquet "
                f"or {split}-00000-of-00001.parquet in it or in its subfolder data; or set train "
                f"and test instead of folder"
            )
        _check_shards(by_split[split])
    return by_split


def _of_split(place: Path, split: str) -> list[Path]:
    """Return the files named after a split, or else those in a folder of its name."""
    files = [path for path in place.glob("*.parquet") if re.match(f"{split}[-_.]", path.name)]
    files = files or list((place / split).glob("*.parquet"))
    return sorted((p for p in files if p.is_file()), key=lambda path: natural(path.name))


def _check_shards(paths: list[Path]) -> None:
    """Raise DataError unless the files numbered "i of n" are complete and unique."""
    shards = [match for path in paths if (match := SHARD.fullmatch(path.name))]
    numbers = sorted(int(match[2]) for match in shards)
    for total in {int(match[3]) for match in shards}:
        if numbers != list(range(total)):
            raise DataError(
                f"{paths[0].parent}: its files {shards[0][1]}-*.parquet are numbered "
                f"{', '.join(map(str, numbers))} of {total}: expected each number below {total} "
                f"once: add or remove files, or set train and test instead of folder"
            )


def _found(option: str, patterns: str | list[str]) -> list[Path]:
    """Return the files that match one or several names or patterns, without duplicates."""
    folder = data_folder()
    paths = []
    for pattern in [patterns] if isinstance(patterns, str) else patterns:
        if (folder / pattern).is_file():  # a name may contain brackets
            names = [pattern]
        else:
            names = glob(pattern, root_dir=folder, recursive=True)
            names = sorted((n for n in names if (folder / n).is_file()), key=natural)
        if not names:
            raise DataError(
                f"data set parquet: {option}: no file {pattern!r} in {folder.absolute()}: put it "
                f"there, or point {ENVIRONMENT} (or data_dir in the config) to the folder that "
                f"holds it"
            )
        paths += [folder / name for name in names]
    return list(dict.fromkeys(paths))


def _by_file(paths: dict[str, list[Path]]) -> dict[str, list[Part]]:
    """Return the rows of each split, given the files of each split."""
    both = {p.resolve() for p in paths["train"]} & {p.resolve() for p in paths["test"]}
    if both:
        raise ConfigError(
            f"dataset parquet: {min(both)} is in both train and test: remove it from one"
        )
    parts = {split: [] for split in SPLITS}
    for split in SPLITS:
        for path in paths[split]:
            with opened(path) as file:
                parts[split].append(Part(path, np.arange(file.metadata.num_rows)))
    return parts


def _by_column(paths: list[Path]) -> dict[str, list[Part]]:
    """Return the rows of each split according to the column ``split``."""
    import pyarrow as pa

    parts = {split: [] for split in SPLITS}
    for path in paths:
        with opened(path) as file:
            columns.check_column(path, file.schema_arrow, "split", "a string", columns.is_text)
            values = file.read(columns=["split"])["split"].cast(pa.string())
        columns.check_nulls(path, "split", values, np.arange(len(values)))
        values = values.to_numpy()
        known = np.isin(values, SPLITS)
        if not known.all():
            row = int(np.argmin(known))
            raise DataError(
                f"{path}: row {row}: split is {values[row]!r}: expected {' or '.join(SPLITS)}"
            )
        for split in SPLITS:
            parts[split].append(Part(path, np.flatnonzero(values == split)))
    return parts


def _first(split: str, parts: list[Part], examples: int | None) -> list[Part]:
    """Return the first rows of a split. Raises DataError if there are none or not enough."""
    there = sum(len(part.rows) for part in parts)
    if there == 0:
        names = ", ".join(str(part.path) for part in parts)
        raise DataError(f"{names}: the {split} split is empty: expected rows")
    if examples is None:
        return parts
    if examples > there:
        raise DataError(
            f"data set parquet: {split}_examples: {examples} exceeds the {there} rows of the "
            f"{split} split: give a smaller number, or null"
        )
    begins = np.cumsum([0, *(len(part.rows) for part in parts)])
    return [
        Part(part.path, part.rows[: examples - begin])
        for part, begin in zip(parts, begins, strict=False)
        if begin < examples
    ]


# -- reading ---------------------------------------------------------------------------------


def _read(
    split: str, parts: list[Part], shape: Shape | None, told: bool, content: Content
) -> Split:
    """Read the rows of a split, which is not empty.

    Parameters
    ----------
    shape
        Shape of an image; None takes that of the first image.
    told
        Whether the shape is given by the option.
    """
    total = sum(len(part.rows) for part in parts)
    images, labels = None, np.empty(total, np.int64)
    done, stand_ins, marked = 0, 0, False
    for part in parts:
        for rows, batch in _batches(part, content):
            here = slice(done, done + len(rows))
            image, label, *marks = batch
            labels[here] = columns.labels(part.path, rows, label, content.classes, content.names)
            pixels = columns.images(part.path, rows, image, shape, told)
            if images is None:
                shape = pixels.shape[1:]
                images = np.empty((total, *shape), np.uint8)
            images[here] = pixels
            for original in marks:
                marked = True
                stand_ins += original.false_count
            done += len(rows)
    if marked:
        print(f"{split}: {stand_ins:,} of {total:,} images are stand-ins (original = false)")
    return Split(images, labels)


def _batches(part: Part, content: Content) -> Iterator[tuple[np.ndarray, list["pyarrow.Array"]]]:  # noqa: F821
    """Yield a part's rows in batches: row numbers; images, labels and, if present, originals."""
    import pyarrow as pa

    with opened(part.path) as file:
        schema = file.schema_arrow
        names = [
            columns.image_column(part.path, schema, content.image),
            columns.label_column(part.path, schema, content.label),
        ]
        if "original" in schema.names and pa.types.is_boolean(schema.field("original").type):
            names.append("original")
        begin, read = 0, 0
        for group in range(file.num_row_groups):
            end = begin + file.metadata.row_group(group).num_rows
            if len(_between(part.rows, begin, end)):
                for batch in file.iter_batches(BATCH_ROWS, row_groups=[group], columns=names):
                    check_rows(part.path, begin + len(batch) <= end)
                    rows = _between(part.rows, begin, begin + len(batch))
                    if len(rows):
                        some = batch.take(pa.array(rows - begin))
                        yield rows, [some.column(name) for name in names]
                    begin, read = begin + len(batch), read + len(rows)
                check_rows(part.path, begin == end)
            begin = end
        check_rows(part.path, read == len(part.rows))


def _between(rows: np.ndarray, begin: int, end: int) -> np.ndarray:
    low, high = np.searchsorted(rows, [begin, end])
    return rows[low:high]
