"""How long it takes to derive and verify the groups of usual architectures.

Seconds of `derive` (export, walk, groups), of one check of the function with four controls, the
largest memory of the process, the number of groups, and how exact the check is. Every network has
a process of its own.

    .venv/bin/python benchmarks/groups.py resnet50 vit_b_16
"""

import argparse
import json
import resource
import subprocess
import sys
import time

import pandas as pd
from common import SCRIPTS, machine, publish

sys.path.insert(0, str(SCRIPTS.parents[1] / "tests/library"))
FULL = {"resnet50": [3, 224, 224], "vit_b_16": [3, 224, 224]}


def measure(name: str) -> dict:
    """One row of the table; the two networks of the goals at their full resolution."""
    import torch
    import torchvision
    from zoo_networks import zoo_network

    from lmc_ot.networks.groups.derive import derive
    from lmc_ot.networks.groups.verify import verify

    torch.set_num_threads(1)
    if name in FULL:
        module = getattr(torchvision.models, name)().eval()
        inputs = torch.randn(2, *FULL[name])
    else:
        module, inputs = zoo_network(name)
    begin = time.process_time()
    groups = derive(module, inputs)
    processor = time.process_time() - begin
    begin, before = time.perf_counter(), time.process_time()
    found = verify(module, inputs, groups, controls=4)
    return {
        "network": name,
        "input": " x ".join(map(str, inputs.shape[1:])),
        "sets": groups.symmetric_sets,
        "families": len(groups.families),
        "derive s": groups.seconds,
        "derive CPU s": processor,
        "verify s": time.perf_counter() - begin,
        "verify CPU s": time.process_time() - before,
        "error": found.error,
        "smallest control": found.smallest_change,
        "peak GB": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20,
    }


if __name__ == "__main__":
    from zoo_networks import ZOO

    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("networks", nargs="*", help="default: all of the zoo", default=list(ZOO))
    parser.add_argument("--one", action="store_true", help=argparse.SUPPRESS)
    parser.add_argument("--output", action="store_true", help="write benchmarks/results/")
    arguments = parser.parse_args()
    if arguments.one:
        print(json.dumps(measure(*arguments.networks)))
        sys.exit()
    rows = []
    for network in arguments.networks:
        command = [sys.executable, __file__, "--one", network]
        answer = subprocess.run(command, check=True, capture_output=True, text=True)
        rows.append(json.loads(answer.stdout.splitlines()[-1]))
        print(rows[-1], file=sys.stderr, flush=True)
    notes = [machine(), "1 thread; goals: resnet50 in 10 s, vit_b_16 in 20 s, all below 8 GB."]
    publish("groups", pd.DataFrame(rows), notes, arguments.output)
