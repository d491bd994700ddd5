"""Where the arithmetic runs."""

import pytest
import torch

from lmc import device
from lmc.errors import ConfigError


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
