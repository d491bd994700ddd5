"""What the README says can be done, done."""

import re

import numpy as np

from lmc import tables
from support import REPOSITORY, snakemake, succeeds

from .conftest import reduced_default, write_config

README = (REPOSITORY / "README.md").read_text()
BLOCKS = re.findall(r"```python\n(.*?)```", README, re.DOTALL)


def test_a_new_matcher_is_one_file_and_one_line(finished):
    matching = finished / "workflow/scripts/lmc/matching"
    (matching / "sign.py").write_text(next(block for block in BLOCKS if "SignMatching" in block))
    line = re.search(r'`("sign": .*?,)`', README)[1]
    registry = matching / "__init__.py"
    registry.write_text(registry.read_text().replace('"identity": ', f'{line}\n"identity": ', 1))
    config = reduced_default()
    config["experiments"]["digits-pair"]["matchers"]["sign"] = {}
    write_config(finished, config)
    output = succeeds(snakemake(finished, repository=finished))
    assert re.search(r"^match +1$", output, re.MULTILINE)
    assert not re.search(r"^train +\d+$", output, re.MULTILINE)
    results = tables.read("results", finished / "results/default/results.parquet").to_pandas()
    assert "sign" in set(results["matcher"])


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
