"""Groups as a table: one row per group, with its members, producers and taps."""

from dataclasses import is_dataclass

import numpy as np

from ... import tables
from .group import BatchNorm, Frozen, Group, Groups, Member, Producer, Tap, Unknown


def write_groups(path, groups: Groups, run: dict, **metadata) -> None:
    """Write the groups of a network; `run` is the run as far as groups depend on it."""
    rows = [{"order": order, **_plain(group)} for order, group in enumerate(groups, 1)]
    columns = {name: [row[name] for row in rows] for name in tables.SCHEMAS["groups"].names}
    about = {name: value for name, value in vars(groups).items() if name != "groups"}
    tables.write("groups", path, columns, run, **_plain(about), **metadata)


def _plain(value):
    """Data as lists and mappings; places, one row for each unit, are flat."""
    if isinstance(value, np.ndarray):
        return value.ravel().tolist()
    if is_dataclass(value):
        return _plain(vars(value))
    if isinstance(value, dict):
        return {name: _plain(part) for name, part in value.items()}
    return [_plain(part) for part in value] if isinstance(value, tuple) else value


def read_groups(path, run: dict | None = None) -> Groups:
    """Read groups; raises TableError as `tables.read` does."""
    about = tables.metadata("groups", path, run)
    rows = tables.read("groups", path, run=run).to_pylist()
    return Groups(
        groups=tuple(map(_group, rows)),
        aliases={name: tuple(others) for name, others in about["aliases"].items()},
        frozen=tuple(Frozen(**values) for values in about["frozen"]),
        unknown=tuple(Unknown(**values) for values in about["unknown"]),
        seconds=about["seconds"],
        buffers=tuple(about["buffers"]),
    )


def _group(row: dict) -> Group:
    del row["order"]
    heads, size = row["heads"], row["heads"] * row["units"]

    def placed(values: dict) -> dict:
        return values | {"places": np.array(values["places"], np.int32).reshape(size, -1)}

    def member(values: dict) -> Member:
        rows = values["rows"]
        rows = None if rows is None else np.array(rows, np.int32).reshape(heads, -1)
        return Member(**placed(values) | {"rows": rows})

    def producer(values: dict) -> Producer:
        norm = values["norm"] and BatchNorm(**values["norm"])
        read = {"output": Tap(**placed(values["output"])), "consumes": tuple(values["consumes"])}
        return Producer(**values | read | {"norm": norm})

    parts = {
        "members": tuple(map(member, row["members"])),
        "producers": tuple(map(producer, row["producers"])),
        "taps": tuple(Tap(**placed(tap)) for tap in row["taps"]),
    }
    return Group(**row | parts)
