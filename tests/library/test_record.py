"""The record of a run: where its tables come from, its config, its machine."""

import json

import pytest

from lmc_ot import environment, tables
from lmc_ot.errors import TableError
from lmc_ot.provenance import record

SETTING = "learning_rate-1.000e-01"
BLOCK = {"dataset": {"name": "digits"}, "network": {"name": "mlp"}}
CONFIG = {
    "name": "run", "seed": 7, "figures": {}, "theory": {},
    "experiments": {"e": {"settings": {SETTING: BLOCK}}},
}  # fmt: skip
ROW = {
    "experiment": "e", "axis": "training.learning_rate", "value": 0.1, "matcher": "am",
    "network": 0, "group": "layers.0", "layer": 1, "centred": False, "dimension": 1.0,
    "trace": 1.0, "largest_eigenvalue": 1.0, "entropy_rank": 1.0, "neighbour_dimension": None,
}  # fmt: skip


def test_a_record_names_every_commit_and_device_that_made_a_table(tmp_path, monkeypatch):
    # A setting that the config dropped made nothing of this run, nor did a folder of a matcher,
    # which earlier versions made.
    folders = [
        f"e/{SETTING}",
        f"e/{SETTING}/all_pairs",
        "e/learning_rate-2.000e-01",
        f"e/{SETTING}/am",
    ]
    devices = ["cpu", "cuda (a GPU)", "old", "older"]
    for number, (folder, device) in enumerate(zip(folders, devices, strict=True)):
        monkeypatch.setattr("lmc_ot.tables.parquet.environment", lambda _, d=device, n=number: {
            "versions": {"numpy": "2"}, "device": d, "commit": f"commit {n}"})  # fmt: skip
        path = tmp_path / folder / "dimensions.parquet"
        path.parent.mkdir(parents=True)
        tables.write_rows("dimensions", path, [ROW], {"experiment": "e", "seed": 7})
    usage = [{"rule": "train", "seconds": 3.0}]
    found = record.of_run(CONFIG, ["a.yaml", "b.yaml"], tmp_path, usage)
    assert found["made_by"] == {
        "commit": ["commit 0", "commit 1"],
        "device": ["cpu", "cuda (a GPU)"],
        "versions": [{"numpy": "2"}],
    }
    assert found["config_hash"] == environment.digest(CONFIG)
    assert (found["name"], found["seed"]) == ("run", 7)
    assert found["config_files"] == ["a.yaml", "b.yaml"]
    assert found["rules"] == usage
    assert found["hardware"]["cores"] >= 1
    record.write(tmp_path / "record.json", found)
    assert json.loads((tmp_path / "record.json").read_text()) == found


def test_a_run_without_tables_has_a_record(tmp_path):
    found = record.of_run(CONFIG, [], tmp_path, [])
    assert found["made_by"] == {"commit": [], "device": [], "versions": []}


def test_configs_of_the_checkout_are_recorded_relative_to_it(tmp_path, monkeypatch):
    checkout = tmp_path / "checkout"
    checkout.mkdir()
    monkeypatch.chdir(checkout)
    given = [checkout / "config/a.yaml", "config/b.yaml", tmp_path / "elsewhere.yaml"]
    found = record.of_run(CONFIG, given, tmp_path, [])
    elsewhere = (tmp_path / "elsewhere.yaml").as_posix()
    assert found["config_files"] == ["config/a.yaml", "config/b.yaml", elsewhere]


def test_a_damaged_table_is_named(tmp_path, one_line):
    path = tmp_path / f"e/{SETTING}/dimensions.parquet"
    path.parent.mkdir(parents=True)
    path.write_bytes(b"PAR1 and no more")
    with pytest.raises(TableError) as error:
        record.of_run(CONFIG, [], tmp_path, [])
    one_line(error, path)
    path.rename(tmp_path / "gone.txt")
    (tmp_path / "e/learning_rate-2.000e-01").mkdir(parents=True)
    (tmp_path / "gone.txt").rename(tmp_path / "e/learning_rate-2.000e-01/dimensions.parquet")
    record.of_run(CONFIG, [], tmp_path, [])
