"""Data sets as tables, with one row per example."""

from dataclasses import asdict
from operator import index

import numpy as np
import pyarrow as pa

from ..errors import DataError, TableError
from ..tables.parquet import as_bytes, from_bytes, metadata, read, rebuild, write
from .dataset import Dataset, Split, Standardisation


def write_dataset(path, dataset: Dataset, run: dict) -> None:
    """Write a data set as a table, the training split first."""
    splits = dataset.splits
    images, labels = (
        np.concatenate([getattr(s, name) for s in splits.values()]) for name in ("images", "labels")
    )
    of_targets = {} if dataset.classes else {"target_shape": list(labels.shape[1:])}
    write(
        "dataset",
        path,
        {
            "split": [name for name, s in splits.items() for _ in range(len(s.labels))],
            "image": as_bytes(images),
            "label": labels.astype(np.int16) if dataset.classes else as_bytes(labels),
        },
        run,
        dtype=images.dtype.name,
        shape=list(dataset.shape),
        classes=dataset.classes,
        scale=dataset.scale,
        standardisation=dataset.standardisation and asdict(dataset.standardisation),
        **of_targets,
    )


def read_dataset(path) -> Dataset:
    """Read a data set written by `write_dataset`.

    Raises
    ------
    TableError
        As for `read`; or labels, shapes and metadata are inconsistent.
    """
    table, about = read("dataset", path), metadata("dataset", path)
    names = table["split"].to_numpy(zero_copy_only=False)
    try:
        images = from_bytes(table["image"], np.dtype(about["dtype"]))
        labels, classes = _labels(table["label"], about)
        shape = tuple(about["shape"])
        images = images.reshape(len(labels), *shape)
        train, test = (
            Split(images[names == split], labels[names == split]) for split in ("train", "test")
        )
        # Tables from before this option existed lack the key; their images are not standardised.
        standardisation = about.get("standardisation")
        if standardisation is not None:
            standardisation = Standardisation(
                *(tuple(map(float, standardisation[key])) for key in ("mean", "deviation"))
            )
        return Dataset(train, test, classes, float(about["scale"]), standardisation)
    except KeyError as error:
        raise TableError(f"{path}: the metadata lack the key {error}: {rebuild(path)}") from error
    except (TypeError, OverflowError) as error:
        raise TableError(
            f"{path}: the metadata do not describe a data set ({error}): {rebuild(path)}"
        ) from error
    except (ValueError, DataError) as error:
        raise TableError(f"{path}: {error}") from error


def _labels(column: pa.ChunkedArray, about: dict) -> tuple[np.ndarray, int | None]:
    """Return the labels or other targets, and the number of classes or None."""
    if pa.types.is_integer(column.type):
        return column.to_numpy().astype(np.int64), index(about["classes"])
    targets = from_bytes(column, np.dtype(np.float32))
    return targets.reshape(len(targets), *about["target_shape"]), None
