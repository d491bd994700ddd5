"""Tables: round trips bit for bit, whole or absent on disk, and one line an error."""

import errno
import hashlib
import json
import math
import os
import resource
import tempfile
from contextlib import contextmanager

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from prepare_dataset import prepare_dataset

from lmc_ot import tables
from lmc_ot.data.dataset import Dataset, Split
from lmc_ot.data.digits import digits
from lmc_ot.data.table import read_dataset, write_dataset
from lmc_ot.errors import TableError
from lmc_ot.tables.csv import read_csv, write_csv
from lmc_ot.tables.seal import BLANK, seal
from sealed import change_sealed, write_sealed
from support import structs

PROVENANCE = {"experiment": "digits-mlp", "config_hash": "0123456789abcdef", "seed": 3}


def values_of(kind, rows=3):
    """Plausible values of a column of that type."""
    if pa.types.is_string(kind):
        return [f"text {i}" for i in range(rows)]
    if pa.types.is_boolean(kind):
        return [i % 2 == 0 for i in range(rows)]
    if pa.types.is_integer(kind):
        return list(range(rows))
    if pa.types.is_floating(kind):
        return [0.1 * i for i in range(rows)]
    if pa.types.is_fixed_size_binary(kind):
        return pa.array([bytes([i, 255, 0]) for i in range(rows)], pa.binary(3))
    if pa.types.is_large_binary(kind):
        return [bytes(range(i)) for i in range(rows)]
    if pa.types.is_struct(kind):
        return structs(kind, lambda part: values_of(part, rows))
    if pa.types.is_struct(kind.value_type):
        return pa.array([values_of(kind.value_type, i) for i in range(rows)], kind)
    if pa.types.is_string(kind.value_type):
        return pa.array([[f"text {j}" for j in range(i)] for i in range(rows)], kind)
    step = 1 if pa.types.is_integer(kind.value_type) else 0.5
    return pa.array([[step * i] * (i + 1) for i in range(rows)], kind)


def columns_of(kind):
    return {field.name: values_of(field.type) for field in tables.SCHEMAS[kind]}


@pytest.fixture
def path(tmp_path):
    return tmp_path / "folder" / "table.parquet"


def written(kind, path):
    tables.write(kind, path, columns_of(kind), PROVENANCE)
    return path


def tampered(kind, path, change):
    """A sealed table whose metadata are right and whose columns are what `change` returns."""
    return change_sealed(written(kind, path), change)


def files_in(folder):
    return sorted(p.name for p in folder.iterdir())


# -- every kind of table ---------------------------------------------------------------------


@pytest.mark.parametrize("kind", tables.SCHEMAS)
def test_a_table_is_read_as_it_was_written(kind, path):
    columns = columns_of(kind)
    table = tables.read(kind, written(kind, path))
    assert table.column_names == tables.SCHEMAS[kind].names
    for name, values in columns.items():
        expected = values.to_pylist() if isinstance(values, pa.Array) else values
        assert table[name].to_pylist() == expected


@pytest.mark.parametrize("kind", tables.SCHEMAS)
def test_a_table_on_disk_has_the_declared_types(kind, path):
    found = pq.read_schema(written(kind, path))
    for field in tables.SCHEMAS[kind]:
        if pa.types.is_fixed_size_binary(field.type):
            assert pa.types.is_fixed_size_binary(found.field(field.name).type)
        else:
            assert found.field(field.name).type == field.type


@pytest.mark.parametrize("kind", tables.SCHEMAS)
def test_the_same_input_gives_the_same_bytes(kind, tmp_path):
    first = written(kind, tmp_path / "a.parquet").read_bytes()
    assert written(kind, tmp_path / "b" / "c.parquet").read_bytes() == first


@pytest.mark.parametrize("kind", tables.SCHEMAS)
def test_a_file_says_where_it_comes_from(kind, path):
    tables.write(kind, path, columns_of(kind), PROVENANCE, "cuda (a card)", further=[1, 2])
    found = tables.metadata(kind, path)
    assert found["table"] == kind
    assert {key: found[key] for key in PROVENANCE} == PROVENANCE
    assert found["device"] == "cuda (a card)" and found["further"] == [1, 2]
    assert found["versions"]["numpy"] == np.__version__
    assert found["commit"]


PARTS = ["nothing", "half", "all but the last bytes"]


