"""Checkpoints of one's own: read from any usual file, never running code, matched and written."""

import json
import pickle

import pytest
import torch
from safetensors.torch import load_file, save_file
from torch import nn

from lmc_ot.cli import main
from lmc_ot.errors import UserError
from lmc_ot.merging.files import (
    fitted,
    in_float32,
    read_state,
    read_states,
    whole_state,
    write_state,
)
from lmc_ot.merging.modules import evaluate
from lmc_ot.networks.network import Network

CLASSES = """
import torch
from torch import nn


class Net(nn.Module):
    def __init__(self, width=6):
        super().__init__()
        self.first, self.norm = nn.Conv2d(1, width, 3, 2, 1), nn.BatchNorm2d(width)
        self.head = nn.Linear(width, 10)

    def forward(self, images):
        return self.head(self.norm(self.first(images)).relu().mean((2, 3)))


class Tied(nn.Module):
    def __init__(self):
        super().__init__()
        self.table = nn.Embedding(7, 5)
        self.inside = nn.Linear(5, 5)
        self.out = nn.Linear(5, 7, bias=False)
        self.out.weight = self.table.weight

    def forward(self, tokens):
        return self.out(self.inside(self.table(tokens)).relu().mean(1))


def batches():
    stream = torch.Generator().manual_seed(0)
    return [
        (torch.randn(20, 1, 8, 8, generator=stream), torch.arange(20) % 10) for _ in range(4)
    ]
"""


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "nets.py").write_text(CLASSES)
    space: dict = {}
    exec(CLASSES, space)
    for name, seed in (("a", 0), ("b", 1), ("c", 2)):
        torch.manual_seed(seed)
        network = space["Net"]()
        network.norm.running_mean.normal_()
        torch.save(network.state_dict(), tmp_path / f"{name}.pt")
    space["folder"] = tmp_path
    return space


@pytest.fixture
def error_of(capsys):
    def run(*command):
        assert main([str(part) for part in command]) == 1
        said = capsys.readouterr().err
        assert said.count("\n") == 1
        return said

    return run


NET = ["--network", "nets.py:Net"]
SHAPE = ["--shape", "1", "8", "8"]
DATA = ["--data", "nets.py:batches"]


# -- reading ---------------------------------------------------------------------------------


@pytest.mark.parametrize("nest", [None, "state_dict", "model", "model_state_dict"])
@pytest.mark.parametrize("prefix", ["", "module.", "_orig_mod.", "module._orig_mod."])
def test_a_state_dict_is_found_wherever_trainers_put_it(nest, prefix, folder):
    network = folder["Net"]()
    state = {f"{prefix}{name}": tensor for name, tensor in network.state_dict().items()}
    torch.save({nest: state, "epoch": 3} if nest else state, "x.pt")
    found = fitted(read_state("x.pt"), network, "x.pt")
    assert list(found) == list(network.state_dict())
    assert all(torch.equal(found[k], v) for k, v in network.state_dict().items())


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float32])
@pytest.mark.parametrize("suffix", [".pt", ".pth", ".safetensors"])
def test_types_and_files_come_back(dtype, suffix, folder):
    state = {
        name: t.to(dtype) if t.is_floating_point() else t
        for name, t in folder["Net"]().state_dict().items()
    }
    path = folder["folder"] / f"x{suffix}"
    save_file(state, path) if suffix == ".safetensors" else torch.save(state, path)
    found = fitted(read_state(path), folder["Net"](), path)
    write_state("y.safetensors", {k: v.float() for k, v in found.items()}, found)
    again = load_file("y.safetensors")
    assert all(again[k].dtype == v.dtype and torch.equal(again[k], v) for k, v in state.items())
    folder["Net"]().load_state_dict(again, strict=True)


def test_tied_tensors_are_filled_in_and_written_under_all_names(folder):
    network = folder["Tied"]()
    state = network.state_dict()
    save_file({k: v for k, v in state.items() if k != "out.weight"}, "x.safetensors")
    found = fitted(read_state("x.safetensors"), network, "x.safetensors")
    write_state("y.safetensors", found, found)
    fresh = folder["Tied"]()
    fresh.load_state_dict(load_file("y.safetensors"), strict=True)
    assert torch.equal(fresh.out.weight, state["table.weight"])


class Evil:
    def __reduce__(self):
        return (open, ("touched", "w"))


