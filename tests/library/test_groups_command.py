"""The command lmc-ot groups: a table, JSON, and one line for what cannot be done."""

import json

import pytest
import torch

from lmc_ot.cli import main
from lmc_ot.errors import UserError
from lmc_ot.networks.groups.derive import derive
from lmc_ot.networks.groups.verify import verify

NETWORKS = '''
import torch
from torch import nn


class Small(nn.Module):
    def __init__(self, width=6):
        super().__init__()
        self.a = nn.Linear(8, width)
        self.n = nn.BatchNorm1d(width)
        self.b = nn.Linear(width, 3)

    def forward(self, x):
        return self.b(self.n(self.a(x)).relu())


class Partly(Small):
    def forward(self, x):
        h = self.b(x[:, :6]).sort()[0]
        return h + self.n(self.a(x)).square().sum(1, keepdim=True)


class Branch(Small):
    def forward(self, x):
        h = self.a(x)
        if h.sum() > 0:
            h = 2 * h
        return self.b(h)


class Numpy(Small):
    def forward(self, x):
        h = self.a(x)
        return self.b(torch.from_numpy(h.numpy()))  # cannot be exported


class Two(Small):
    def forward(self, x, mask):
        return self.b(self.a(x) * mask)


class Random(Small):
    def forward(self, x):
        return self.b(self.a(x) * torch.rand(()))


class Caching(Small):
    """Keeps its weights, in evaluation mode, when it first runs."""

    kept = None

    def forward(self, x):
        if torch.compiler.is_exporting():
            return self.run(x, self.a.weight, self.b.weight)
        if self.kept is None:
            self.kept = self.a.weight.detach().clone(), self.b.weight.detach().clone()
        return self.run(x, *self.kept)

    def run(self, x, a, b):
        return nn.functional.linear(nn.functional.linear(x, a).relu(), b)


def linear():
    return nn.Linear(8, 3)


def broken():
    module = Small()
    module.a.weight.data[0, 0] = float("nan")
    return module


def text():
    return "not a module"
'''


@pytest.fixture
def file(tmp_path):
    """A user's file of networks."""
    path = tmp_path / "networks.py"
    path.write_text(NETWORKS, encoding="utf-8")
    return path


@pytest.fixture
def answer(file, capsys):
    """Run the command on a network of that file: its exit status, and what it printed."""

    def run(name, *arguments):
        status = main(["groups", f"{file}:{name}", "--shape", "8", *arguments])
        captured = capsys.readouterr()
        return status, captured.out, captured.err

    return run


def test_the_table_names_groups_and_what_is_frozen(answer):
    status, said, errors = answer("Small", "--arguments", "{width: 5}")
    assert (status, errors) == (0, "")
    lines = said.splitlines()
    assert lines[0].startswith("Small: 1 set of interchangeable units in 1 group, 0 families of")
    row = next(line for line in lines if line.startswith("1 "))
    assert row.split()[:4] == ["1", "a", "5", "1"] and "a.weight[0] produces" in row
    assert "  the network's input, or a constant: a.weight[1] (8)" in lines
    assert any(
        line.startswith("  the network's output:") and "b.bias[0] (3)" in line for line in lines
    )
    assert lines[-1].startswith("Verified: ") and lines[-1].endswith("(1 control).")


def test_operations_without_a_rule_are_named_with_what_they_fix(answer):
    status, said, _ = answer("Partly", "--no-verify")
    assert status == 0
    assert "  sort in Partly: it orders units" in said.splitlines()
    assert "  sort: it orders units: b.bias[0] (3), b.weight[0] (3)" in said.splitlines()
    assert "Verified" not in said


def test_json_holds_every_member(answer):
    status, said, _ = answer("Small", "--json")
    assert status == 0
    content = json.loads(said)
    (group,) = content["groups"]
    members = {(m["parameter"], m["axis"], m["role"]) for m in group["members"]}
    assert members == {
        ("a.weight", 0, "produces"),
        ("b.weight", 1, "consumes"),
        *((name, 0, "elementwise") for name in ("a.bias", "n.weight", "n.bias")),
        *((name, 0, "elementwise") for name in ("n.running_mean", "n.running_var")),
    }
    assert group["members"][0]["places"] == [[unit] for unit in range(6)]
    assert content["verification"]["error"] < 1e-12


