"""Data of the user's own, made by a Python function that a config names."""

from collections.abc import Iterable, Mapping

import numpy as np

from ..config.targets import failing_as, found
from ..errors import DataError
from .dataset import Dataset, Split

SPLITS = ("train", "test")
SCALE = 255.0
MOST_CLASSES = 32768  # labels are int16 in tables


def build(target: str, arguments: dict, classes: int | None) -> Dataset:
    """Return the data set ``module`` of the registry.

    Parameters
    ----------
    target
        ``package.module:name`` or ``path/to/file.py:name``: a function, or what it would return,
        see `dataset_of`.
    arguments
        Keyword arguments of the function.
    classes
        Number of classes; None for the largest label plus 1.

    Raises
    ------
    UserError
        The target does not exist, or raises an error.
    DataError
        It gives something else than a data set, or one that contradicts itself.
    """
    return dataset_of(target, made_by(target, arguments), classes)


def made_by(target: str, arguments: dict | None = None):
    """Return what a target gives: what it returns if it is a function, otherwise itself."""
    given = found(target)
    if callable(given):
        with failing_as(f"{target}: it cannot be called with {arguments or {}}"):
            return given(**arguments or {})
    if arguments:
        raise DataError(
            f"{target}: a {type(given).__name__}, which takes no arguments: remove them"
        )
    return given


def is_dataset(given) -> bool:
    """Tell whether this is a data set of two splits, as `dataset_of` takes it."""
    return isinstance(given, Dataset | Mapping) or (
        isinstance(given, tuple) and len(given) == 2 and not _is_array(given[0])
    )


def dataset_of(what: str, given, classes: int | None = None) -> Dataset:
    """Return a data set from the objects that users have.

    Parameters
    ----------
    what
        The target, for messages.
    given
        A `Dataset`; a mapping with the keys ``train`` and ``test``; or a tuple of these two. A
        split is a pair (inputs, targets) of torch tensors or numpy arrays, an indexable object
        whose items are examples (input, target), such as a torch Dataset, or an iterable of
        batches (inputs, targets).

        Inputs are images, uint8 (n, height, width) or (n, height, width, channels), or floats
        (n, ...) in the layout that the module expects. Targets are class labels, integers (n,), or
        floats (n, ...).
    classes
        See `build`.

    Raises
    ------
    DataError
        It is none of these, or contradicts itself.
    """
    if isinstance(given, Dataset):
        if classes not in (None, given.classes):
            raise DataError(
                f"{what}: classes: {classes}: it gives a Dataset of {given.classes}: remove the "
                f"option"
            )
        return given
    if not is_dataset(given):
        raise DataError(
            f"{what}: gives a {type(given).__name__}: expected {{train: (inputs, targets), "
            f"test: (inputs, targets)}}"
        )
    if isinstance(given, Mapping):
        missing = [name for name in SPLITS if name not in given]
        if missing:
            keys = ", ".join(map(str, given)) or "none"
            raise DataError(f"{what}: the key {missing[0]!r} is missing: it has the keys {keys}")
        given = [given[name] for name in SPLITS]
    arrays = [_arrays(f"{what}: {name}", split) for name, split in zip(SPLITS, given, strict=True)]
    targets = [labels for _, labels in arrays]
    if all(np.issubdtype(labels.dtype, np.integer) for labels in targets):
        if classes is None:
            classes = max([1, *(int(labels.max()) + 1 for labels in targets if labels.size)])
        if classes > MOST_CLASSES:
            raise DataError(f"{what}: {classes} classes: expected at most {MOST_CLASSES}")
    elif classes is not None:
        raise DataError(f"{what}: classes: {classes}: its targets are floats: remove the option")
    try:
        return Dataset(*(Split(*split) for split in arrays), classes, SCALE)
    except DataError as error:
        raise DataError(f"{what}: {error}") from error


def _is_array(given) -> bool:
    return hasattr(given, "shape")


def _arrays(what: str, split) -> tuple[np.ndarray, np.ndarray]:
    """Return inputs and targets of a split in the form of `Split`."""
    pair = isinstance(split, tuple | list) and len(split) == 2 and _is_array(split[0])
    with failing_as(f"{what}: expected (inputs, targets), a torch Dataset, or batches of both"):
        if pair:
            inputs, targets = map(_array, split)
        elif isinstance(split, tuple | list) or not hasattr(split, "__getitem__"):
            inputs, targets = _joined(split, np.concatenate)
        else:
            inputs, targets = _joined((split[i] for i in range(len(split))), np.stack)
    return _inputs(what, inputs), _targets(what, targets)


def _joined(parts: Iterable, join) -> tuple[np.ndarray, np.ndarray]:
    columns = zip(*((_array(inputs), _array(targets)) for inputs, targets in parts), strict=True)
    inputs, targets = (join(column) for column in columns)
    return inputs, targets


def _array(values) -> np.ndarray:
    """Return a torch tensor or anything that numpy understands as an array."""
    if hasattr(values, "detach"):
        values = values.detach().cpu()
        # numpy has no bfloat16.
        values = values.float() if values.is_floating_point() else values
    return np.asarray(values)


def _inputs(what: str, values: np.ndarray) -> np.ndarray:
    expected = "uint8 images (n, height, width[, channels]), or floats (n, ...)"
    if values.dtype == np.uint8:
        if values.ndim not in (3, 4):
            raise DataError(f"{what}: inputs are uint8 {values.shape}: expected {expected}")
        if values.ndim == 4 and values.shape[1] in (1, 3) and values.shape[3] > 4:
            raise DataError(
                f"{what}: inputs are uint8 {values.shape}: the channels of images come last: move "
                f"axis 1 to the end, or give floats, which are used as they are"
            )
        return values
    if not np.issubdtype(values.dtype, np.floating) or values.ndim < 2 or not values[:1].size:
        raise DataError(f"{what}: inputs are {values.dtype} {values.shape}: expected {expected}")
    return np.ascontiguousarray(np.moveaxis(values, 1, -1), np.float32)


def _targets(what: str, values: np.ndarray) -> np.ndarray:
    if np.issubdtype(values.dtype, np.floating) and values.ndim > 0 and values[:1].size:
        return np.ascontiguousarray(values, np.float32)
    if values.dtype.kind not in "iub" or values.ndim != 1:
        raise DataError(
            f"{what}: targets are {values.dtype} {values.shape}: expected class labels, integers "
            f"(n,), or floats (n, ...)"
        )
    return values.astype(np.int64)
