"""Is a file what it was when the expectations were stored? Schemas exactly, numbers closely."""

import json
import re
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
from matplotlib.testing.compare import compare_images
from safetensors.numpy import load_file

# What differs from one machine, moment or commit to the next and is no result.
NOT_COMPARED = {"versions", "device", "commit", "made_from"}
ERRORS = {"error"}  # a rounding error: only its size is compared
CLOCK = {"seconds"}
# Ratios of distances between close units magnify what float32 rounds.
MAGNIFIED = {"neighbour_dimension": 1e-3}


def assert_same(found: Path, expected: Path, relative: float) -> None:
    """Compare two files of a kind that the workflow writes.

    Parameters
    ----------
    relative
        Allowed difference of floating-point numbers, relative to the largest of their column.
    """
    assert found.is_file(), f"{found} was not made"
    compare = {".parquet": _parquet, ".csv": _csv, ".png": _png, ".md": _text, ".txt": _words}
    compare = (compare | {".safetensors": _tensors})[expected.suffix]
    compare(found, expected, relative)


def _parquet(found: Path, expected: Path, relative: float) -> None:
    a, b = pq.read_table(found), pq.read_table(expected)
    assert a.schema.equals(b.schema), f"{found}: {a.schema} is not {b.schema}"
    about, wanted = (json.loads(t.schema.metadata[b"lmc"]) for t in (a, b))
    assert _without(about) == _without(wanted), found
    for name in ERRORS & wanted.keys():
        assert 0 <= about[name] < 1e-10 > wanted[name], found
    assert len(a) == len(b), found
    for name in a.column_names:
        if name not in CLOCK:
            allowed = max(relative, MAGNIFIED.get(name, 0))
            columns = (_numbers(t[name]) if name.startswith("tap_") else t[name] for t in (a, b))
            _column(f"{found}: {name}", *columns, allowed)


def _without(about: dict) -> dict:
    return {key: value for key, value in about.items() if key not in NOT_COMPARED | ERRORS}


def _numbers(column: pa.ChunkedArray) -> pa.Array:
    """The numbers of activations, which are stored as bytes."""
    return pa.array(np.frombuffer(b"".join(column.to_pylist()), np.float32))


def _column(what: str, a: pa.ChunkedArray, b: pa.ChunkedArray, relative: float) -> None:
    if pa.types.is_list(a.type):
        lengths = [[None if row is None else len(row) for row in c.to_pylist()] for c in (a, b)]
        assert lengths[0] == lengths[1], what
        a, b = (c.combine_chunks().flatten() for c in (a, b))
    if pa.types.is_floating(a.type):
        close(what, a.to_numpy(), b.to_numpy(), relative)
    else:
        assert a.to_pylist() == b.to_pylist(), what


def close(what: str, a: np.ndarray, b: np.ndarray, relative: float) -> None:
    """Missing values in the same places, the others within the allowed difference."""
    scale = np.nanmax(np.abs(b), initial=0.0) if len(b) and not np.isnan(b).all() else 0.0
    np.testing.assert_allclose(a, b, rtol=0, atol=relative * scale, equal_nan=True, err_msg=what)


def _csv(found: Path, expected: Path, relative: float) -> None:
    a, b = pd.read_csv(found), pd.read_csv(expected)
    assert list(a.columns) == list(b.columns), found
    assert len(a) == len(b), found
    for name in a.columns:
        if b[name].dtype.kind == "f":
            close(f"{found}: {name}", a[name].to_numpy(), b[name].to_numpy(), relative)
        else:
            same = [_same_item(x, y, relative) for x, y in zip(a[name], b[name], strict=True)]
            assert all(same), f"{found}: {name}: row {same.index(False)}"


def _same_item(a, b, relative: float) -> bool:
    """Text, or numbers with spaces between, or missing."""
    try:
        a, b = (np.array(str(x).split(), float) for x in (a, b))
    except ValueError:
        return a == b
    return a.shape == b.shape and np.allclose(a, b, rtol=relative, atol=1e-12, equal_nan=True)


def _tensors(found: Path, expected: Path, relative: float) -> None:
    a, b = load_file(found), load_file(expected)
    assert list(a) == list(b), found
    for name, tensor in b.items():
        assert a[name].dtype == tensor.dtype, f"{found}: {name}"
        close(f"{found}: {name}", a[name], tensor, relative)


def _png(found: Path, expected: Path, relative: float) -> None:
    """Allow for a hinting or rounding difference of glyphs: root mean square of 5 in 255."""
    difference = compare_images(str(expected), str(found), tol=5)
    assert difference is None, difference


def _text(found: Path, expected: Path, relative: float) -> None:
    """Words in the same places; numbers are those of the csv beside it, compared there."""
    a, b = (path.read_text().split("\n") for path in (found, expected))
    assert [line.split("|")[:4] for line in a] == [line.split("|")[:4] for line in b], found


def _words(found: Path, expected: Path, relative: float) -> None:
    """Everything but rounding errors and how far a control moves the output, such as 1.8e-14."""
    a, b = (re.sub(r"\d\.\de[+-]\d\d", "#", path.read_text()) for path in (found, expected))
    assert a == b, found
