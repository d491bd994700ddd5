"""Registries: names, choices, and that every line stands for something."""

import inspect

import pytest

from lmc_ot.config.registry import Entry, Registry
from lmc_ot.data.dataset import Standardisation
from lmc_ot.errors import ConfigError
from lmc_ot.registries import REGISTRIES

ENTRIES = [(kind, name) for kind, registry in REGISTRIES.items() for name in registry.names]

# What the library itself gives, before the options.
GIVEN = {
    "network": ["shape", "classes"],
    "panel": ["sources", "published", "experiment"],
}


def test_the_kinds_are_those_a_config_can_name():
    assert set(REGISTRIES) == {"dataset", "network", "optimiser", "matcher", "panel", "theory"}


@pytest.mark.parametrize(("kind", "name"), ENTRIES)
def test_every_entry_stands_for_something_that_takes_its_options(kind, name):
    """Also with the same defaults, so that a class and a config mean the same."""
    registry = REGISTRIES[kind]
    parameters = inspect.signature(registry.get(name)).parameters
    for option, schema in registry.entry(name).options.items():
        assert option in parameters
        if parameters[option].default is not inspect.Parameter.empty:
            assert parameters[option].default == schema["default"]
    required = [
        p.name
        for p in parameters.values()
        if p.default is inspect.Parameter.empty and p.name not in registry.entry(name).options
    ]
    assert required == GIVEN.get(kind, [])


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
        assert str(error.value) == "unknown colour 'green': one of blue, red"


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
            "a colour is written {name: <name>, ...}, the name one of blue, red",
        ),
        ("red", "a colour is written {name: <name>, ...}, the name one of blue, red"),
        ({"name": "green"}, "unknown colour 'green': one of blue, red"),
        ({"name": ["red"]}, "unknown colour ['red']: one of blue, red"),
        ({"name": "red"}, "colour red: the option 'paper' is missing"),
        (
            {"name": "red", "paper": "grey", "shades": 1},
            "colour red: unknown option 'shades': did you mean 'shade'?",
        ),
        ({"name": "blue", "x": 1}, "colour blue: unknown option 'x': one of matt"),
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
