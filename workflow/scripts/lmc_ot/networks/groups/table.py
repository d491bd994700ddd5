"""Groups as a table: one row per member of a group, tap, producer, and frozen axis."""

import numpy as np

from ... import tables
from ...errors import TableError
from .group import BatchNorm, Frozen, Group, Groups, Member, Producer, Tap, Unknown

TAP, PRODUCER, FROZEN = "tap", "producer", "frozen"
_OPTIONAL = [field.name for field in tables.SCHEMAS["groups"] if field.nullable]


def write_groups(path, groups: Groups, run: dict, **metadata) -> None:
    """Write the groups of a network.

    Parameters
    ----------
    run
        The identity of the run, as far as groups depend on it.
    """
    rows = [row for order, group in enumerate(groups, 1) for row in _rows(order, group)]
    for frozen in groups.frozen:
        reason = {"reason": frozen.reason, "places": [], "count": frozen.places}
        rows.append(_row(FROZEN, None, frozen.parameter, frozen.axis, **reason))
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


def _rows(order: int, group: Group):
    of = (order, group)
    for m in group.members:
        rows = [] if m.rows is None else m.rows.ravel().tolist()
        yield _row(m.role, of, m.parameter, m.axis, places=m.places.ravel().tolist(), rows=rows)
    for p in group.producers:
        norm = p.norm or BatchNorm(None, None, None)
        yield _row(
            PRODUCER,
            of,
            p.parameter,
            p.output.axis,
            places=p.output.places.ravel().tolist(),
            value=p.output.value,
            weight_axis=p.axis,
            bias=p.bias,
            input=p.input,
            reads=p.reads,
            consumes=list(p.consumes),
            scale=norm.scale,
            variance=norm.variance,
            epsilon=norm.epsilon,
        )
    for t in group.taps:
        yield _row(TAP, of, "", t.axis, places=t.places.ravel().tolist(), value=t.value)


def _row(role: str, of: tuple[int, Group] | None, parameter: str, axis: int | None, **others):
    order, group = of or (None, None)
    return {
        **dict.fromkeys(_OPTIONAL),
        "group": group.name if group else "",
        "order": order or 0,
        "units": group.units if group else 0,
        "heads": group.heads if group else 0,
        "family": group.family if group else None,
        "role": role,
        "parameter": parameter,
        "axis": axis,
        "rows": [],
        "consumes": [],
        **others,
    }


def read_groups(path, run: dict | None = None) -> Groups:
    """Read groups as `write_groups` wrote them.

    Raises
    ------
    TableError
        As for `tables.read`; or the network has no groups.
    """
    about = tables.metadata("groups", path, run)
    rows = tables.read("groups", path, run=run).to_pylist()
    found: dict[int, list[dict]] = {}
    for row in rows:
        if row["role"] != FROZEN:
            found.setdefault(row["order"], []).append(row)
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

    def places(row: dict) -> np.ndarray:
        return np.array(row["places"], np.int32).reshape(size, -1)

    members = tuple(
        Member(
            row["parameter"],
            row["axis"],
            places(row),
            row["role"],
            np.array(row["rows"], np.int32).reshape(heads, -1) if row["rows"] else None,
        )
        for row in rows
        if row["role"] not in (TAP, PRODUCER)
    )
    producers = tuple(
        Producer(
            row["parameter"],
            row["weight_axis"],
            row["bias"],
            Tap(row["value"], row["axis"], places(row)),
            row["input"],
            row["reads"],
            tuple(row["consumes"]),
            row["variance"] and BatchNorm(row["scale"], row["variance"], row["epsilon"]),
        )
        for row in rows
        if row["role"] == PRODUCER
    )
    taps = tuple(Tap(r["value"], r["axis"], places(r)) for r in rows if r["role"] == TAP)
    return Group(first["group"], first["units"], members, heads, first["family"], producers, taps)
