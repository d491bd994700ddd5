"""Data sets as tables, with one row per example."""

from dataclasses import asdict
from operator import index

import numpy as np
import pyarrow as pa

from ..errors import DataError, TableError
from ..tables.parquet import matrix, metadata, read, rebuild, write
from .dataset import Dataset, Split, Standardisation


def write_dataset(path, dataset: Dataset, run: dict) -> None:
    """Write a data set as a table, the training split first."""
    splits = dataset.splits
    pixels = np.concatenate([s.images.reshape(len(s.images), -1) for s in splits.values()])
    write(
        "dataset",
        path,
        {
            "split": [name for name, s in splits.items() for _ in range(len(s.labels))],
            "image": pa.FixedSizeListArray.from_arrays(pa.array(pixels.ravel()), pixels.shape[1]),
            "label": np.concatenate([s.labels for s in splits.values()]).astype(np.int16),
        },
        run,
        shape=list(dataset.shape),
        classes=dataset.classes,
        scale=dataset.scale,
        standardisation=dataset.standardisation and asdict(dataset.standardisation),
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
    labels = table["label"].to_numpy().astype(np.int64)
    images = matrix(table["image"], np.uint8)
    try:
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
        return Dataset(train, test, index(about["classes"]), float(about["scale"]), standardisation)
    except KeyError as error:
        raise TableError(f"{path}: the metadata lack the key {error}: {rebuild(path)}") from error
    except (TypeError, OverflowError) as error:
        raise TableError(
            f"{path}: the metadata do not describe a data set ({error}): {rebuild(path)}"
        ) from error
    except (ValueError, DataError) as error:
        raise TableError(f"{path}: {error}") from error
