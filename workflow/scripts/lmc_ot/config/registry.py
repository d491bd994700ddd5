"""Registries: the names that a config can use, and the modules that implement them.

A registry imports a module only when the object behind an entry is requested, so the Snakefile
can validate a config without importing torch.
"""

import copy
import difflib
from collections.abc import Iterable
from dataclasses import dataclass, field
from importlib import import_module

from ..errors import ConfigError


@dataclass(frozen=True)
class Entry:
    """An entry of a registry.

    Parameters
    ----------
    target
        ``"module:object"``, where the module is relative to the registry's package.
    description
        A description for the reference page of the config and the report.
    options
        JSON schema (the ``properties`` of an object) of the options, which are passed to the
        target as keyword arguments. Defaults are declared here, not in the target; an option
        without a default is required.
    """

    target: str
    description: str = ""
    options: dict = field(default_factory=dict)


class Registry:
    """All data sets, networks, optimisers, ... that a config can name.

    Parameters
    ----------
    kind
        The kind of the entries, as used in the config and in errors: ``"dataset"``.
    package
        The package that the targets of the entries are relative to.
    entries
        Name -> entry.
    shared
        Options that all entries accept, in the format of `Entry.options`.
    """

    def __init__(
        self, kind: str, package: str, entries: dict[str, Entry], shared: dict | None = None
    ):
        self.kind = kind
        self.package = package
        self.entries = entries
        self.shared = shared or {}

    @property
    def names(self) -> list[str]:
        """The registered names, in alphabetical order."""
        return sorted(self.entries)

    def entry(self, name: str) -> Entry:
        """Return the entry of that name. Raises ConfigError, listing the names, if unknown."""
        if not isinstance(name, str) or name not in self.entries:
            raise ConfigError(
                f"unknown {self.kind} {name!r}: expected one of {', '.join(self.names)}"
            )
        return self.entries[name]

    def named(self, block) -> str:
        """Return the name of a block ``{name: ..., option: ...}``. Raises ConfigError if absent."""
        if not isinstance(block, dict) or "name" not in block:
            raise ConfigError(
                f"expected {{name: <{self.kind}>, ...}}, where the name is one of "
                f"{', '.join(self.names)}"
            )
        self.entry(block["name"])
        return block["name"]

    def options(self, name: str) -> dict:
        """Return the JSON schema of the options of a block of that name."""
        return {**self.shared, **self.entry(name).options}

    def module(self, name: str) -> str:
        """Return the full name of the module behind an entry, without importing it."""
        return f"{self.package}.{self.entry(name).target.split(':')[0]}"

    def get(self, name: str):
        """Import the module behind an entry and return the object."""
        return getattr(import_module(self.module(name)), self.entry(name).target.split(":")[1])

    def complete(self, block: dict) -> dict:
        """Return a block with the declared defaults of the options that it leaves out.

        Values are not checked here: `completion.complete` checks the whole config once.

        Raises
        ------
        ConfigError
            The name or a required option is missing, or the name or an option is unknown.
        """
        name = self.named(block)
        options = self.options(name)
        for key in block:
            if key != "name" and key not in options:
                raise ConfigError(
                    f"{self.kind} {name}: unknown option {key!r}{instead(key, options)}"
                )
        completed = {"name": name}
        for option, schema in options.items():
            if option not in block and "default" not in schema:
                raise ConfigError(f"{self.kind} {name}: the option {option!r} is missing")
            completed[option] = (
                block[option] if option in block else copy.deepcopy(schema["default"])
            )
        return completed

    def build(self, block: dict, *arguments, **others):
        """Call the object behind a block's name with the block's options.

        Parameters
        ----------
        block
            ``{name: ..., option: ...}``; missing options take their declared defaults.
        arguments, others
            Further arguments, which do not come from the config.

        Raises
        ------
        ConfigError
            See `complete`.
        """
        options = self.complete(block)
        return self.get(options.pop("name"))(*arguments, **options, **others)


def instead(key: str, choices: Iterable[str]) -> str:
    """Return the end of an error about an unknown key: the closest choice, or all choices."""
    choices = sorted(choices)
    close = difflib.get_close_matches(key, choices, n=1)
    if close:
        return f": did you mean {close[0]!r}?"
    return f": expected one of {', '.join(choices)}" if choices else ": expected no keys"
