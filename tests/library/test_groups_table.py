"""Groups as tables and as data: what was written comes back, and the groups of chains."""

import dataclasses

import numpy as np
import pytest
from odd_networks import odd_network
from zoo_networks import zoo_network

from lmc_ot import tables
from lmc_ot.errors import TableError, UserError
from lmc_ot.networks.groups.chain import chain
from lmc_ot.networks.groups.derive import derive
from lmc_ot.networks.groups.group import INPUT
from lmc_ot.networks.groups.table import read_groups, write_groups
from support import network

RUN = {"architecture": "a-00000000"}


def same(a, b):
    """Whether two groups, or anything inside, are equal; arrays with their type."""
    if dataclasses.is_dataclass(a):
        return type(a) is type(b) and all(
            same(getattr(a, f.name), getattr(b, f.name)) for f in dataclasses.fields(a)
        )
    if isinstance(a, np.ndarray):
        return isinstance(b, np.ndarray) and a.dtype == b.dtype and np.array_equal(a, b)
    if isinstance(a, tuple):
        return len(a) == len(b) and all(map(same, a, b))
    return a == b


@pytest.mark.parametrize("name", ["resnet20", "gpt_tied", "encoder"])
def test_what_was_written_comes_back(name, tmp_path):
    groups = derive(*zoo_network(name))
    write_groups(tmp_path / "g.parquet", groups, RUN)
    assert same(read_groups(tmp_path / "g.parquet", RUN), groups)


def test_grouped_convolutions_come_back(tmp_path):
    module, inputs, *_ = odd_network("grouped")
    groups = derive(module, inputs)
    assert any(m.rows is not None for group in groups for m in group.members)
    write_groups(tmp_path / "g.parquet", groups, RUN)
    assert same(read_groups(tmp_path / "g.parquet", RUN), groups)


def test_a_network_without_groups_is_refused_in_one_line(tmp_path, one_line):
    groups = dataclasses.replace(derive(*zoo_network("resnet20")), groups=())
    with pytest.raises(TableError) as error:
        write_groups(tmp_path / "g.parquet", groups, RUN)
    one_line(error, tmp_path / "g.parquet", "no rows")
    assert not (tmp_path / "g.parquet").exists()


def test_an_old_table_of_permutations_is_refused_in_one_line(tmp_path, one_line, monkeypatch):
    """One by layer, as versions before groups wrote it."""
    import pyarrow as pa

    names = ("experiment", "axis", "value", "matcher", "pair", "network_a", "network_b", "layer")
    fields = [f for f in tables.SCHEMAS["permutations"] if f.name in (*names, "unit")]
    path = tmp_path / "permutations.parquet"
    with monkeypatch.context() as patched:
        patched.setitem(tables.SCHEMAS, "permutations", pa.schema(fields))
        columns = {f.name: [0] if f.type != pa.string() else ["a"] for f in fields}
        tables.write("permutations", path, columns, {})
    with pytest.raises(TableError) as error:
        tables.read("permutations", path)
    one_line(error, path, "'group'", "run snakemake again")


def test_a_chain_has_the_groups_of_its_module():
    """But for biases, which the theory's networks do not have, and the names of values."""
    module = network("mlp", (1, 6), 3, hidden_widths=[5, 4]).module
    import torch

    derived = derive(module, torch.randn(2, 1, 1, 6))
    groups = chain({"layers.0.weight": 5, "layers.1.weight": 4, "layers.2.weight": 3})
    assert [group.name for group in groups] == [group.name for group in derived]
    for by_hand, found in zip(groups, derived, strict=True):
        weights = [m for m in found.members if m.parameter.endswith("weight")]
        assert all(map(same, by_hand.members, weights)) and len(weights) == 2
        [mine], [theirs] = by_hand.producers, found.producers
        assert same(mine.output.places, theirs.output.places)
        assert (mine.parameter, mine.axis, mine.consumes) == (
            theirs.parameter,
            theirs.axis,
            theirs.consumes,
        )
        assert (mine.reads == INPUT) == (theirs.reads == INPUT)


def test_groups_are_left_out_by_name_and_families_as_a_whole(one_line):
    groups = derive(*zoo_network("encoder"))
    first = next(iter(groups.families.values()))[0]
    left = groups.without([first.name], "freeze")
    assert not any(group.family == first.family for group in left)
    assert len(left.families) == len(groups.families) - 1
    with pytest.raises(UserError) as error:
        groups.without(["nothing"], "freeze")
    one_line(error, "freeze", "nothing")