@pytest.mark.parametrize(
    ("kind", "part"),
    [
        *(("history", part) for part in PARTS),
        *((kind, "half") for kind in tables.SCHEMAS if kind != "history"),
    ],
)
def test_a_truncated_file_is_refused(kind, part, path, one_line):
    whole = written(kind, path).read_bytes()
    keep = {"nothing": 0, "half": len(whole) // 2, "all but the last bytes": len(whole) - 9}
    path.write_bytes(whole[: keep[part]])
    with pytest.raises(TableError) as error:
        tables.read(kind, path)
    one_line(error, path, "truncated", "run snakemake again")


@pytest.mark.parametrize("kind", tables.SCHEMAS)
def test_a_missing_column_is_refused_when_read(kind, path, one_line):
    name = tables.SCHEMAS[kind].names[-1]
    tampered(kind, path, lambda table: table.drop_columns([name]))
    with pytest.raises(TableError) as error:
        tables.read(kind, path)
    one_line(error, path, repr(name), kind, "missing")


# One column of every type.
NEVER_MISSING = {
    field.type: (kind, field.name)
    for kind, schema in tables.SCHEMAS.items()
    for field in schema
    if not field.nullable and kind != "activations"
}


@pytest.mark.parametrize(("kind", "name"), NEVER_MISSING.values())
def test_missing_values_are_refused_where_the_schema_allows_none(kind, name, path, one_line):
    def without_first(table):
        column = table[name].combine_chunks()
        holed = pa.concat_arrays([pa.nulls(1, column.type), column.slice(1)])
        index = table.column_names.index(name)
        return table.set_column(index, pa.field(name, column.type), holed)

    tampered(kind, path, without_first)
    with pytest.raises(TableError) as error:
        tables.read(kind, path)
    one_line(error, path, repr(name), "1 missing values")


# -- reading ---------------------------------------------------------------------------------


def test_a_file_that_is_not_there_is_refused(path, one_line):
    with pytest.raises(TableError) as error:
        tables.read("history", path)
    one_line(error, path, "no such file", "history")


@pytest.mark.parametrize(
    ("content", "named"),
    [
        (b"epoch,loss\n1,0.5\n" * 20, "truncated, or not a parquet file"),
        (b"PAR1" + bytes(100) + b"PAR1", "not written by this workflow"),
    ],
)
def test_a_file_that_is_no_parquet_is_refused(path, content, named, one_line):
    path.parent.mkdir()
    path.write_bytes(content)
    with pytest.raises(TableError) as error:
        tables.read("history", path)
    one_line(error, path, named, f"rebuild it: `rm {path}`, then run snakemake again")


def test_a_folder_is_refused(tmp_path, one_line):
    with pytest.raises(TableError) as error:
        tables.read("history", tmp_path)
    one_line(error, tmp_path)


@pytest.mark.parametrize("metadata", [None, {"pandas": "{}"}, {"lmc": "{}"}, {"lmc": "no json"}])
def test_a_parquet_file_from_elsewhere_is_refused(path, metadata, one_line):
    path.parent.mkdir()
    table = pa.table({"epoch": [1]}).replace_schema_metadata(metadata)
    pq.write_table(table, path)
    with pytest.raises(TableError) as error:
        tables.read("history", path)
    one_line(error, path, "not written by this workflow", "run snakemake again")
    write_sealed(path, table)
    with pytest.raises(TableError) as error:
        tables.read("history", path)
    one_line(error, path, f"rebuild it: `rm {path}`, then run snakemake again")


def test_a_table_that_pandas_read_and_wrote_is_refused(path, one_line):
    pd.read_parquet(written("history", path)).to_parquet(path)
    with pytest.raises(TableError) as error:
        tables.read("history", path)
    one_line(error, path, "modified, or not written by this workflow")


def test_a_table_that_arrow_read_and_wrote_is_refused(path, one_line):
    """Arrow carries the metadata of the original over."""
    table = pq.read_table(written("history", path))
    pq.write_table(table.set_column(3, "epoch", pa.array([7, 8, 9], pa.int32())), path)
    with pytest.raises(TableError) as error:
        tables.read("history", path)
    one_line(error, path, "modified")


def test_a_table_of_another_kind_is_refused(path, one_line):
    written("history", path)
    for read in (tables.read, tables.metadata):
        with pytest.raises(TableError) as error:
            read("path", path)
        one_line(error, path, "expected a table of path, not of history")


def corrupt_pages(path):
    """Noise instead of everything before the footer."""
    content = bytearray(path.read_bytes())
    end = len(content) - 8 - int.from_bytes(content[-8:-4], "little")
    content[4:end] = np.random.default_rng(0).bytes(end - 4)
    path.write_bytes(content)


def test_a_corrupt_page_is_refused(path, one_line):
    tables.write_checkpoints(path, {0: parameters()}, PROVENANCE, "cpu", [])
    corrupt_pages(path)
    with pytest.raises(TableError) as error:
        tables.read("checkpoints", path)
    one_line(error, path, "modified since it was written", "run snakemake again")


def test_what_arrow_says_of_a_corrupt_page_is_one_line(path, one_line):
    """Sealed all the same: a fault of the machine that wrote it, before the seal."""
    tables.write_checkpoints(path, {0: parameters()}, PROVENANCE, "cpu", [])
    corrupt_pages(path)
    content = path.read_bytes()
    place = content.index(b"lmc.sha256") + len(b"lmc.sha256\x18\x40")
    path.write_bytes(content[:place] + BLANK.encode() + content[place + 64 :])
    seal(path)
    with pytest.raises(TableError) as error:
        tables.read("checkpoints", path)
    one_line(error, path, "not a readable parquet file", "run snakemake again")


@pytest.mark.parametrize(
    ("kind", "name", "other"),
    [
        ("history", "train_loss", pa.float32()),
        ("history", "epoch", pa.int64()),
        ("history", "experiment", pa.int32()),
        ("history", "diverged", pa.int32()),
        ("checkpoints", "values", pa.list_(pa.float64())),
        ("checkpoints", "values", pa.float32()),
        ("dataset", "image", pa.list_(pa.uint8())),
        ("dataset", "image", pa.list_(pa.int16(), 3)),
        ("results", "dimension", pa.float64()),
    ],
)
def test_a_column_of_another_type_is_refused(kind, name, other, path, one_line):
    def change(table):
        index = table.column_names.index(name)
        return table.set_column(index, pa.field(name, other), pa.nulls(len(table), other))

    tampered(kind, path, change)
    with pytest.raises(TableError) as error:
        tables.read(kind, path)
    one_line(error, path, repr(name), "expected")


def test_a_column_that_does_not_belong_is_refused(path, one_line):
    tampered("history", path, lambda table: table.append_column("speed", pa.array([1, 2, 3])))
    with pytest.raises(TableError) as error:
        tables.read("history", path)
    one_line(error, path, "'speed'", "history")


@pytest.mark.parametrize("bad", [np.inf, -np.inf, np.nan])
@pytest.mark.parametrize(
    ("kind", "name"), [("path", "loss"), ("checkpoints", "values"), ("results", "dimension")]
)
def test_values_that_are_not_finite_are_refused(kind, name, bad, path, one_line):
    def change(table):
        index, field = table.column_names.index(name), table.schema.field(name)
        values = table[name].to_pylist()
        values[1] = [0.5, bad] if isinstance(values[1], list) else bad
        return table.set_column(index, field, pa.array(values, field.type))

    tampered(kind, path, change)
    with pytest.raises(TableError) as error:
        tables.read(kind, path)
    one_line(error, path, repr(name), "1 values that are not finite")


def test_a_table_without_rows_is_refused_unless_all_networks_may_have_diverged(path, one_line):
    for kind in tables.SCHEMAS:
        columns = {name: [] for name in tables.SCHEMAS[kind].names}
        if kind in ("checkpoints", "permutations", "objectives", "dimensions", "path", "merged"):
            tables.write(kind, path, columns, PROVENANCE)
            assert len(tables.read(kind, path)) == 0
        elif kind != "dataset":  # its image column needs a width
            with pytest.raises(TableError) as error:
                tables.write(kind, path, columns, PROVENANCE)
            one_line(error, path, "no rows")


def test_some_columns_are_read_alone(path):
    table = tables.read("history", written("history", path), ["epoch", "test_loss"])
    assert table.column_names == ["epoch", "test_loss"]


# -- writing ---------------------------------------------------------------------------------


def changed(kind, **changes):
    return {**columns_of(kind), **changes}


@pytest.mark.parametrize(
    ("change", "named"),
    [
        ({"epoch": [1, 2]}, []),
        ({"epoch": [1, 2, "three"]}, []),
        ({"epoch": [1, 2, 1.5]}, []),
        ({"epoch": [1, 2, 2**40]}, []),
        ({"epoch": [1, 2, None]}, ["'epoch'", "1 missing values"]),
        ({"value": [0.1, 0.1, float("nan")]}, ["'value'", "1 missing values"]),
        ({"train_loss": [0.1, 0.1, float("inf")]}, ["'train_loss'", "not finite"]),
        ({"experiment": [1, 2, 3]}, []),
        pytest.param({"epoch": pa.array([1.0, 2.0, 3.0])}, ["'epoch'", "double"], id="doubles"),
        ({"speed": [1, 2, 3]}, ["speed"]),
    ],
    ids=lambda value: " ".join(str(value).split()) if isinstance(value, dict) else "",
)
def test_what_does_not_fit_the_schema_is_not_written(change, named, path, one_line):
    with pytest.raises(TableError) as error:
        tables.write("history", path, changed("history", **change), PROVENANCE)
    one_line(error, path, *named)
    assert not path.exists()


def test_a_column_that_is_not_given_is_not_made_up(path, one_line):
    columns = columns_of("history")
    del columns["seconds"]
    with pytest.raises(TableError) as error:
        tables.write("history", path, columns, PROVENANCE)
    one_line(error, path, "'seconds'", "missing")


def test_not_a_number_is_a_missing_value_where_the_schema_allows_one(path):
    columns = changed("history", test_loss=np.array([0.5, np.nan, 0.25]))
    tables.write("history", path, columns, PROVENANCE)
    assert tables.read("history", path)["test_loss"].to_pylist() == [0.5, None, 0.25]


def test_rows_are_written_as_columns(path):
    columns = columns_of("path")
    rows = [{name: columns[name][i] for name in columns} for i in range(3)]
    tables.write_rows("path", path, rows, PROVENANCE)
    assert tables.read("path", path).to_pydict() == columns


def test_tables_of_a_kind_are_read_one_after_another(tmp_path):
    paths = []
    for i, rows in enumerate((3, 0, 2)):
        columns = {f.name: values_of(f.type, rows) for f in tables.SCHEMAS["path"]}
        paths.append(tmp_path / f"{i}.parquet")
        tables.write("path", paths[-1], columns, PROVENANCE)
    frame = tables.read_all("path", paths)
    assert isinstance(frame, pd.DataFrame)
    assert frame["pair"].tolist() == [0, 1, 2, 0, 1]


# -- runs ------------------------------------------------------------------------------------

OTHER_RUNS = [("experiment", "mnist-mlp"), ("config_hash", "fedcba9876543210"), ("seed", 4)]


@pytest.mark.parametrize(
    ("kind", "key", "other"),
    [
        *(("history", *other) for other in OTHER_RUNS),
        *((kind, *OTHER_RUNS[0]) for kind in tables.SCHEMAS if kind != "history"),
    ],
)
def test_a_table_of_another_run_is_refused(kind, key, other, path, one_line):
    written(kind, path)
    wanted = {**PROVENANCE, key: other}
    for read in (tables.read, tables.metadata):
        read(kind, path, run=PROVENANCE)
        with pytest.raises(TableError) as error:
            read(kind, path, run=wanted)
        one_line(
            error, path, f"its {key} is {PROVENANCE[key]!r}, expected {other!r}", f"`rm {path}`"
        )


def test_a_data_set_is_of_any_run(path):
    tables.write("history", path, columns_of("history"), {"dataset": "digits"})
    assert len(tables.read("history", path, run=PROVENANCE)) == 3


def test_checkpoints_and_activations_of_another_run_are_refused(tmp_path, one_line):
    other = {**PROVENANCE, "seed": 4}
    path = tmp_path / "checkpoints.parquet"
    tables.write_checkpoints(path, {0: parameters()}, PROVENANCE, "cpu", [])
    assert list(tables.read_checkpoints(path, PROVENANCE)) == [0]
    with pytest.raises(TableError) as error:
        tables.read_checkpoints(path, other)
    one_line(error, path, "its seed is 3, expected 4")
    path = tmp_path / "activations" / "0.parquet"
    write_activations(path)
    assert tables.ActivationFile(path, PROVENANCE).widths == {"relu": 20}
    with pytest.raises(TableError) as error:
        tables.ActivationFile(path, other)
    one_line(error, path, "its seed is 3, expected 4", f"`rm -r {path.parent}`")


@pytest.mark.parametrize(("key", "other"), OTHER_RUNS)
def test_tables_of_two_runs_are_not_mixed(key, other, tmp_path, one_line):
    """Those of two experiments may be."""
    paths = [tmp_path / "a.parquet", tmp_path / "b.parquet"]
    tables.write("path", paths[0], columns_of("path"), PROVENANCE)
    tables.write("path", paths[1], columns_of("path"), {**PROVENANCE, key: other})
    if key == "experiment":
        assert len(tables.read_all("path", paths)) == 6
        return
    with pytest.raises(TableError) as error:
        tables.read_all("path", paths)
    one_line(error, paths[1], f"its {key} is {other!r}, expected {PROVENANCE[key]!r}")


# -- csv, text -------------------------------------------------------------------------------


def test_csv_has_exact_decimals_and_lists(tmp_path):
    frame = pd.DataFrame(
        {
            "name": ["a", "b"],
            "value": [0.1 + 0.2, np.nan],
            "list": [np.array([1.0, 0.1]), None],
        }
    )
    before = frame.copy()
    write_csv(tmp_path / "a.csv", frame)
    text = (tmp_path / "a.csv").read_bytes()
    assert text == b"name,value,list\na,0.30000000000000004,1.0 0.1\nb,,\n"
    pd.testing.assert_frame_equal(frame, before)


@pytest.fixture
def table_and_digest(tmp_path):
    """A csv, its digest, and what is in it."""
    frame = pd.DataFrame({"name": ["a", "b"], "value": [0.1 + 0.2, 1e-300]})
    paths = tmp_path / "a.csv", tmp_path / "panels" / "a.sha256"
    write_csv(paths[0], frame, paths[1])
    return *paths, frame


def test_a_csv_comes_back_with_its_digest(table_and_digest):
    path, digest, frame = table_and_digest
    pd.testing.assert_frame_equal(read_csv(path, digest), frame, check_exact=True)
    assert digest.read_text().split() == [hashlib.sha256(path.read_bytes()).hexdigest(), str(path)]


def test_a_csv_of_which_any_byte_changed_is_refused(table_and_digest, one_line):
    path, digest, _ = table_and_digest
    content = path.read_bytes()
    for place in range(len(content)):
        path.write_bytes(content[:place] + bytes([content[place] ^ 1]) + content[place + 1 :])
        with pytest.raises(TableError) as error:
            read_csv(path, digest)
        one_line(error, path, digest, f"`rm {path}`, then run snakemake again")
    for other in (content + b"c,1\n", content[:-1], b""):
        path.write_bytes(other)
        with pytest.raises(TableError):
            read_csv(path, digest)


@pytest.mark.parametrize("content", [b"", b"\n", b"\xff\xfe", b"0" * 64, b"0" * 63 + b" a.csv"])
def test_a_digest_that_says_something_else_is_refused(table_and_digest, content, one_line):
    path, digest, _ = table_and_digest
    digest.write_bytes(content)
    with pytest.raises(TableError) as error:
        read_csv(path, digest)
    one_line(error, path, digest)


def test_a_csv_or_digest_that_is_not_there_is_named(table_and_digest, one_line):
    path, digest, _ = table_and_digest
    for missing in (path, digest):
        content = missing.read_bytes()
        missing.unlink()
        with pytest.raises(TableError) as error:
            read_csv(path, digest)
        assert one_line(error, "No such file").startswith(f"{missing}: ")
        missing.write_bytes(content)


def test_text_is_written_and_read_back(tmp_path):
    tables.write_text(tmp_path / "a" / "b.md", "± one\ntwo\n")
    assert (tmp_path / "a" / "b.md").read_text() == "± one\ntwo\n"


# -- whole or absent -------------------------------------------------------------------------


class Interruption(BaseException):
    """As KeyboardInterrupt: not an Exception."""


@pytest.mark.parametrize("kind", [RuntimeError, Interruption])
@pytest.mark.parametrize("before", [None, b"the old file"])
def test_an_interrupted_write_leaves_what_was_there(tmp_path, kind, before):
    path = tmp_path / "a.txt"
    if before is not None:
        path.write_bytes(before)
    with pytest.raises(kind), tables.replacing(path) as temporary:
        assert temporary.parent == path.parent
        temporary.write_text("half")
        raise kind
    assert files_in(tmp_path) == ([] if before is None else ["a.txt"])
    assert before is None or path.read_bytes() == before


def test_a_file_has_its_name_only_when_it_is_whole(tmp_path):
    path = tmp_path / "a.txt"
    path.write_text("old")
    with tables.replacing(path) as temporary:
        temporary.write_text("new")
        assert path.read_text() == "old"
    assert path.read_text() == "new"
    assert files_in(tmp_path) == ["a.txt"]


def test_what_killed_processes_left_of_a_file_goes_when_it_is_written_again(tmp_path):
    """What they left of others stays: these may be being written now."""
    temporaries = {}
    for name in ("[a].txt", "a.txt", "[a].txt.b", "[a]", "b[a].txt"):
        with tables.replacing(tmp_path / name) as temporary:
            temporaries[name] = temporary
        (tmp_path / name).unlink()
    for temporary in temporaries.values():
        temporary.write_text("half")
    for other in (".[a].txt.swp", ".[a].txt", "[a].txt.abcdefgh.part", ".[a].txt.b.part"):
        (tmp_path / other).write_text("an editor's, or the user's")
    before = files_in(tmp_path)
    tables.write_text(tmp_path / "[a].txt", "whole")
    assert set(before) - set(files_in(tmp_path)) == {temporaries["[a].txt"].name}


def test_leftovers_go_also_when_the_write_fails(tmp_path):
    with pytest.raises(Interruption), tables.replacing(tmp_path / "a.txt") as temporary:
        raise Interruption
    temporary.write_text("half")
    with pytest.raises(Interruption), tables.replacing(tmp_path / "a.txt"):
        raise Interruption
    assert files_in(tmp_path) == []


def test_an_interrupted_stream_leaves_nothing(path):
    with (
        pytest.raises(Interruption),
        tables.activation_writer(path, {"relu": 2}, PROVENANCE, "cpu") as write,
    ):
        write(samples_of(range(3)), [np.ones((3, 2), np.float32)])
        raise Interruption
    assert files_in(path.parent) == []


def test_a_batch_of_the_wrong_width_leaves_nothing(path):
    with (
        pytest.raises((TableError, ValueError)),
        tables.activation_writer(path, {"relu": 2}, PROVENANCE, "cpu") as write,
    ):
        write(samples_of(range(3)), [np.ones((3, 3), np.float32)])
    assert files_in(path.parent) == []


def test_new_files_have_the_rights_the_user_asks_for(tmp_path):
    mask = os.umask(0o027)
    try:
        tables.write_text(tmp_path / "a", "")
    finally:
        os.umask(mask)
    assert (tmp_path / "a").stat().st_mode & 0o777 == 0o640


def samples_of(examples):
    """What recorded samples are: examples and places."""
    places = np.linspace(0, 1, len(examples), endpoint=False)
    return {"example": np.asarray(examples), "y": places, "x": places[::-1]}


def write_table(path):
    tables.write("history", path, columns_of("history"), PROVENANCE)


def write_frame(path):
    write_csv(path, pd.DataFrame({"a": np.arange(10_000)}))


def write_text(path):
    tables.write_text(path, "a" * 10_000)


def write_checkpoints(path):
    tables.write_checkpoints(path, {0: parameters(200)}, PROVENANCE, "cpu", [])


def write_activations(path):
    values = np.random.default_rng(0).normal(size=(500, 20)).astype(np.float32)
    with tables.activation_writer(path, {"relu": 20}, PROVENANCE, "cpu") as write:
        write(samples_of(range(500)), [values])


WRITERS = [write_table, write_frame, write_text, write_checkpoints, write_activations]


@pytest.mark.parametrize("write", WRITERS)
def test_a_folder_that_is_a_file_is_an_error_in_one_line(write, tmp_path, one_line):
    (tmp_path / "file").write_text("")
    for path in (tmp_path / "file" / "a.parquet", tmp_path / "file" / "deeper" / "a.parquet"):
        with pytest.raises(TableError) as error:
            write(path)
        one_line(error, path, "cannot be written")


@pytest.mark.parametrize("write", WRITERS)
def test_a_name_that_is_a_folder_is_an_error_in_one_line(write, tmp_path, one_line):
    (tmp_path / "a.parquet").mkdir()
    with pytest.raises(TableError) as error:
        write(tmp_path / "a.parquet")
    one_line(error, tmp_path / "a.parquet", "cannot be written")
    assert files_in(tmp_path) == ["a.parquet"]


@pytest.mark.parametrize("write", WRITERS)
def test_a_folder_without_the_right_to_write_is_an_error_in_one_line(
    write, path, one_line, monkeypatch
):
    """Simulated: the tests may run as root, whom no mode stops."""

    def refuse(*arguments, **options):
        raise PermissionError(errno.EACCES, "Permission denied")

    monkeypatch.setattr(tempfile, "mkstemp", refuse)
    with pytest.raises(TableError) as error:
        write(path)
    one_line(error, path, "cannot be written: Permission denied")


@pytest.mark.parametrize("write", WRITERS)
def test_a_full_disk_at_the_end_is_an_error_in_one_line_and_leaves_nothing(
    write, path, one_line, monkeypatch
):
    def fail(*arguments):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, "replace", fail)
    with pytest.raises(TableError) as error:
        write(path)
    one_line(error, path, "cannot be written: No space left on device")
    assert files_in(path.parent) == []