def test_a_branch_on_values_is_taken_as_the_example_takes_it(answer):
    status, said, errors = answer("Branch")
    assert (status, errors) == (0, "")
    assert "1  a " in said


@pytest.mark.parametrize(
    ("name", "arguments", "said"),
    [
        ("Numpy", [], [".numpy() is not supported", "networks.py:34: ", "rewrite that line"]),
        ("Small", ["--shape", "9"], ["Small cannot be exported", "networks.py:14: ", "shape"]),
        ("Two", [], ["Two.forward(x, mask) takes other arguments than a batch"]),
        ("Random", [], ["Random: its output differs from one run to the next"]),
        ("linear", [], ["Linear has no units that can be permuted", "the network's output"]),
        ("broken", [], ["a.weight holds NaN"]),
        ("text", [], ["networks.py:text: a str, not a torch.nn.Module"]),
        ("Smal", [], ["has no Smal: did you mean 'Small'?"]),
        ("Small", ["--arguments", "{depth: 3}"], ["cannot be built with {'depth': 3}: TypeError"]),
        ("Small", ["--arguments", "[1"], ["--arguments: neither YAML nor JSON"]),
        ("Small", ["--arguments", "3"], ["--arguments: expected a mapping"]),
    ],
)
def test_what_cannot_be_done_is_said_in_one_line(answer, name, arguments, said):
    status, out, errors = answer(name, *arguments)
    assert (status, out) == (1, "")
    assert errors.startswith("lmc-ot groups: ") and errors.count("\n") == 1
    assert all(text in errors for text in said), errors


@pytest.mark.parametrize(
    ("target", "said"),
    [
        ("absent.py:Net", "there is no file absent.py"),
        ("absent_package:Net", "absent_package cannot be imported: ModuleNotFoundError"),
        ("Net", "expected <module>:<name> or <file.py>:<name>"),
    ],
)
def test_a_target_that_is_not_there_is_named(capsys, target, said):
    assert main(["groups", target]) == 1
    assert capsys.readouterr().err == (
        f"lmc-ot groups: {target}: {said}: No module named 'absent_package'\n"
        if "package" in target
        else f"lmc-ot groups: {target}: {said}\n"
    )


def test_a_module_that_keeps_what_it_computed_is_verified_on_fresh_copies(file):
    from lmc_ot.networks.groups.report import load

    module, inputs = load(f"{file}:Caching").eval(), torch.randn(3, 8)
    groups = derive(module, inputs)
    assert [group.name for group in groups] == ["a"]
    assert verify(load(f"{file}:Caching"), inputs, groups).error < 1e-12


def test_wrong_groups_are_found_and_named(file, one_line):
    """Of a group that lacks a member, or has one too many, the function changes."""
    from dataclasses import replace

    from lmc_ot.networks.groups.report import load

    module, inputs = load(f"{file}:Small").eval(), torch.randn(3, 8)
    groups = derive(module, inputs)
    (group,) = groups
    lacking = replace(groups, groups=(replace(group, members=group.members[:-1]),))
    with pytest.raises(UserError) as error:
        verify(module, inputs, lacking)
    one_line(error, "group a", "changes the network's function")


def test_a_member_that_is_no_part_of_its_group_is_found_and_named(one_line):
    """Two symmetries in one group: without the members of one, the other still holds."""
    from dataclasses import replace

    torch.manual_seed(0)
    module = torch.nn.Sequential(torch.nn.Linear(4, 6), torch.nn.Linear(6, 1)).eval()
    groups, inputs = derive(module, torch.randn(3, 4)), torch.randn(3, 4)
    (group,) = groups
    outside = replace(group.members[0], parameter="1.bias", places=group.members[0].places * 0)
    only = replace(group, members=(outside, *group.members))
    wrong = replace(groups, groups=(only,))
    with pytest.raises(UserError) as error:
        for seed in range(20):  # until this member is drawn
            verify(module, inputs, wrong, seed=seed)
    one_line(error, "group 0: to permute it without 1.bias", "is no part of it")
