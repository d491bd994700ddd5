"""Mutated files: what disks, networks, editors and people do to bytes, as hypothesis strategies."""

import struct
import zlib

from hypothesis import strategies as st

PNG = b"\x89PNG\r\n\x1a\n"
INTEGERS = [0, 1, 0x7F, 0x80, 0xFF, 0x7FFF, 0xFFFF, 0x7FFFFFFF, 0x80000000, 0xFFFFFFFF]
TOKENS = [
    b"", b"0", b"-1", b"-0", b"1e999", b"1e-999", b"nan", b".nan", b"-.inf", b"inf", b"9" * 5000,
    b"0x10", b"1_000", b"1:30", b"010", b"null", b"~", b"yes", b"true", b"''", b'"', b"'", b",",
    b"\t", b"\r", b"\n", b"\0", b"\xff", b"\xef\xbb\xbf", b"\xed\xa0\x80", "\u2028\u0661".encode(),
    b"2001-01-01", b"2001-99-99", b"[", b"]", b"{", b"}", b"[" * 3000, b"{a: " * 400, b"- " * 2000,
    b"&a", b"*a", b"&a [*a]", b"&a {x: *a}", b"<<: *a", b"<<: 5", b"---\n", b"...\n",
    b"%YAML 9.9\n", b"? ", b": ", b"!!float x", b"!!int x", b"!!binary =", b"!!timestamp x",
    b"!!set {a}",
    b"!!python/object/apply:os.system [true]", b"!!python/tuple [1]", b"!!python/name:os.system",
    b"!x y", b"|", b">", b"@", b"`", b"#", b"1e-3", b"20.0", b"[]", b"{}", b"[[]]", b"[null]",
    b"a" * 200_000, b"../..", b"/", b"digits", b"mlp", b"am", b"name", b"experiments",
]  # fmt: skip


def position(length: int):
    """A place in a file: anywhere, or near one of its ends, where the lengths stand."""
    last = max(0, length - 1)
    return st.one_of(
        st.integers(0, last),
        st.integers(0, min(last, 64)),
        st.integers(0, min(last, 700)).map(lambda back: last - back),
        st.integers(0, min(last, 11)).map(lambda back: last - back),
    )


@st.composite
def mutated(draw, content: bytes, partner: bytes, kind: str = "bytes") -> bytes:
    """The content after one to three mutations.

    Parameters
    ----------
    partner
        Another file of the kind, for splices.
    kind
        ``bytes``; ``text`` adds tokens, ``parquet`` numbers of its footer; ``png`` may repair the
        checksums of chunks afterwards.
    """
    names = OPERATIONS + {"text": ["token"] * 3, "parquet": ["footer"] * 6}.get(kind, [])
    for _ in range(draw(st.integers(1, 3))):
        content = _mutate(draw, draw(st.sampled_from(names)), content, partner)
    if kind == "png" and draw(st.integers(0, 3)):
        content = with_checksums(content)
    return content


OPERATIONS = [
    "flip", "flip", "overwrite", "integer", "run", "insert", "repeat", "delete", "truncate",
    "behead", "swap", "splice", "append",
]  # fmt: skip


def _mutate(draw, operation: str, content: bytes, partner: bytes) -> bytes:
    at = draw(position(len(content)))
    if operation == "flip" and content:
        return (
            content[:at] + bytes([content[at] ^ (1 << draw(st.integers(0, 7)))]) + content[at + 1 :]
        )
    if operation == "overwrite":
        some = draw(st.binary(min_size=1, max_size=8))
        return content[:at] + some + content[at + len(some) :]
    if operation == "integer":
        size, order = draw(st.sampled_from([1, 2, 4, 8])), draw(st.sampled_from(["little", "big"]))
        some = (draw(st.sampled_from(INTEGERS)) % (1 << 8 * size)).to_bytes(size, order)
        return content[:at] + some + content[at + len(some) :]
    if operation == "run":
        length = draw(st.integers(1, 64))
        return (
            content[:at] + draw(st.sampled_from([b"\0", b"\xff"])) * length + content[at + length :]
        )
    if operation == "insert":
        return content[:at] + draw(st.binary(min_size=1, max_size=16)) + content[at:]
    if operation == "token":
        length = draw(st.sampled_from([0, 0, 1, 3, 8]))
        return content[:at] + draw(st.sampled_from(TOKENS)) + content[at + length :]
    if operation == "footer":
        return _footer(draw, content)
    if operation == "truncate":
        return content[:at]
    if operation == "behead":
        return content[at:]
    if operation == "append":
        return content + draw(
            st.sampled_from([b"\0", b"PAR1", b"\n", partner[-200:], content[-8:]])
        )
    end = draw(position(len(content)))
    at, end = sorted((at, end))
    if operation == "repeat":
        return content[:end] + content[at:end] + content[end:]
    if operation == "delete":
        return content[:at] + content[end:]
    if operation == "swap":
        middle = draw(st.integers(at, end))
        return content[:at] + content[middle:end] + content[at:middle] + content[end:]
    if operation == "splice":
        return content[:at] + partner[draw(position(len(partner))) :]
    return content


def _footer(draw, parquet: bytes) -> bytes:
    """Other numbers in the footer, as thrift writes them, of any length: the footer fits."""
    length = int.from_bytes(parquet[-8:-4], "little")
    if not 0 < length <= len(parquet) - 8:
        return parquet
    footer = parquet[-8 - length : -8]
    for _ in range(draw(st.integers(1, 2))):
        at = draw(st.integers(0, len(footer) - 1))
        number = draw(st.sampled_from([*INTEGERS, 1 << 40, (1 << 63) - 1, (1 << 64) - 1]))
        footer = footer[:at] + varint(number) + footer[at + draw(st.integers(0, 2)) :]
    return parquet[: -8 - length] + footer + len(footer).to_bytes(4, "little") + parquet[-4:]


def varint(number: int) -> bytes:
    """A number in groups of seven bits, the lowest first."""
    groups = []
    while number > 127:
        groups.append(number & 127 | 128)
        number >>= 7
    return bytes([*groups, number])


def with_checksums(png: bytes) -> bytes:
    """A PNG whose chunks' checksums are right again, as far as there are chunks."""
    place = len(PNG)
    while place + 12 <= len(png):
        (length,) = struct.unpack_from(">I", png, place)
        end = place + 8 + length
        if end + 4 > len(png):
            break
        checksum = struct.pack(">I", zlib.crc32(png[place + 4 : end]))
        png = png[:end] + checksum + png[end + 4 :]
        place = end + 4
    return png
