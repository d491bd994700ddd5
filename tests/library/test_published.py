"""The file of published numbers."""

import csv

import pytest

from lmc_ot.config.completion import complete
from lmc_ot.errors import ConfigError
from lmc_ot.registries import REGISTRIES
from lmc_ot.reporting import published

COLUMNS = [*published.TEXTS, *published.NUMBERS]


@pytest.fixture
def shipped(repository):
    return repository / "config" / "published.csv"


def write(path, rows, columns=COLUMNS):
    with open(path, "w", newline="") as file:
        writer = csv.DictWriter(file, columns, extrasaction="ignore")
        writer.writeheader()
        writer.writerows(rows)
    return path


ROW = {
    "experiment": "e",
    "quantity": "midpoint_test_loss",
    "method": "am",
    "provenance": "read off, by eye",
    "layer": "",
    "learning_rate": "1e-1",
    "value": "0.5",
    "std": "",
    "n": "4",
}


def test_rows_are_texts_numbers_and_none(tmp_path):
    path = write(tmp_path / "a.csv", [ROW, {**ROW, "experiment": "f"}, {**ROW, "layer": "2"}])
    rows = published.read(path, "e")
    assert rows[0] == {
        "experiment": "e",
        "quantity": "midpoint_test_loss",
        "method": "am",
        "provenance": "read off, by eye",
        "layer": None,
        "learning_rate": 0.1,
        "value": 0.5,
        "std": None,
        "n": 4.0,
    }
    assert [row["layer"] for row in rows] == [None, 2.0]


def test_the_shipped_numbers_are_those_of_the_paper(shipped):
    """6 rates; endpoints: loss and accuracy; 3 matchers: midpoints, and dimensions of 3 layers."""
    rows = published.read(shipped, "mnist-mlp")
    counts = {}
    for row in rows:
        counts[row["quantity"]] = counts.get(row["quantity"], 0) + 1
        assert row["provenance"] and row["value"] > 0 and row["n"] > 1
    assert counts == {
        "approximate_dimension": 6 * 3 * 3,
        "endpoint_test_accuracy": 6,
        "endpoint_test_loss": 6,
        "midpoint_test_loss": 6 * 3,
    }
    assert {row["method"] for row in rows} == {"model", "naive_wm", "sigma_wm", "am"}


def test_the_shipped_rates_are_those_of_the_sweep(shipped):
    sweep = [10 ** (-4 + 0.6 * i) for i in range(6)]
    for row in published.read(shipped, "mnist-mlp"):
        assert any(row["learning_rate"] == pytest.approx(rate, rel=1e-3) for rate in sweep)


def test_an_experiment_that_is_not_there_is_told_the_choices(tmp_path, one_line):
    path = write(tmp_path / "a.csv", [ROW, {**ROW, "experiment": "f"}])
    with pytest.raises(ConfigError) as error:
        published.read(path, "g")
    one_line(error, path, "'g'", "one of e, f")


@pytest.mark.parametrize("column", COLUMNS)
def test_a_file_without_a_column_is_refused(tmp_path, one_line, column):
    path = write(tmp_path / "a.csv", [ROW], [c for c in COLUMNS if c != column])
    with pytest.raises(ConfigError) as error:
        published.read(path, "e")
    one_line(error, path, repr(column))


@pytest.mark.parametrize("column", published.NUMBERS)
def test_a_text_in_the_place_of_a_number_is_refused(tmp_path, one_line, column):
    path = write(tmp_path / "a.csv", [{**ROW, column: "many"}])
    with pytest.raises(ConfigError) as error:
        published.read(path, "e")
    one_line(error, path, "many")


@pytest.mark.parametrize("content", [b"", b"\xff\xfe", b"a,b\n1,2,3\n"])
def test_a_file_that_is_something_else_is_an_error_in_one_line(tmp_path, one_line, content):
    path = tmp_path / "a.csv"
    path.write_bytes(content)
    with pytest.raises(ConfigError) as error:
        published.read(path, "e")
    one_line(error, path)


def test_a_file_that_is_not_there_is_an_error_in_one_line(tmp_path, one_line):
    with pytest.raises(ConfigError) as error:
        published.read(tmp_path / "none.csv", "e")
    one_line(error, tmp_path / "none.csv")


HEADER = ",".join(COLUMNS)
GOOD = "e,q,m,p,,0.1,0.5,,4"


@pytest.mark.parametrize(
    ("text", "named"),
    [
        (f"{HEADER}\n{GOOD}\ne,q,m,p,,0.1,0.5\n", "line 3: the number of fields differs"),
        (f"{HEADER}\n{GOOD},1\n", "line 2: the number of fields differs"),
        (f"{HEADER}\n{GOOD}\ne,q,m,p,,0.1,nan,,4\n", "line 3: value is 'nan'"),
        (f"{HEADER}\ne,q,m,p,,0.1,-inf,,4\n", "value is '-inf'"),
        (f"{HEADER}\ne,q,m,p,,0.1,1e999,,4\n", "value is '1e999'"),
        (f"{HEADER}\ne,q,m,p,,0.1,1_0,,4\n", "value is '1_0'"),
        (f"{HEADER}\ne,q,m,p,,0.1,\u0661,,4\n", "value is '\u0661'"),
        (f'{HEADER}\ne,q,m,p,,0.1,"0.5\n",,4\n', "value is '0.5\\n'"),
        (f"{HEADER},value\n{GOOD},1\n", "column 'value' is missing or duplicate"),
        (f'{HEADER}\n{GOOD}\n"e,q,m\n', "line"),
        (f"{HEADER}\n{'e' * 200_000},q,m,p,,0.1,0.5,,4\n", "line 1: field larger"),
        (f"{HEADER}\n{'x' * 5_000},q,m,p,,0.1,0.5,,4\n", "no published numbers for 'e'"),
        (f'{HEADER}\n"x\u2028\ny",q,m,p,,0.1,0.5,,4\n', "one of x y"),
        ("", "column 'experiment' is missing"),
    ],
)
def test_a_file_that_is_not_what_it_should_be_is_refused(text, named, tmp_path, one_line):
    path = tmp_path / "a.csv"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(ConfigError) as error:
        published.read(path, "e")
    assert len(one_line(error, path, named)) < 1000


def test_bytes_that_are_no_text_are_refused(tmp_path, one_line):
    (tmp_path / "a.csv").write_bytes(f"{HEADER}\n{GOOD}".encode() + b"\xff")
    with pytest.raises(ConfigError) as error:
        published.read(tmp_path / "a.csv", "e")
    one_line(error, tmp_path / "a.csv", "utf-8")


def test_published_numbers_of_an_experiment_with_another_axis_are_refused(schema, one_line):
    """They are by learning rate, so there is nothing to compare."""
    block = {
        "dataset": {"name": "digits"}, "network": {"name": "mlp"}, "published": "mnist-mlp",
        "sweep": {"training.learning_rate": [0.1, 0.2]},
    }  # fmt: skip
    complete({"name": "t", "experiments": {"e": block}}, schema, REGISTRIES)
    block |= {"sweep": {"training.epochs": [1, 2]}, "training": {"learning_rate": 0.1}}
    with pytest.raises(ConfigError) as error:
        complete({"name": "t", "experiments": {"e": block}}, schema, REGISTRIES)
    one_line(error, "experiments.e.published", "for learning rates only", "training.epochs")
