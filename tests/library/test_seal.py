"""The seal of a file: any change of any byte is noticed, and nothing else is."""

import itertools
import json
import os

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from lmc_ot.tables import seal
from sealed import write_sealed


def refused(path, content=None):
    """What the check says against a file; None if it says nothing."""
    if content is not None:
        path.write_bytes(content)
        seal._check.cache_clear()  # two writes within one tick of the clock look alike
    try:
        seal.check(path)
    except seal.BrokenSeal as error:
        return str(error)
    return None


@pytest.fixture
def small(tmp_path):
    """A sealed table of one row."""
    return write_sealed(tmp_path / "a.parquet", pa.table({"x": [1]}))


def test_a_sealed_file_is_whole_and_is_read_by_everyone(small):
    assert refused(small) is None
    assert pq.read_table(small).to_pydict() == {"x": [1]}
    assert pd.read_parquet(small)["x"].tolist() == [1]


def places(content):
    """Some places of a file, and all where its structure is read: at the seal and at the ends."""
    size, seal_begins = len(content), content.rfind(b"lmc.sha256")
    near = (range(16), range(seal_begins - 2, seal_begins + 80), range(size - 16, size))
    return sorted({*range(0, size, 8), *itertools.chain(*near)})


def test_every_byte_counts(small):
    """Each byte by one bit; where structure is read, by all bits and the least that is not one."""
    content = small.read_bytes()
    assert len(content) < 2000
    several = set(places(content))
    for place, byte in enumerate(content):
        for other in {byte ^ 1, byte ^ 255, (byte + 1) % 256} if place in several else {byte ^ 1}:
            changed = content[:place] + bytes([other]) + content[place + 1 :]
            assert refused(small, changed), f"byte {place}: {byte} -> {other}"
    assert refused(small, content) is None


def test_every_length_counts(small):
    content = small.read_bytes()
    for length in places(content):
        assert refused(small, content[:length]), f"the first {length} bytes"
        assert refused(small, content[len(content) - length :]), f"the last {length} bytes"


def test_every_inserted_or_appended_byte_counts(small):
    content = small.read_bytes()
    for place in [*places(content), len(content)]:
        for inserted in (b"\0", content[place : place + 1] or b"1"):
            changed = content[:place] + inserted + content[place:]
            assert refused(small, changed), f"{inserted} before byte {place}"
    for appended in (b"PAR1", content, content[-8:], bytes(4096)):
        assert refused(small, content + appended)


def test_the_digest_of_another_file_does_not_do(small, tmp_path):
    other = write_sealed(tmp_path / "b.parquet", pa.table({"x": [2]}))
    digests = [pq.read_metadata(path).metadata[b"lmc.sha256"] for path in (small, other)]
    assert digests[0] != digests[1]
    assert "modified" in refused(small, small.read_bytes().replace(*digests))


@pytest.mark.parametrize("digest", ["0" * 64, "f" * 64, "x" * 64])
def test_a_file_that_was_never_sealed_to_the_end_is_refused(digest, tmp_path):
    """As a process leaves it that is killed between the last byte and the seal."""
    table = pa.table({"x": [1]})
    with pq.ParquetWriter(tmp_path / "a.parquet", table.schema) as out:
        out.write_table(table)
        out.add_key_value_metadata({seal.KEY: digest})
    assert "modified" in refused(tmp_path / "a.parquet")


def test_a_file_of_pandas_is_refused(tmp_path):
    pd.DataFrame({"x": [1]}).to_parquet(tmp_path / "a.parquet")
    assert "not written by this workflow" in refused(tmp_path / "a.parquet")


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"PAR1",
        b"PAR1PAR1",
        b"PAR1\0\0\0\0PAR1",
        b"PAR1\xff\xff\xff\xffPAR1",
        b"PAR1" + b"lmc.sha256\x18\x40" + b"\x0c\0\0\0PAR1",
        b"PAR1" + b"lmc.sha256\x18\x40" + b"0" * 64 + b"\x4c\0\0\0PAR1",
    ],
)
def test_what_is_no_parquet_is_refused_and_not_parsed(content, tmp_path):
    assert refused(tmp_path / "a.parquet", content)


