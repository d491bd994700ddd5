"""Registries: names, choices, and that every line stands for something."""

import inspect

import pytest

from lmc_ot.config.registry import Entry, Registry
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


def test_a_block_is_built_by_its_name_or_its_kind(monkeypatch):
    registry = Registry("colour", "lmc_ot.colours", {"red": Entry("module:Red")})
    monkeypatch.setattr(registry, "get", lambda name: lambda *a, **k: (name, a, k))
    expected = ("red", (1,), {"shade": 0.5, "more": 2})
    assert registry.build({"name": "red", "shade": 0.5}, 1, more=2) == expected
    block = {"colour": "red", "shade": 0.5}
    assert registry.build(block, 1, more=2) == expected
    assert block == {"colour": "red", "shade": 0.5}
