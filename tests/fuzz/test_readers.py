"""Every reader of files, fed mutated files: 500 by default, the same every time.

``LMC_FUZZ=10000 pytest tests/fuzz`` feeds that many; `fuzz.py` says more of them.
"""

import os
import tempfile

import pytest

import fuzz
from targets import TARGETS

EXAMPLES = int(os.environ.get("LMC_FUZZ", 500))


@pytest.fixture(scope="module")
def results():
    """Reader -> what it did; all of them, two at a time."""
    return fuzz.run_all(EXAMPLES)


@pytest.mark.parametrize("name", TARGETS)
def test_a_mutated_file_is_refused_in_one_line_or_read_rightly(name, results):
    found = results[name]
    assert found["failure"] is None, found["failure"]
    assert found["files"] > 0
    assert sum(found["outcomes"].values()) == found["files"]


@pytest.mark.parametrize(
    "reader",
    ["crashes", "hangs", "raises", "lies", "says two lines"],
)
def test_a_bad_reader_is_found(reader, tmp_path, monkeypatch):
    """What the fuzzing is for: a reader of every kind of fault is a failure that names the file."""
    monkeypatch.setenv("LMC_FUZZ_FAULT", reader)
    monkeypatch.setenv("LMC_FUZZ_SECONDS", "5")
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    monkeypatch.setattr(tempfile, "tempdir", None)
    found = fuzz.start("faulty", 20, None)
    assert found["failure"], found
    assert reader in found["failure"] and str(tmp_path) in found["failure"]
    (file,) = tmp_path.glob("*/*/a.txt" if reader in ("crashes", "hangs") else "*/failing")
    assert file.read_bytes() not in (b"some text", b"other text")
