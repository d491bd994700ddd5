"""No job computes on more threads than its rule was given."""

import json

from support import REPOSITORY, succeeds
from support import snakemake as run_snakemake

SNAKEFILE = """
rule probe:
    output:
        found="found{threads}.json",
    log:
        "probe{threads}.log",
    threads: lambda wildcards: int(wildcards.threads)
    script:
        "probe.py"
"""

SCRIPT = f"""
import json
import sys

sys.path.insert(0, {str(REPOSITORY / "workflow/scripts")!r})

from adapter import execute
from threadpoolctl import threadpool_info

import numpy, pyarrow, scipy.linalg, sklearn.utils, torch


def probe(found):
    pools = {{p["filepath"].rsplit("/", 1)[-1]: p["num_threads"] for p in threadpool_info()}}
    pools["torch"] = torch.get_num_threads()
    pools["torch, between operations"] = torch.get_num_interop_threads()
    pools["pyarrow"] = pyarrow.cpu_count()
    with open(found, "w") as file:
        json.dump(pools, file)


if "snakemake" in globals():
    execute(probe, snakemake)
"""


def test_every_pool_has_the_threads_of_the_rule(tmp_path):
    (tmp_path / "Snakefile").write_text(SNAKEFILE)
    (tmp_path / "probe.py").write_text(SCRIPT)
    targets = {threads: f"found{threads}.json" for threads in (1, 2)}
    # What a user's shell may say is not what the rule was given.
    succeeds(
        run_snakemake(tmp_path, *targets.values(), repository=tmp_path, OMP_NUM_THREADS="7")
    )  # fmt: skip
    for threads, target in targets.items():
        pools = json.loads((tmp_path / target).read_text())
        assert len(pools) >= 5, pools
        assert set(pools.values()) == {threads}, pools
