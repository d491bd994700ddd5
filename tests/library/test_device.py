"""Where the arithmetic runs."""

import pytest
import torch

from lmc_ot.errors import ConfigError, UserError
from lmc_ot.training import device


def only(monkeypatch, *there):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: "cuda" in there)
    monkeypatch.setattr(torch.backends.mps, "is_available", lambda: "mps" in there)


@pytest.mark.parametrize(
    ("there", "taken"),
    [((), "cpu"), (("mps",), "mps"), (("cuda",), "cuda"), (("cuda", "mps"), "cuda")],
)
def test_auto_takes_a_card_where_there_is_one(monkeypatch, there, taken):
    only(monkeypatch, *there)
    assert device.resolve("auto").type == taken


def test_a_device_that_is_there_is_taken(monkeypatch):
    only(monkeypatch, "cuda")
    assert device.resolve("cpu") == torch.device("cpu")
    assert device.resolve("cuda:0") == torch.device("cuda:0")


@pytest.mark.parametrize("name", ["cuda", "cuda:1", "mps", "tpu"])
def test_a_device_that_is_not_there_is_refused_in_one_line(monkeypatch, name, one_line):
    only(monkeypatch)
    with pytest.raises(ConfigError) as error:
        device.resolve(name)
    one_line(error, "device", repr(name))


def test_a_device_is_described_for_the_tables(monkeypatch):
    assert device.describe(torch.device("cpu")) == "cpu"
    monkeypatch.setattr(torch.cuda, "get_device_name", lambda which: "a card")
    assert device.describe(torch.device("cuda")) == "cuda (a card)"


# -- memory that does not suffice --------------------------------------------------------------


def limited(largest, seen):
    """Something to run that needs as much memory as it has items."""

    def run(part):
        seen.append(len(part))
        if len(part) > largest:
            raise torch.OutOfMemoryError("CUDA out of memory.")
        return [item * 10 for item in part]

    return run


@pytest.mark.parametrize(
    ("items", "at_once", "largest", "tried"),
    [
        (8, None, 8, [8]),
        (8, 3, 8, [3, 3, 2]),
        (8, None, 4, [8, 4, 4]),
        (7, None, 2, [7, 4, 2, 2, 2, 1]),
        (5, 2, 1, [2, 1, 1, 1, 1, 1]),
        (3, 100, 100, [3]),
    ],
)
def test_half_as_many_where_memory_does_not_suffice(items, at_once, largest, tried):
    seen, lines = [], []
    parts = device.run_in_batches(
        range(items), at_once, limited(largest, seen), "networks", lines.append
    )
    assert [item for part in parts for item in part] == [item * 10 for item in range(items)]
    assert seen == tried
    assert len(lines) == sum(size > largest for size in tried)
    if lines:
        assert lines[0] == (
            f"out of memory with {tried[0]} networks at once: halving to {tried[1]}"
        )


def test_memory_that_does_not_suffice_for_one_is_an_error_in_one_line(one_line):
    with pytest.raises(UserError) as error:
        device.run_in_batches([1, 2], None, limited(0, []), "networks", lambda line: None)
    one_line(error, "device", "one of the networks", "device: cpu")


def test_other_errors_are_not_taken_for_it():
    def run(part):
        raise RuntimeError("something else")

    with pytest.raises(RuntimeError, match="something else"):
        device.run_in_batches([1, 2], None, run, "networks")