@contextmanager
def files_no_longer_than(size):
    """The kernel refuses to let a file grow beyond that, as it does on a full disk."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


@pytest.mark.parametrize("write", WRITERS)
def test_a_write_that_fails_half_way_is_an_error_in_one_line_and_leaves_nothing(
    write, path, one_line
):
    with files_no_longer_than(1000), pytest.raises(TableError) as error:
        write(path)
    one_line(error, path, "cannot be written")
    assert files_in(path.parent) == []


# -- checkpoints -----------------------------------------------------------------------------


def parameters(units=3):
    stream = np.random.default_rng(units)
    return {
        "first.weight": stream.normal(size=(units, 4)).astype(np.float32),
        "first.bias": stream.normal(size=units).astype(np.float32),
        "second.kernel": stream.normal(size=(2, units, 3, 1)).astype(np.float32),
        "a scale": np.array(-0.5, np.float32),
        "second.bias": np.array([-0.0, 1e-45], np.float32),
    }


def test_checkpoints_come_back_bit_for_bit_and_in_order(path):
    networks = {4: parameters(3), 0: parameters(3), 2: parameters(3)}
    networks[0]["first.weight"][0] = [-0.0, 1e-45, -1.1754942e-38, 3.4028235e38]
    networks[2]["first.bias"][:] = np.nextafter(np.float32(1), np.float32(2))
    tables.write_checkpoints(path, networks, PROVENANCE, "cpu", [5, 1])
    again = tables.read_checkpoints(path)
    assert list(again) == [4, 0, 2]
    for number, expected in networks.items():
        assert list(again[number]) == list(expected)
        for key, array in expected.items():
            found = again[number][key]
            assert (found.shape, found.dtype) == (array.shape, np.float32)
            assert found.tobytes() == array.tobytes()
    assert tables.metadata("checkpoints", path)["diverged"] == [1, 5]


def test_a_row_is_one_place_along_the_first_axis(path):
    network = parameters()
    tables.write_checkpoints(path, {7: network}, PROVENANCE, "cpu", [])
    rows = tables.read("checkpoints", path).to_pylist()
    assert len(rows) == 3 + 3 + 2 + 1 + 2
    assert rows[7] == {
        "network": 7,
        "parameter": "second.kernel",
        "unit": 1,
        "values": network["second.kernel"][1].ravel().tolist(),
    }
    assert rows[8] == {"network": 7, "parameter": "a scale", "unit": 0, "values": [-0.5]}
    shapes = tables.metadata("checkpoints", path)["shapes"]
    assert shapes == {name: list(array.shape) for name, array in network.items()}


def test_checkpoints_of_networks_that_all_diverged_are_empty(path):
    tables.write_checkpoints(path, {}, PROVENANCE, "cpu", [0, 1])
    assert tables.read_checkpoints(path) == {}
    assert tables.metadata("checkpoints", path)["diverged"] == [0, 1]


def test_a_network_of_one_unit_and_one_input_is_kept(path):
    network = {"weight": np.ones((1, 1), np.float32), "bias": np.ones(1, np.float32)}
    tables.write_checkpoints(path, {0: network}, PROVENANCE, "cpu", [])
    found = tables.read_checkpoints(path)[0]
    assert found["weight"].shape == (1, 1) and found["bias"].shape == (1,)


def test_parameters_that_are_not_finite_are_not_written(path, one_line):
    network = parameters()
    network["first.weight"][0, 0] = np.nan
    with pytest.raises(TableError) as error:
        tables.write_checkpoints(path, {0: network}, PROVENANCE, "cpu", [])
    one_line(error, path, "'values'", "1 values that are not finite")
    assert not path.exists()


def test_read_parameters_can_be_changed(path):
    tables.write_checkpoints(path, {0: parameters()}, PROVENANCE, "cpu", [])
    network = tables.read_checkpoints(path)[0]
    network["first.weight"][:] = 0
    assert network["first.bias"].any()


@pytest.mark.parametrize(
    ("rows", "named"),
    [
        ([(0, "w", 1, [1.0]), (0, "w", 0, [1.0])], "units are not 0 .. 1"),
        ([(0, "w", 0, [1.0]), (0, "w", 2, [1.0])], "units are not 0 .. 1"),
        ([(0, "w", 0, [1.0]), (0, "w", 1, [1.0, 2.0])], "rows differ in length"),
        ([(0, "w", 0, [1.0])], "rows do not have the shape (2, 1)"),
        ([(0, "w", 0, [1.0, 2.0]), (0, "w", 1, [1.0, 2.0])], "do not have the shape (2, 1)"),
        (
            [(0, "w", 0, [1.0]), (0, "w", 1, [1.0]), (0, "b", 0, [1.0]), (0, "w", 0, [1.0])],
            "rows do not have the shape (2, 1)",
        ),
        (
            [(0, "b", 0, [1.0]), (0, "w", 0, [1.0]), (0, "w", 1, [1.0]), (0, "b", 0, [1.0])],
            "duplicate parameter",
        ),
    ],
)
def test_checkpoints_that_contradict_themselves_are_refused(path, rows, named, one_line):
    columns = dict(zip(tables.SCHEMAS["checkpoints"].names, zip(*rows, strict=True), strict=True))
    tables.write("checkpoints", path, columns, PROVENANCE, shapes={"w": [2, 1], "b": [1]})
    with pytest.raises(TableError) as error:
        tables.read_checkpoints(path)
    one_line(error, path, "network 0", named, "run snakemake again")


def test_checkpoints_of_an_earlier_version_are_refused(path, one_line):
    def with_layers(table):
        return table.add_column(1, "layer", pa.array([1] * len(table), pa.int32()))

    tampered("checkpoints", path, with_layers)
    with pytest.raises(TableError) as error:
        tables.read_checkpoints(path)
    one_line(error, path, "'layer'", "rebuild it")


# -- data sets -------------------------------------------------------------------------------


@pytest.fixture
def dataset(stream):
    def split(examples):
        images = stream.integers(0, 256, (examples, 2, 4, 3)).astype(np.uint8)
        return Split(images, stream.integers(0, 5, examples))

    return Dataset(split(7), split(4), classes=5, scale=255.0)


def test_a_data_set_comes_back_as_it_was(path, dataset):
    write_dataset(path, dataset, PROVENANCE)
    again = read_dataset(path)
    assert (again.shape, again.classes, again.scale) == ((2, 4, 3), 5, 255.0)
    for name, split in dataset.splits.items():
        found = again.splits[name]
        assert found.images.dtype == np.uint8 and found.labels.dtype == np.int64
        np.testing.assert_array_equal(found.images, split.images)
        np.testing.assert_array_equal(found.labels, split.labels)


# Values that have no short decimals and that float32 does not hold.
GIVEN = {"mean": [1 / 3, 0.1, -1e-9], "deviation": [0.229, 2**-40 / 3, 7.0]}


@pytest.mark.parametrize("given", [{}, GIVEN], ids=["measured", "given"])
def test_a_standardised_data_set_comes_back_bit_for_bit(path, dataset, given):
    before = dataset.standardised(**given)
    write_dataset(path, before, PROVENANCE)
    again = read_dataset(path)
    assert again.standardisation == before.standardisation
    assert again.black.tobytes() == before.black.tobytes()
    for name, split in dataset.splits.items():
        np.testing.assert_array_equal(again.splits[name].images, split.images)
        assert again.inputs(name).tobytes() == before.inputs(name).tobytes()
        assert again.inputs(name).tobytes() != dataset.inputs(name).tobytes()


def test_a_table_that_says_nothing_of_standardisation_is_not_standardised(path, dataset):
    """As those made before there was this option."""
    write_dataset(path, dataset, PROVENANCE)
    assert tables.metadata("dataset", path)["standardisation"] is None
    assert read_dataset(path).standardisation is None
    change_metadata(path, standardisation=None)
    assert "standardisation" not in tables.metadata("dataset", path)
    again = read_dataset(path)
    assert again.standardisation is None and not again.black.any()
    for name in dataset.splits:
        assert again.inputs(name).tobytes() == dataset.inputs(name).tobytes()


@pytest.mark.parametrize(
    ("standardise", "given"),
    [
        ("measured", {}),
        ({"mean": [0.3], "deviation": [0.4]}, {"mean": [0.3], "deviation": [0.4]}),
    ],
    ids=["measured", "given"],
)
def test_a_data_set_is_prepared_as_the_config_says(path, standardise, given):
    block = {"name": "digits", "standardise": standardise}
    prepare_dataset(str(path), block, {"dataset": "digits"})
    found = read_dataset(path)
    assert found.standardisation == digits().standardised(**given).standardisation
    prepare_dataset(str(path), {"name": "digits"}, {"dataset": "digits"})
    assert read_dataset(path).standardisation is None


def change_metadata(path, **changes):
    table = pq.read_table(path)
    about = {**json.loads(table.schema.metadata[b"lmc"]), **changes}
    about = {key: value for key, value in about.items() if value is not None}
    write_sealed(path, table.replace_schema_metadata({"lmc": json.dumps(about)}))


@pytest.mark.parametrize(
    ("changes", "named"),
    [
        ({"classes": 2}, "label"),
        ({"classes": None}, "classes"),
        ({"scale": None}, "scale"),
        ({"shape": None}, "shape"),
        ({"shape": [5, 5]}, ""),
        ({"shape": [2, 4]}, ""),
        ({"shape": [2, 4, 6]}, ""),
        ({"shape": 24}, "do not describe a data set"),
        ({"shape": [2.0, 4, 3]}, "do not describe a data set"),
        ({"classes": "5"}, "do not describe a data set"),
        ({"classes": 5.0}, "do not describe a data set"),
        ({"scale": [255.0]}, "do not describe a data set"),
        ({"scale": "white"}, "white"),
        ({"standardisation": 3}, "do not describe a data set"),
        ({"standardisation": [0.5, 0.5]}, "do not describe a data set"),
        ({"standardisation": {"mean": 0.5, "deviation": [1.0] * 3}}, "do not describe a data set"),
        ({"standardisation": {"mean": [[0.5]] * 3, "deviation": [1.0] * 3}}, "do not describe a"),
        ({"standardisation": {"mean": [0.5] * 3, "deviation": ["a", 1, 1]}}, "'a'"),
        ({"standardisation": {"mean": [0.5] * 3, "deviation": [None] * 3}}, "do not describe a"),
        ({"standardisation": {"mean": [0.5] * 3, "deviation": [10**400] * 3}}, "do not describe a"),
        ({"standardisation": {}}, "mean"),
        ({"standardisation": {"mean": [0.5] * 3}}, "deviation"),
        ({"standardisation": {"mean": [0.5], "deviation": [1.0] * 3}}, "1 values"),
        ({"standardisation": {"mean": [0.5] * 3, "deviation": [1.0, 0.0, 1.0]}}, "channel 1"),
        ({"standardisation": {"mean": [0.5, 0.5, math.nan], "deviation": [1.0] * 3}}, "nan"),
    ],
    ids=str,
)
def test_a_data_set_that_contradicts_its_metadata_is_refused(
    path, dataset, changes, named, one_line
):
    """Shapes of half and of double the pixels, too, which a reshape would take."""
    write_dataset(path, dataset, PROVENANCE)
    change_metadata(path, **changes)
    with pytest.raises(TableError) as error:
        read_dataset(path)
    one_line(error, path, named)


@pytest.mark.parametrize(
    ("changes", "named"),
    [
        ({"target_shape": None}, "target_shape"),
        ({"target_shape": [3]}, ""),
        ({"target_shape": 2}, "do not describe a data set"),
        ({"shape": [25]}, ""),
        ({"standardisation": {"mean": [0.5], "deviation": [1.0]}}, "standardise"),
    ],
    ids=str,
)
def test_floats_that_contradict_their_metadata_are_refused(path, stream, changes, named, one_line):
    arrays = stream.normal(size=(4, 24)), stream.normal(size=(4, 2))
    split = Split(*(array.astype(np.float32) for array in arrays))
    write_dataset(path, Dataset(split, split, classes=None), PROVENANCE)
    change_metadata(path, **changes)
    with pytest.raises(TableError) as error:
        read_dataset(path)
    one_line(error, path, named)


@pytest.mark.parametrize("split", ["train", "test"])
def test_a_data_set_without_a_split_is_refused(path, dataset, split, one_line):
    write_dataset(path, dataset, PROVENANCE)
    change_sealed(path, lambda table: table.filter(pa.compute.not_equal(table["split"], split)))
    with pytest.raises(TableError) as error:
        read_dataset(path)
    one_line(error, path, split)


# -- activations -----------------------------------------------------------------------------

WIDTHS = {"relu": 3, "relu_1": 4}


@pytest.fixture
def activations(stream):
    """Batches of 5, 5 and 2 examples of two values of the network."""
    sizes = [5, 5, 2]
    examples = np.split(stream.permutation(50)[:12], np.cumsum(sizes)[:-1])
    values = [
        [stream.normal(size=(n, width)).astype(np.float32) for width in WIDTHS.values()]
        for n in sizes
    ]
    values[0][0][0] = [-0.0, 1e-45, 3.4028235e38]
    return [(samples_of(some), own) for some, own in zip(examples, values, strict=True)]


@pytest.fixture
def activation_file(activations, path):
    with tables.activation_writer(path, WIDTHS, PROVENANCE, "cpu") as write:
        for batch in activations:
            write(*batch)
    return tables.ActivationFile(path)


def test_activations_come_back_batch_by_batch_bit_for_bit(activation_file, activations):
    for place, name in enumerate(WIDTHS):
        found = list(activation_file.batches(name))
        assert len(found) == 3
        for values, (_, written_) in zip(found, activations, strict=True):
            assert values.dtype == np.float32 and values.shape == written_[place].shape
            assert values.tobytes() == written_[place].tobytes()
    expected = np.concatenate([samples["example"] for samples, _ in activations])
    assert activation_file.examples().tolist() == expected.tolist()
    assert activation_file.widths == WIDTHS


def test_a_value_is_read_alone(activation_file, monkeypatch):
    read = []
    original = pq.ParquetFile.read_row_group

    def spy(file, group, columns=None, **options):
        read.append((group, columns))
        return original(file, group, columns=columns, **options)

    monkeypatch.setattr(pq.ParquetFile, "read_row_group", spy)
    list(activation_file.batches("relu_1"))
    assert read == [(group, ["tap_relu_1"]) for group in range(3)]


def test_activations_are_the_bytes_of_numbers_for_any_reader(activation_file, activations, path):
    column = pq.read_table(path)["tap_relu_1"]
    values = np.frombuffer(b"".join(column.to_pylist()), np.float32).reshape(len(column), -1)
    assert np.array_equal(values, np.concatenate([written_[1] for _, written_ in activations]))


def test_activations_of_earlier_versions_are_refused_in_one_line(activation_file, path, one_line):
    def as_lists(table):
        lists = pa.array([[0.5] * 3] * len(table), pa.list_(pa.float32(), 3))
        return table.set_column(table.column_names.index("tap_relu"), "tap_relu", lists)

    change_sealed(path, as_lists)
    with pytest.raises(TableError) as error:
        list(tables.ActivationFile(path).batches("relu"))
    one_line(error, path, "'tap_relu'", "expected fixed_size_binary[12]", "snakemake")


def test_a_value_that_was_not_recorded_is_refused(activation_file, path, one_line):
    with pytest.raises(TableError) as error:
        list(activation_file.batches("relu_2"))
    one_line(error, path, "'tap_relu_2'", "missing")


def test_activations_that_are_not_finite_are_refused(path, one_line):
    values = np.ones((2, 3), np.float32)
    values[1, 2] = np.inf
    with pytest.raises(TableError) as error:
        with tables.activation_writer(path, {"relu": 3}, PROVENANCE, "cpu") as write:
            write(samples_of(range(2)), [values])
        list(tables.ActivationFile(path).batches("relu"))
    one_line(error, path, "'tap_relu'", "1 values that are not finite")


def test_the_same_activations_give_the_same_bytes(activations, tmp_path):
    paths = [tmp_path / "a.parquet", tmp_path / "b.parquet"]
    for path in paths:
        with tables.activation_writer(path, WIDTHS, PROVENANCE, "cpu") as write:
            for batch in activations:
                write(*batch)
    assert paths[0].read_bytes() == paths[1].read_bytes()
