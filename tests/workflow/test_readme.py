"""What the README says can be done, done."""

import re

import numpy as np

from lmc_ot import tables
from support import REPOSITORY, snakemake, succeeds

from .conftest import reduced_default, write_config

README = (REPOSITORY / "README.md").read_text()
BLOCKS = re.findall(r"```python\n(.*?)```", README, re.DOTALL)


def test_a_new_matcher_network_and_data_set_are_a_file_and_a_line_each(finished):
    library = finished / "workflow/scripts/lmc_ot"
    for path in ("matching/sign.py", "networks/tanh.py", "data/parity.py"):
        name = path.rsplit("/")[-1].removesuffix(".py")
        block = re.search(rf"`lmc_ot/{path}`.*?```python\n(.*?)```", README, re.DOTALL)[1]
        (library / path).write_text(block)
        registry = (library / path).with_name("__init__.py")
        line = re.search(rf'`("{name}": .*?,)`', README, re.DOTALL)[1]
        changed = re.sub(r"(__name__,\n    {)", rf"\1\n{line}", registry.read_text(), count=1)
        registry.write_text(changed)
    config = reduced_default()
    pair = config["experiments"]["digits-pair"]
    pair["matchers"]["sign"] = {}
    network = {"name": "tanh", "hidden_widths": [6]}
    config["experiments"]["parity"] = pair | {"dataset": {"name": "parity"}, "network": network}
    write_config(finished, config)
    output = succeeds(
        snakemake(finished, "results/default/results.parquet", repository=finished)
    )  # fmt: skip
    # The new matcher on the old experiment, and all of the new one: nothing old runs again.
    matchers = len(pair["matchers"])
    assert re.search(rf"^match +{1 + matchers}$", output, re.MULTILINE)
    assert re.search(r"^train +1$", output, re.MULTILINE)
    results = tables.read("results", finished / "results/default/results.parquet").to_pandas()
    assert {("digits-pair", "sign"), ("parity", "sign"), ("parity", "naive_wm")} <= set(
        zip(results["experiment"], results["matcher"], strict=True)
    )


def test_the_matchers_without_the_workflow():
    stream = np.random.default_rng(0)
    shapes = {(1, "weight"): (5, 3), (1, "bias"): (5,), (2, "weight"): (2, 5), (2, "bias"): (2,)}
    a, b = ({key: stream.normal(size=s) for key, s in shapes.items()} for _ in "ab")
    names = {"a": a, "b": b}
    exec(next(block for block in BLOCKS if "solver.match" in block), names)
    permutation = names["match"].permutations[1]
    assert np.array_equal(names["permuted"][1, "weight"], b[1, "weight"][permutation])


def test_every_path_it_names_is_there():
    for path in re.findall(r"`((?:config|envs|rules|tests|workflow|benchmarks)/[\w./-]*)`", README):
        assert (REPOSITORY / path).exists(), path
    for target in re.findall(r"\]\(([^)#]+)\)", README):
        assert (REPOSITORY / target).exists(), target
