"""Registries: names, choices, and that every line stands for something."""

import inspect
from dataclasses import fields

import pytest
import yaml

from lmc_ot.config.registry import Entry, Registry
from lmc_ot.data.augmentation import Augmentation
from lmc_ot.data.dataset import Standardisation
from lmc_ot.errors import ConfigError
from lmc_ot.registries import REGISTRIES
from lmc_ot.training.settings import TrainingConfig
from support import augmentation

ENTRIES = [(kind, name) for kind, registry in REGISTRIES.items() for name in registry.names]

# The arguments that the library passes to every target of a kind, beside the entry's options.
FIXED = {
    "network": ["shape", "classes"],
    "panel": ["sources", "published"],
}


def test_the_kinds_are_those_a_config_can_name():
    assert set(REGISTRIES) == {"dataset", "network", "optimiser", "matcher", "panel", "theory"}


@pytest.mark.parametrize(("kind", "name"), ENTRIES)
def test_every_target_takes_the_declared_options_and_has_no_defaults(kind, name):
    """An option's type, default and description are declared once: in the registry."""
    registry = REGISTRIES[kind]
    parameters = inspect.signature(registry.get(name)).parameters
    assert set(parameters) == {*FIXED.get(kind, []), *registry.entry(name).options}
    for parameter in parameters.values():
        assert parameter.default is inspect.Parameter.empty, parameter.name
        assert parameter.kind is inspect.Parameter.POSITIONAL_OR_KEYWORD, parameter.name


def test_the_training_settings_are_the_keys_of_the_schema(schema):
    """Their defaults are in the schema and nowhere else."""
    experiment = yaml.safe_load(schema.read_text())["properties"]["experiments"]
    training = experiment["additionalProperties"]["properties"]["training"]["properties"]
    changes = training["augmentation"]["properties"]
    # The optimiser is an argument of its own, and each network's identity has its learning rate.
    keys = set(training) - {"optimiser", "learning_rate"}
    assert {field.name for field in fields(TrainingConfig)} == keys
    assert {field.name for field in fields(Augmentation)} == set(changes)
    for cls in (TrainingConfig, Augmentation):
        for parameter in inspect.signature(cls).parameters.values():
            assert parameter.default is inspect.Parameter.empty, parameter.name


def test_the_default_augmentation_changes_nothing():
    assert augmentation().changes_nothing
    for change in ({"flip": True}, {"zoom": (0.9, 1.0)}, {"rotation": 1.0}):
        assert not augmentation(**change).changes_nothing


@pytest.mark.parametrize(("kind", "name"), ENTRIES)
def test_every_entry_is_described(kind, name):
    assert REGISTRIES[kind].entry(name).description


@pytest.mark.parametrize("kind", REGISTRIES)
def test_names_are_sorted_and_fit_into_paths(kind):
    names = REGISTRIES[kind].names
    assert names == sorted(names) and names
    assert all(name.replace("_", "").isalnum() and name.islower() for name in names)


def test_an_unknown_name_is_told_the_choices():
    registry = Registry("colour", "lmc_ot", {"red": Entry("a:b"), "blue": Entry("a:c")})
    for ask in (registry.entry, registry.module, registry.get):
        with pytest.raises(ConfigError) as error:
            ask("green")
        assert str(error.value) == "unknown colour 'green': expected one of blue, red"


def test_a_module_is_named_without_importing_it():
    registry = Registry("colour", "lmc_ot.colours", {"red": Entry("not_there:Red")})
    assert registry.module("red") == "lmc_ot.colours.not_there"
    with pytest.raises(ModuleNotFoundError):
        registry.get("red")


@pytest.fixture
def colours(monkeypatch):
    """A registry of one colour, which returns what it is called with."""
    options = {
        "shade": {"type": "number", "default": 0.5, "description": "how dark"},
        "mixed": {"type": "array", "default": [1, 2], "description": "with what"},
        "paper": {"type": "string", "description": "on what"},
    }
    entries = {"red": Entry("module:Red", options=options), "blue": Entry("module:Blue")}
    registry = Registry("colour", "lmc_ot.colours", entries, {"matt": {"default": False}})
    monkeypatch.setattr(registry, "get", lambda name: lambda *a, **k: (name, a, k))
    return registry


def test_a_block_is_built_with_the_declared_defaults(colours):
    block = {"name": "red", "paper": "grey", "shade": 0.7}
    options = {"matt": False, "shade": 0.7, "mixed": [1, 2], "paper": "grey"}
    assert colours.build(block, 1, more=2) == ("red", (1,), {**options, "more": 2})
    assert block == {"name": "red", "paper": "grey", "shade": 0.7}
    assert colours.build({"name": "blue"}) == ("blue", (), {"matt": False})


def test_what_is_built_cannot_change_a_default(colours):
    block = {"name": "red", "paper": "grey"}
    colours.build(block)[2]["mixed"].append(3)
    assert colours.build(block)[2]["mixed"] == [1, 2]


@pytest.mark.parametrize(
    ("block", "expected"),
    [
        (
            {"paper": "grey"},
            "expected {name: <colour>, ...}, where the name is one of blue, red",
        ),
        ("red", "expected {name: <colour>, ...}, where the name is one of blue, red"),
        ({"name": "green"}, "unknown colour 'green': expected one of blue, red"),
        ({"name": ["red"]}, "unknown colour ['red']: expected one of blue, red"),
        ({"name": "red"}, "colour red: the option 'paper' is missing"),
        (
            {"name": "red", "paper": "grey", "shades": 1},
            "colour red: unknown option 'shades': did you mean 'shade'?",
        ),
        ({"name": "blue", "x": 1}, "colour blue: unknown option 'x': expected one of matt"),
    ],
)
def test_a_block_that_is_wrong_is_refused_in_one_line(block, expected, colours):
    with pytest.raises(ConfigError) as error:
        colours.build(block)
    assert str(error.value) == expected


def test_a_data_set_is_built_standardised_where_its_block_says_so():
    build = REGISTRIES["dataset"].build
    plain = build({"name": "digits"})
    assert plain.standardisation is None
    measured = build({"name": "digits", "standardise": "measured"})
    assert measured.standardisation == plain.standardised().standardisation
    given = {"mean": [0.3], "deviation": [0.4]}
    found = build({"name": "digits", "standardise": given})
    assert found.standardisation == Standardisation((0.3,), (0.4,))
