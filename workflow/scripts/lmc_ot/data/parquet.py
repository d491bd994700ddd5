"""The user's own images in parquet files, in the layouts that data hubs write, and others."""

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
BATCH_ROWS = 256  # of encoded images in memory at a time
SHARD = re.compile(r"(.*)-(\d{5})-of-(\d{5})(-[0-9a-f]+)?\.parquet")


@dataclass(frozen=True)
class Part:
    """Rows of one file: ``rows`` are their numbers, int64, counting from 0 and ascending."""

    path: Path
    rows: np.ndarray


@dataclass(frozen=True)
class Content:
    """What the options say of the columns; ``names`` are the classes' if labels are strings."""

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
    """Images and labels from columns of parquet files.

    ======== ========================== ======================================================
    column   type                       what
    ======== ========================== ======================================================
    image    binary                     a PNG or JPEG file: RGB (or palette), or greyscale; no
                                        alpha
    image    struct of bytes (binary)   the same; where bytes are null, path names a file,
             and path (string)          relative to the folder of the table
    image    list of uint8, of fixed    raw pixels, row by row, channels last; needs `shape`
             or variable size
    label    any integer                the class, from 0
    label    string                     the name of the class; classes are numbered in the
                                        order of all names in the files
    split    string                     ``train`` or ``test``; only with `files`
    original boolean, may be missing    false: a stand-in for an image; they are counted
    ======== ========================== ======================================================

    Labels and splits may be categorical (dictionary-encoded). Other columns are not read. Examples
    keep the order of the rows; the files of a pattern or folder are in the order of their names,
    numbers in them by value. At most 256 encoded images are in memory at a time.

    Parameters
    ----------
    train, test
        The files of each split: names or glob patterns, relative to the data folder or absolute.
    files
        Instead of both: files whose column ``split`` says where a row belongs.
    folder
        Instead of these: a folder as a data hub has it, relative to the data folder or absolute,
        with files ``train-00000-of-00002.parquet``, ..., ``test.parquet`` and the like, or folders
        ``train`` and ``test``, in it or in its folder ``data``.
    image_column, label_column
        Their names. Default: the column of a usual name (``image``, ``img``, ``pixel_values``;
        ``label``, ``labels``, ``fine_label``).
    shape
        (height, width) or (height, width, channels) of every image. Default: that of the first
        PNG or JPEG, (height, width) if it is greyscale, else (height, width, 3).
    classes
        Number of classes. Default: the largest label that was read, plus 1.
    scale
        The pixel value that stands for 1.
    train_examples, test_examples
        Number of examples to read of a split, from its beginning.

    Raises
    ------
    ConfigError
        Options are missing or exclude each other, or it is not clear which column to read.
    DataError
        A file is missing or malformed: its name, the row (counting from 0), and the expected
        content.
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
                f"data set parquet: the {split} split does not fit into memory: read less of it, "
                f"with {split}_examples"
            ) from error
        expected = splits[split].images.shape[1:]
    largest = max(int(split.labels.max()) for split in splits.values())
    return Dataset(**splits, classes=classes or largest + 1, scale=scale)


# -- which rows of which files ---------------------------------------------------------------


def _parts(train, test, files, folder) -> dict[str, list[Part]]:
    """The rows of each split, as the options say."""
    if sum(option is not None for option in (train or test, files, folder)) > 1:
        raise ConfigError(
            "dataset parquet: give one of these, not both: train and test; files; folder"
        )
    if files is not None:
        return _by_column(_found("files", files))
    if folder is not None:
        return _by_file(_in_folder(folder))
    if train is None or test is None:
        raise ConfigError(
            "dataset parquet: give train and test, or files with a column split (file names or "
            "patterns, relative to the data folder), or a folder"
        )
    return _by_file({"train": _found("train", train), "test": _found("test", test)})


def _in_folder(name: str) -> dict[str, list[Path]]:
    """The files of each split in a folder as a data hub has it."""
    folder = data_folder() / name
    if not folder.is_dir():
        raise DataError(
            f"data set parquet: folder: no folder {name!r} in {data_folder().absolute()}: put it "
            f"there, or point {ENVIRONMENT} (or data_dir in the config) at a folder that holds it"
        )
    for place in (folder, folder / "data"):
        by_split = {split: _of_split(place, split) for split in SPLITS}
        if any(by_split.values()):
            break
    for split in SPLITS:
        if not by_split[split]:
            raise DataError(
                f"{folder}: no files of the {split} split: expected {split}.parquet, "
                f"{split}-00000-of-00001.parquet or the like, in it or in its folder data; or "
                f"give train and test instead of folder"
            )
        _check_shards(by_split[split])
    return by_split


def _of_split(place: Path, split: str) -> list[Path]:
    """Files named after a split, or those in a folder of its name."""
    files = [path for path in place.glob("*.parquet") if re.match(f"{split}[-_.]", path.name)]
    files = files or list((place / split).glob("*.parquet"))
    return sorted((p for p in files if p.is_file()), key=lambda path: natural(path.name))


def _check_shards(paths: list[Path]) -> None:
    """DataError unless the files that are numbered "i of n" are all n of them, each once."""
    shards = [match for path in paths if (match := SHARD.fullmatch(path.name))]
    numbers = sorted(int(match[2]) for match in shards)
    for total in {int(match[3]) for match in shards}:
        if numbers != list(range(total)):
            raise DataError(
                f"{paths[0].parent}: its files {shards[0][1]}-*.parquet are numbered "
                f"{', '.join(map(str, numbers))} of {total}: expected each number below {total} "
                f"once: add or remove files, or give train and test instead of folder"
            )


def _found(option: str, patterns: str | list[str]) -> list[Path]:
    """The files of one or several names or patterns, each file once."""
    folder = data_folder()
    paths = []
    for pattern in [patterns] if isinstance(patterns, str) else patterns:
        if (folder / pattern).is_file():  # also a name with a bracket in it
            names = [pattern]
        else:
            names = glob(pattern, root_dir=folder, recursive=True)
            names = sorted((n for n in names if (folder / n).is_file()), key=natural)
        if not names:
            raise DataError(
                f"data set parquet: {option}: no file {pattern!r} in {folder.absolute()}: put it "
                f"there, or point {ENVIRONMENT} (or data_dir in the config) at a folder that "
                f"holds it"
            )
        paths += [folder / name for name in names]
    return list(dict.fromkeys(paths))


def _by_file(paths: dict[str, list[Path]]) -> dict[str, list[Part]]:
    """The rows of each split where every file belongs to one."""
    both = {p.resolve() for p in paths["train"]} & {p.resolve() for p in paths["test"]}
    if both:
        raise ConfigError(f"dataset parquet: {min(both)} is in train and in test")
    parts = {split: [] for split in SPLITS}
    for split in SPLITS:
        for path in paths[split]:
            with opened(path) as file:
                parts[split].append(Part(path, np.arange(file.metadata.num_rows)))
    return parts


def _by_column(paths: list[Path]) -> dict[str, list[Part]]:
    """The rows of each split where a column says it."""
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
    """The first rows of a split. Raises DataError if it has no rows, or fewer than requested."""
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


def _read(
    split: str, parts: list[Part], shape: Shape | None, told: bool, content: Content
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
    """A part's rows, a few at a time: their numbers; images, labels, and originals if any."""
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
