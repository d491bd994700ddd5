"""Groups as a table: one row per member of a group, tap, producer, and frozen axis."""

from collections import defaultdict

import numpy as np

from ... import tables
from ...errors import TableError
from .group import BatchNorm, Frozen, Group, Groups, Member, Producer, Tap, Unknown

TAP, PRODUCER, FROZEN = "tap", "producer", "frozen"
_OPTIONAL = [field.name for field in tables.SCHEMAS["groups"] if field.nullable]


def write_groups(path, groups: Groups, run: dict, **metadata) -> None:
    """Write the groups of a network; `run` is the run as far as groups depend on it."""
    rows = []
    for order, group in enumerate(groups, 1):
        of = {"order": order, "group": group.name, "units": group.units, "heads": group.heads}
        rows += [_row(**of, family=group.family, **row) for row in _rows(group)]
    rows += [
        _row(role=FROZEN, parameter=f.parameter, axis=f.axis, count=f.places, reason=f.reason)
        for f in groups.frozen
    ]
    tables.write_rows(
        "groups",
        path,
        rows,
        run,
        aliases={name: list(others) for name, others in groups.aliases.items()},
        unknown=[[u.operation, u.module, u.reason] for u in groups.unknown],
        buffers=list(groups.buffers),
        seconds=groups.seconds,
        **metadata,
    )


def _rows(group: Group):
    """What is special to each row of a group."""
    for m in group.members:
        rows = [] if m.rows is None else m.rows.ravel().tolist()
        yield {"role": m.role, "parameter": m.parameter, "rows": rows} | _places(m)
    for p in group.producers:
        same = {name: getattr(p, name) for name in ("parameter", "bias", "input", "reads")}
        other = {"weight_axis": p.axis, "value": p.output.value, "consumes": list(p.consumes)}
        norm = vars(p.norm) if p.norm else {}
        yield {"role": PRODUCER, **same, **other, **norm} | _places(p.output)
    for t in group.taps:
        yield {"role": TAP, "value": t.value} | _places(t)


def _places(of: Member | Tap) -> dict:
    return {"axis": of.axis, "places": of.places.ravel().tolist()}


def _row(**values) -> dict:
    empty = {"group": "", "order": 0, "units": 0, "heads": 0, "parameter": ""}
    lists = {"places": [], "rows": [], "consumes": []}
    return {**dict.fromkeys(_OPTIONAL), **empty, **lists, **values}


def read_groups(path, run: dict | None = None) -> Groups:
    """Read groups; raises TableError as `tables.read` does, also if the network has none."""
    about = tables.metadata("groups", path, run)
    rows = tables.read("groups", path, run=run).to_pylist()
    found = defaultdict(list)
    for row in rows:
        if row["role"] != FROZEN:
            found[row["order"]].append(row)
    if not found:
        raise TableError(f"{path}: the network has no units that can be permuted")
    return Groups(
        groups=tuple(_group(found[order]) for order in sorted(found)),
        aliases={name: tuple(others) for name, others in about["aliases"].items()},
        frozen=tuple(
            Frozen(row["parameter"], row["axis"], row["count"], row["reason"])
            for row in rows
            if row["role"] == FROZEN
        ),
        unknown=tuple(Unknown(*values) for values in about["unknown"]),
        seconds=about["seconds"],
        buffers=tuple(about["buffers"]),
    )


def _group(rows: list[dict]) -> Group:
    first = rows[0]
    heads, size = first["heads"], first["heads"] * first["units"]
    members, producers, taps = [], [], []
    for row in rows:
        tap = Tap(row["value"], row["axis"], np.array(row["places"], np.int32).reshape(size, -1))
        if row["role"] == TAP:
            taps.append(tap)
        elif row["role"] == PRODUCER:
            norm = row["variance"] and BatchNorm(row["scale"], row["variance"], row["epsilon"])
            layer = row["parameter"], row["weight_axis"], row["bias"], tap
            reads = row["input"], row["reads"], tuple(row["consumes"])
            producers.append(Producer(*layer, *reads, norm))
        else:
            of_rows = np.array(row["rows"], np.int32).reshape(heads, -1) if row["rows"] else None
            where = row["parameter"], row["axis"], tap.places
            members.append(Member(*where, row["role"], of_rows))
    parts = tuple(members), heads, first["family"], tuple(producers), tuple(taps)
    return Group(first["group"], first["units"], *parts)
