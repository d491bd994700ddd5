"""Experiments that read networks from files: which files belong to which setting."""

import json
from pathlib import Path

import pytest

from lmc_ot.config import checkpoints, completion, labels
from lmc_ot.errors import ConfigError
from lmc_ot.registries import REGISTRIES
from support import REPOSITORY

SCHEMA = REPOSITORY / "workflow/schemas/config.schema.yaml"


def completed(**block) -> dict:
    """The experiment `e` with these keys, completed."""
    block = {"dataset": {"name": "digits"}, "network": {"name": "mlp"}, **block}
    config = {"name": "test", "experiments": {"e": block}}
    return completion.complete(config, SCHEMA, REGISTRIES)["experiments"]["e"]


def files(experiment: dict) -> dict[str, list[str]]:
    return {name: block["checkpoints"] for name, block in experiment["settings"].items()}


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ("a/*.pt", {"checkpoints-1": ["a/*.pt"]}),
        (["a.pt", "b.pt"], {"checkpoints-1": ["a.pt", "b.pt"]}),
        (
            {"10": "ten-*.pt", "0.5": ["a.pt"]},
            {"checkpoints-10": ["ten-*.pt"], "checkpoints-5.000e-01": ["a.pt"]},
        ),
    ],
)
def test_files_are_one_setting_or_one_for_each_number(given, expected):
    experiment = completed(checkpoints=given)
    assert files(experiment) == expected
    assert experiment["axis"] == "checkpoints" and experiment["merge"] is True


def test_files_of_a_sweep_belong_to_the_number_of_their_setting():
    sweep = {"network.hidden_widths": [[8, 8], [16, 16]]}
    experiment = completed(checkpoints={"16": "wide.*", "8": "narrow.*"}, sweep=sweep)
    assert files(experiment) == {"hidden_widths-8": ["narrow.*"], "hidden_widths-16": ["wide.*"]}
    everywhere = completed(checkpoints="all.*", sweep=sweep)
    assert files(everywhere) == {"hidden_widths-8": ["all.*"], "hidden_widths-16": ["all.*"]}


def test_an_overlay_replaces_training_by_checkpoints():
    experiment = completed(checkpoints="a.pt", training=None, networks=None)
    assert files(experiment) == {"checkpoints-1": ["a.pt"]}


def test_networks_that_are_trained_are_not_written_unless_the_config_says_so():
    training = {"learning_rate": 0.1}
    assert completed(training=training)["merge"] is False
    assert completed(training=training, merge=True)["merge"] is True


@pytest.mark.parametrize(
    ("block", "parts"),
    [
        ({"training": {"epochs": 3}}, ["experiments.e.training", "read from checkpoints"]),
        ({"networks": 4}, ["experiments.e.networks", "read from checkpoints"]),
        ({"sweep": {"training.epochs": [1, 2]}}, ["experiments.e.sweep.training.epochs"]),
        ({"sweep": {"network.hidden_widths": [[3], [4]]}, "checkpoints": {"3": "a.pt"}}, ['"4"']),
        ({"checkpoints": {"e": "a.pt"}}, ["checkpoints.e", "finite number"]),
        ({"checkpoints": {"one": "a.pt"}}, ["one"]),
        ({"checkpoints": []}, ["checkpoints"]),
        ({"checkpoints": 3}, ["checkpoints", "3"]),
        ({"checkpoints": {"1": "a.pt", "1.0": "b.pt"}}, ["checkpoints: 1 and 1.0", "same number"]),
        ({"checkpoints": {"1e400": "a.pt"}}, ["finite number"]),
        ({"checkpoints": {}}, ["checkpoints: empty"]),
        (
            {"sweep": {"training.learning_rate": [0.1, 0.2]}},
            ["experiments.e.sweep.training.learning_rate", "read from checkpoints"],
        ),
        ({"pairs": "all"}, ["pairs", "all"]),
    ],
)
def test_a_mistake_is_said_in_one_line(block, parts, one_line):
    with pytest.raises(ConfigError) as error:
        completed(**{"checkpoints": "a.pt", **block})
    one_line(error, *parts)


def test_the_files_of_a_pattern_are_in_natural_order(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for name in ("seed10.pt", "seed9.pt", "seed9.txt", "other.pt"):
        (tmp_path / name).touch()
    (tmp_path / "seed1.pt").mkdir()
    found = checkpoints.located("e", ["seed*.pt", "other.pt"], [tmp_path])
    assert found == ["seed9.pt", "seed10.pt", "other.pt"]
    assert checkpoints.located("e", [str(tmp_path / "seed*.pt")], [Path("no")])[0] == "seed9.pt"


def test_the_folder_of_the_last_config_that_has_files_counts(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for folder in ("first", "second"):
        (tmp_path / folder).mkdir()
        (tmp_path / folder / "both.pt").touch()
    (tmp_path / "first/one.pt").touch()
    folders = [tmp_path / "first", tmp_path / "second"]
    assert checkpoints.located("e", ["*.pt"], folders) == ["second/both.pt"]
    assert checkpoints.located("e", ["one.pt"], folders) == ["first/one.pt"]


@pytest.mark.parametrize(
    ("patterns", "part"),
    [(["none*.pt"], "none*.pt"), (["a.pt", "*.pt"], "named twice"), (["**.pt"], "**.pt")],
)
def test_files_that_are_missing_or_twice_are_named(patterns, part, tmp_path, one_line):
    (tmp_path / "a.pt").touch()
    with pytest.raises(ConfigError) as error:
        checkpoints.located("experiments.e", patterns, [tmp_path])
    one_line(error, "experiments.e.checkpoints", part)


def test_the_hash_is_of_data_and_network_and_no_training():
    config = {"seed": 0}

    def hashed(**block):
        return labels.training_hash(config, completed(**block))

    whole = hashed(checkpoints="a.pt")
    assert whole == hashed(checkpoints="b.pt")  # the content of files is an input of the jobs
    assert whole != hashed(checkpoints="a.pt", network={"name": "mlp", "hidden_widths": [3]})
    assert json.dumps(whole)