@pytest.mark.parametrize("suffix", [".pt", ".pth", ".bin", ".safetensors"])
@pytest.mark.parametrize("how", ["torch", "pickle", "inside"])
def test_a_malicious_pickle_is_refused_and_not_run(how, suffix, folder):
    path = folder["folder"] / f"evil{suffix}"
    if how == "pickle":
        path.write_bytes(pickle.dumps({"w": Evil()}))
    else:
        content = {"state_dict": folder["Net"]().state_dict(), "hook": Evil()}
        torch.save(content if how == "inside" else Evil(), path)
    with pytest.raises(UserError) as error:
        read_state(path)
    assert "\n" not in str(error.value) and str(path) in str(error.value)
    assert not (folder["folder"] / "touched").exists()


def test_what_is_no_checkpoint_of_the_class_is_refused_in_one_line(folder, error_of):
    files = folder["folder"]
    (files / "text.pt").write_text("hello")
    (files / "cut.pt").write_bytes((files / "a.pt").read_bytes()[:300])
    torch.save([1, 2], files / "list.pt")
    for name, named in (
        ("none.pt", "no such file"),
        ("text.pt", "text.pt"),
        ("cut.pt", "not a checkpoint"),
        ("list.pt", "no state dict"),
    ):
        said = error_of("match", name, "b.pt", *NET, *SHAPE)
        assert name in said and named in said
    wide = folder["Net"](9).state_dict()
    torch.save(wide, files / "wide.pt")
    said = error_of("match", "a.pt", "wide.pt", *NET, *SHAPE)
    assert "first.weight is (9, 1, 3, 3), expected (6, 1, 3, 3)" in said and "more" in said
    torch.save(nn.Linear(3, 2).state_dict(), files / "other.pt")
    said = error_of("match", "a.pt", "other.pt", *NET, *SHAPE)
    assert "first.weight" in said and "missing" in said
    renamed = folder["Net"]().state_dict()
    renamed["haed.weight"] = renamed.pop("head.weight")
    torch.save(renamed, files / "typo.pt")
    said = error_of("match", "a.pt", "typo.pt", *NET, *SHAPE)
    assert "the closest to head.weight is haed.weight" in said
    broken = folder["Net"]().state_dict()
    broken["head.bias"][0] = float("nan")
    torch.save(broken, files / "nan.pt")
    assert "head.bias" in error_of("match", "a.pt", "nan.pt", *NET, *SHAPE)


# -- the commands ----------------------------------------------------------------------------


def test_match_writes_a_network_of_the_same_function(folder, capsys):
    command = ["match", "a.pt", "b.pt", *NET, *DATA, "--method", "am", "--output", "p.safetensors"]
    assert main(command) == 0
    printed = capsys.readouterr().out
    assert "first" in printed and "objective" in printed
    before, after = folder["Net"](), folder["Net"]()
    before.load_state_dict(torch.load("b.pt", weights_only=True))
    after.load_state_dict(load_file("p.safetensors"), strict=True)
    images = folder["batches"]()[0][0]
    with torch.no_grad():
        assert torch.allclose(before.eval()(images), after.eval()(images), atol=1e-5)
    assert not torch.equal(before.first.weight, after.first.weight)


