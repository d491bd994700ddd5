"""Registries: names of the config, and the modules that stand behind them.

A registry is data. It imports a module only when its entry is asked for, so that the Snakefile
can validate a config (and a matching job can run) without importing torch.
"""

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
        What it is, for the config's reference page and the report.
    options
        JSON schema (the ``properties`` of an object) of what the config may set; every option
        carries a description and a default. They are the keyword arguments of the target.
    """

    target: str
    description: str = ""
    options: dict = field(default_factory=dict)


class Registry:
    """The things of one kind that a config can name."""

    def __init__(self, kind: str, package: str, entries: dict[str, Entry]):
        self.kind = kind
        self.package = package
        self.entries = entries

    @property
    def names(self) -> list[str]:
        """The registered names, in alphabetical order."""
        return sorted(self.entries)

    def entry(self, name: str) -> Entry:
        """The entry of that name. Raises ConfigError, naming the choices, if there is none."""
        if not isinstance(name, str) or name not in self.entries:
            raise ConfigError(f"unknown {self.kind} {name!r}: one of {', '.join(self.names)}")
        return self.entries[name]

    def module(self, name: str) -> str:
        """The full name of the module behind an entry, not imported."""
        return f"{self.package}.{self.entry(name).target.split(':')[0]}"

    def get(self, name: str):
        """The object behind an entry; imports its module."""
        return getattr(import_module(self.module(name)), self.entry(name).target.split(":")[1])

    def build(self, block: dict, *arguments, **others):
        """What a block of a completed config describes: the object behind its name, called.

        Parameters
        ----------
        block
            ``{name: ..., option: ...}``; a block with a label of its own has the registry's kind
            as the key of the name.
        arguments, others
            Further arguments, those that do not come from the config.
        """
        options = dict(block)
        name = options.pop(self.kind) if self.kind in options else options.pop("name")
        return self.get(name)(*arguments, **options, **others)
