"""The script of rule match, called as by the adapter: what `freeze` does to its tables."""

import pytest
from match import match

from lmc_ot import tables
from lmc_ot.data.table import write_dataset
from lmc_ot.networks.groups.table import write_groups

RUN = {
    "experiment": "e", "axis": "training.learning_rate", "value": 0.1,
    "config_hash": "0" * 16, "seed": 0,
}  # fmt: skip
NAMES = ("permutations", "objectives", "dimensions")


@pytest.mark.parametrize("frozen", [[], ["layers.0"]])
def test_frozen_groups_are_described_but_not_permuted(
    frozen, clusters, trained, groups_of, tmp_path
):
    """Others keep their order in the network, and read what frozen groups compute."""
    networks = dict(enumerate(trained[1:]))
    inputs = {name: tmp_path / f"{name}.parquet" for name in ("checkpoints", "groups", "dataset")}
    tables.write_checkpoints(inputs["checkpoints"], networks, RUN, "cpu", [])
    write_groups(inputs["groups"], groups_of(networks[0]), {})
    write_dataset(inputs["dataset"], clusters, {})
    outputs = {name: tmp_path / f"{name}.parquet" for name in NAMES}
    matchers = {"naive_wm": {"name": "naive_wm"}, "sigma_wm": {"name": "sigma_wm"}}
    block = {"name": "mlp", "hidden_widths": [16, 12]}
    match(
        **inputs,
        **outputs,
        matchers=matchers,
        freeze=frozen,
        pairs=[(0, 1)],
        streamed={"network": block, "examples": None, "device": "cpu"},
        recording=[],
        run=RUN,
        code=dict.fromkeys(matchers, "code"),
    )
    found = {name: tables.read(name, path).to_pandas() for name, path in outputs.items()}
    layers = {name: set(frame["layer"]) for name, frame in found.items()}
    permuted = {2} if frozen else {1, 2}
    assert layers == {"permutations": permuted, "objectives": permuted, "dimensions": {1, 2}}
    assert set(found["objectives"]["matcher"]) == set(matchers)
