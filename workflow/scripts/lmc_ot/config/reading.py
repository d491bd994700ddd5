"""Strict reading of config files: no duplicate keys, no recursive aliases, one-line errors."""

from pathlib import Path

import yaml

from ..errors import ConfigError, one_line


def check_keys(path: str | Path) -> None:
    """Check that all keys of a YAML file are unique and are read as text.

    YAML itself silently drops the first of two equal keys, and reads ``on`` as true and ``001``
    as 1.

    Raises
    ------
    ConfigError
        A key is duplicate or not text; the file is not YAML, or its aliases expand without bound.
    """
    try:
        yaml.load(Path(path).read_text(encoding="utf-8"), Loader=_StrictLoader)
    except OSError as error:
        raise ConfigError(f"{path}: cannot be read: {error.strerror}") from error
    except NOT_UNDERSTOOD as error:
        raise ConfigError(f"{path}: {one_line(error)}") from error


# What malformed values can raise: invalid UTF-8, numbers with thousands of digits, invalid dates,
# deeply nested lists.
NOT_UNDERSTOOD = (
    yaml.YAMLError,
    ArithmeticError,
    AttributeError,
    LookupError,
    RecursionError,
    TypeError,
    ValueError,
)
MOST_NODES = 100_000


class _StrictLoader(yaml.SafeLoader):
    def get_single_node(self):
        node = super().get_single_node()
        if node is not None:
            self._count(node, {})
        return node

    def _count(self, node, known: dict[int, int]) -> int:
        """Count the values of a node with all aliases expanded."""
        if id(node) not in known:
            known[id(node)] = MOST_NODES  # in case the node contains itself
            inside = [] if isinstance(node, yaml.ScalarNode) else node.value
            parts = [part for entry in inside for part in _parts(entry)]
            known[id(node)] = 1 + sum(self._count(part, known) for part in parts)
        if known[id(node)] > MOST_NODES:
            line = node.start_mark.line + 1
            raise yaml.YAMLError(
                f"line {line}: expands to more than {MOST_NODES:,} values: do not use aliases"
            )
        return known[id(node)]

    def compose_mapping_node(self, anchor):
        node = super().compose_mapping_node(anchor)
        seen = set()
        for key, _ in node.value:
            if not isinstance(key, yaml.ScalarNode) or key.tag == "tag:yaml.org,2002:merge":
                continue
            line = key.start_mark.line + 1
            if key.tag != "tag:yaml.org,2002:str":
                kind = key.tag.rpartition(":")[2]
                raise yaml.YAMLError(
                    f"line {line}: YAML reads the key {key.value} as {kind}, not as text: put it "
                    f"in quotes"
                )
            if key.value in seen:
                raise yaml.YAMLError(f"line {line}: duplicate key {key.value!r}")
            seen.add(key.value)
        return node


def _parts(entry) -> tuple:
    """Return the nodes of an entry: one in a list, key and value in a mapping."""
    return entry if isinstance(entry, tuple) else (entry,)