def test_barrier_prints_the_losses_of_the_files(folder, capsys):
    assert main(["barrier", "a.pt", "b.pt", *NET, *DATA, "--points", "3", "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    network = folder["Net"]()
    network.load_state_dict(torch.load("a.pt", weights_only=True))
    loss, accuracy = evaluate(network, folder["batches"]())
    assert found["rows"][0] == {"t": 0.0, "loss": loss, "accuracy": accuracy}
    assert len(found["rows"]) == 3 and found["midpoint"] == found["rows"][1]["loss"]


@pytest.mark.parametrize("towards", ["first", "mean"])
def test_merge_writes_a_network_with_the_loss_that_it_prints(towards, folder, capsys):
    files = ["a.pt", "b.pt", "c.pt"]
    options = ["--towards", towards, "--output", "m.safetensors", "--json"]
    assert main(["merge", *files, *NET, *DATA, *options]) == 0
    found = json.loads(capsys.readouterr().out)
    losses = {row["network"]: row["loss"] for row in found["rows"]}
    assert list(losses) == [*files, "average", "merged"]
    merged = folder["Net"]()
    merged.load_state_dict(load_file("m.safetensors"), strict=True)
    assert evaluate(merged, folder["batches"]())[0] == pytest.approx(losses["merged"], rel=1e-5)


def test_registered_data_sets_are_data(folder, capsys):
    assert main(["barrier", "a.pt", "b.pt", *NET, "--data", "digits", "--points", "3"]) == 0
    assert "midpoint_barrier" in capsys.readouterr().out


def test_commands_refuse_in_one_line_and_write_nothing(folder, error_of):
    both = ["a.pt", "b.pt"]
    (folder["folder"] / "there.safetensors").write_text("")
    for command, named in (
        (["match", *both, *NET, *SHAPE, "--output", "there.safetensors"], "exists"),
        (["match", *both, *NET, *SHAPE, "--output", "x.pt"], "must end in .safetensors"),
        (["match", *both, *NET, *SHAPE, "--output", "no/x.safetensors"], "no folder"),
        (["match", *both, "--network", "nets.py:Nat", *SHAPE], "did you mean 'Net'"),
        (["match", *both, *NET, *SHAPE, "--arguments", "{wide: 3}"], "cannot be built"),
        (["match", *both, *NET, *SHAPE, "--method", "wm"], "unknown matcher 'wm'"),
        (["match", *both, *NET, *SHAPE, "--method", "am"], "needs activations"),
        (["match", *both, *NET, *SHAPE, "--options", "{start: 2}"], "'start'"),
        (["match", *both, *NET, "--data", "digit"], "'digits'"),
        (["match", *both, *NET, "--data", "nets.py:batch"], "'batches'"),
        (["barrier", *both, *NET], "--data is missing"),
        (["merge", "a.pt", *NET, *SHAPE, "--output", "x.safetensors"], "at least two"),
    ):
        assert named in error_of(*command), command
    assert not list(folder["folder"].glob("x*"))
    assert not list(folder["folder"].glob("*.unfinished"))


def test_tied_tensors_are_moved_once_and_interpolated(folder, capsys):
    """Also where one file has a tied tensor under one of its names, and the other under both."""
    for name, seed in (("a", 0), ("b", 1)):
        torch.manual_seed(seed)
        state = {k: v.clone() for k, v in folder["Tied"]().state_dict().items()}
        if name == "a":
            del state["out.weight"]
        save_file(state, f"{name}.safetensors")
    (folder["folder"] / "words.py").write_text(
        "import torch\n\n\ndef batches():\n    stream = torch.Generator().manual_seed(0)\n"
        "    tokens = torch.randint(7, (30, 4), generator=stream)\n"
        "    return [(tokens, tokens[:, 0])]\n"
    )
    options = ["--network", "nets.py:Tied", "--data", "words.py:batches"]
    both = ["a.safetensors", "b.safetensors"]
    assert main(["match", *both, *options, "--output", "p.safetensors"]) == 0
    capsys.readouterr()
    assert (
        main(["barrier", "a.safetensors", "p.safetensors", *options, "--points", "3", "--json"])
        == 0
    )
    found = json.loads(capsys.readouterr().out)
    a, p = (fitted(read_state(f"{n}.safetensors"), folder["Tied"](), n) for n in "ap")
    middle = folder["Tied"]()
    middle.load_state_dict({k: (a[k] + p[k]) / 2 for k in a})
    space: dict = {}
    exec((folder["folder"] / "words.py").read_text(), space)
    assert found["midpoint"] == pytest.approx(evaluate(middle, space["batches"]())[0], rel=1e-5)


class Masked(nn.Module):
    """A network with batch norm and a mask that is not a parameter."""

    def __init__(self):
        super().__init__()
        self.first, self.norm = nn.Linear(16, 6), nn.BatchNorm1d(6)
        self.head = nn.Linear(6, 3)
        self.register_buffer("mask", torch.ones(6, dtype=torch.bool))

    def forward(self, images):
        return self.head(self.norm(self.first(images.flatten(1))).relu() * self.mask)


def test_counts_of_batches_may_have_become_floats(tmp_path):
    """As by ``{name: tensor.half()}``, where a large count is infinite."""
    network = Network(Masked(), (4, 4), 3)
    state = {n: t.half() if n != "mask" else t for n, t in network.module.state_dict().items()}
    state["norm.num_batches_tracked"] = torch.tensor(torch.inf).half()
    torch.save(state, tmp_path / "a.pt")
    read = read_states([tmp_path / "a.pt"], network)[0]
    written = whole_state(in_float32(read, network), network, read)
    assert set(written) == set(state)
    for name, tensor in state.items():
        assert written[name].dtype == tensor.dtype and torch.equal(written[name], tensor), name


def test_integers_that_the_module_would_not_have_are_refused(tmp_path, one_line):
    network = Network(Masked(), (4, 4), 3)
    state = network.module.state_dict() | {"mask": torch.arange(6) < 3}
    torch.save(state, tmp_path / "a.pt")
    with pytest.raises(UserError) as error:
        read_states([tmp_path / "a.pt"], network)
    one_line(error, "a.pt", "mask differs")
