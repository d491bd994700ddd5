"""Config files read strictly: no duplicate keys, no endless aliases, one line per error."""

from pathlib import Path

import yaml

from ..errors import ConfigError, one_line


def check_keys(path: str | Path) -> None:
    """Raise ConfigError if a YAML file has duplicate keys, or keys that YAML does not read as text.

    YAML would drop the first of two, and read ``on`` as true and ``001`` as 1. Also if the file is
    not YAML, or is an endless one.
    """
    try:
        yaml.load(Path(path).read_text(encoding="utf-8"), Loader=_StrictLoader)
    except OSError as error:
        raise ConfigError(f"{path}: cannot be read: {error.strerror}") from error
    except NOT_UNDERSTOOD as error:
        raise ConfigError(f"{path}: {one_line(error)}") from error


# Errors that YAML's values can cause: invalid UTF-8, numbers of thousands of digits, invalid dates,
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
        """How many values a node stands for, its aliases written out."""
        if id(node) not in known:
            known[id(node)] = MOST_NODES  # of a node that holds itself
            inside = [] if isinstance(node, yaml.ScalarNode) else node.value
            parts = [part for entry in inside for part in _parts(entry)]
            known[id(node)] = 1 + sum(self._count(part, known) for part in parts)
        if known[id(node)] > MOST_NODES:
            line = node.start_mark.line + 1
            raise yaml.YAMLError(
                f"line {line}: has more than {MOST_NODES:,} values: do not use aliases"
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
                    f"line {line}: the key {key.value} is read as {kind}, not as text: write it in "
                    f"quotes"
                )
            if key.value in seen:
                raise yaml.YAMLError(f"line {line}: duplicate key {key.value!r}")
            seen.add(key.value)
        return node


def _parts(entry) -> tuple:
    """The nodes of an entry: a list's is a node, a mapping's a pair of them."""
    return entry if isinstance(entry, tuple) else (entry,)
