"""Registries: names of the config, and the modules that stand behind them.

A registry is data. It imports a module only when its entry is asked for, so that the Snakefile
can validate a config (and a matching job can run) without importing torch.
"""

import copy
import difflib
from collections.abc import Iterable
from dataclasses import dataclass, field
from importlib import import_module

from ..errors import ConfigError


@dataclass(frozen=True)
class Entry:
    """One line of a registry.

    Parameters
    ----------
    target
        ``"module:object"``, the module relative to the registry's package.
    description
        A description for the config's reference page and the report.
    options
        JSON schema (the ``properties`` of an object) of the options. An option without
        a default is required. The options are the keyword arguments of the target, which has no
        defaults of its own.
    """

    target: str
    description: str = ""
    options: dict = field(default_factory=dict)


class Registry:
    """The things of one kind that a config can name.

    Parameters
    ----------
    kind
        Their name in the config and in errors.
    package
        The package that the targets of the entries are relative to.
    entries
        Name -> entry.
    shared
        Options that the blocks of all entries have, written as an entry's `options` are.
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
        """The entry of that name. Raises ConfigError, naming the choices, if there is none."""
        if not isinstance(name, str) or name not in self.entries:
            raise ConfigError(f"unknown {self.kind} {name!r}: one of {', '.join(self.names)}")
        return self.entries[name]

    def named(self, block) -> str:
        """The name in a block ``{name: ..., option: ...}``. Raises ConfigError if it has none."""
        if not isinstance(block, dict) or "name" not in block:
            raise ConfigError(
                f"expected {{name: <{self.kind}>, ...}} with one of {', '.join(self.names)}"
            )
        self.entry(block["name"])
        return block["name"]

    def options(self, name: str) -> dict:
        """JSON schema of the options of a block with that name."""
        return {**self.shared, **self.entry(name).options}

    def module(self, name: str) -> str:
        """The full name of the module behind an entry, not imported."""
        return f"{self.package}.{self.entry(name).target.split(':')[0]}"

    def get(self, name: str):
        """The object behind an entry; imports its module."""
        return getattr(import_module(self.module(name)), self.entry(name).target.split(":")[1])

    def complete(self, block: dict) -> dict:
        """A block with the declared defaults of the options that it leaves out.

        Values are not checked: `completion.complete` does that, once, for a whole config.

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
        """The object that a block describes: that of its name, called with its options.

        Parameters
        ----------
        block
            ``{name: ..., option: ...}``. Options that it leaves out have their declared defaults.
        arguments, others
            Further arguments, those that do not come from the config.

        Raises
        ------
        ConfigError
            See `complete`.
        """
        options = self.complete(block)
        return self.get(options.pop("name"))(*arguments, **options, **others)


def instead(key: str, choices: Iterable[str]) -> str:
    """The end of an error's line about an unknown key: the closest choice, or all of them."""
    choices = sorted(choices)
    close = difflib.get_close_matches(key, choices, n=1)
    if close:
        return f": did you mean {close[0]!r}?"
    return f": one of {', '.join(choices)}" if choices else ": expected no keys"