def test_the_same_table_has_the_same_seal(tmp_path):
    table = pa.table({"x": range(1000)})
    first, again = (write_sealed(tmp_path / name, table).read_bytes() for name in "ab")
    assert first == again


def test_sealing_changes_the_digest_alone(tmp_path):
    sealed = write_sealed(tmp_path / "a.parquet", pa.table({"x": [1]})).read_bytes()
    digest = pq.read_metadata(tmp_path / "a.parquet").metadata[b"lmc.sha256"]
    blank = sealed.replace(digest, seal.BLANK.encode())
    assert len(blank) == len(sealed) and blank.count(seal.BLANK.encode()) == 1
    (tmp_path / "b.parquet").write_bytes(blank)
    seal.seal(tmp_path / "b.parquet")
    assert (tmp_path / "b.parquet").read_bytes() == sealed


def test_a_digest_among_the_data_is_not_taken_for_the_seal(tmp_path):
    text = "lmc.sha256\x18\x40" + "0" * 64
    path = write_sealed(tmp_path / "a.parquet", pa.table({"x": [text] * 10}), compression="none")
    assert refused(path) is None
    content = path.read_bytes()
    assert "modified" in refused(path, content.replace(b"0" * 64, b"1" * 64))


def test_a_digest_in_the_footer_is_not_taken_for_the_seal(tmp_path):
    """The least text of a column, and the metadata, as tables writes them."""
    for text in ("lmc.sha256", "lmc.sha256\x18\x40", "lmc.sha256\x18\x40" + "0" * 64):
        path = tmp_path / "a.parquet"
        table = pa.table({"x": [text]}).replace_schema_metadata({"lmc": json.dumps(text)})
        write_sealed(path, table)
        content = path.read_bytes()
        assert refused(path, content) is None
        assert pq.read_table(path).to_pydict() == {"x": [text]}
        assert pq.read_metadata(path).row_group(0).column(0).statistics.min == text
        for place in places(content):
            changed = content[:place] + bytes([content[place] ^ 1]) + content[place + 1 :]
            assert refused(path, changed), f"byte {place}"


# -- once a process ----------------------------------------------------------------------------


@pytest.fixture
def digests(monkeypatch):
    """The files that were read to the end, one after another."""
    read, original = [], seal._digest

    def spy(file, position):
        read.append(file.name)
        return original(file, position)

    monkeypatch.setattr(seal, "_digest", spy)
    seal._check.cache_clear()
    return read


def test_a_file_is_read_once(small, digests):
    for _ in range(3):
        seal.check(small)
    seal.check(str(small))
    assert len(digests) == 1


@pytest.mark.parametrize("change", ["in place", "replaced", "appended", "restored"])
def test_a_file_that_changed_since_is_read_again(change, small, digests, tmp_path):
    seal.check(small)
    content = small.read_bytes()
    bad = content[:4] + bytes([content[4] ^ 1]) + content[5:]
    if change == "replaced":
        (tmp_path / "other").write_bytes(bad)
        os.replace(tmp_path / "other", small)
    else:
        small.write_bytes(content + b"1" if change == "appended" else bad)
    later = small.stat().st_mtime_ns + 1
    os.utime(small, ns=(later, later))
    with pytest.raises(seal.BrokenSeal):
        seal.check(small)
    if change == "restored":
        small.write_bytes(content)
        os.utime(small, ns=(later + 1, later + 1))
        seal.check(small)


def test_a_broken_file_stays_broken(small, digests):
    """An error is not kept as a pass."""
    content = small.read_bytes()
    small.write_bytes(content[:4] + bytes([content[4] ^ 1]) + content[5:])
    for _ in range(2):
        with pytest.raises(seal.BrokenSeal):
            seal.check(small)


def test_the_stored_digest_is_that_of_the_content(tmp_path):
    digests = []
    for number in (1, 1, 2):
        path = write_sealed(tmp_path / "a.parquet", pa.table({"x": [number]}))
        digests.append(seal.stored(path))
    assert digests[0] == digests[1] != digests[2]
    assert len(digests[0]) == len(seal.BLANK)


def test_a_file_without_a_seal_has_no_digest(tmp_path):
    pq.write_table(pa.table({"x": [1]}), tmp_path / "a.parquet")
    with pytest.raises(seal.BrokenSeal):
        seal.stored(tmp_path / "a.parquet")
