"""Seconds and memory of matching large networks of torchvision, and what is found again.

ResNet50 (25 million parameters) and ViT-B/16 (86 million) are matched by weights, and ResNet18 by
activations, with the defaults. A has random initial parameters. B is A with a random permutation of
all its groups and heads, plus normal noise of 1 % of each tensor's standard deviation. With
`--unrelated` it has other initial parameters, which takes more visits. Every pair has a process of
its own.

    .venv/bin/python benchmarks/large.py --threads 2 --output
"""

import argparse
import json
import os
import resource
import subprocess
import sys
import time
from contextlib import ExitStack, contextmanager
from functools import reduce
from importlib import import_module
from unittest.mock import patch

import numpy as np
import pandas as pd
from common import machine, publish

KIB_PER_GB = 1e9 / 1024
# Name -> the method, the side of the images, their number, and the goals: seconds, and GB.
CASES = {
    "resnet50": ("weight_matching", 224, 2, 60, 4),
    "vit_b_16": ("weight_matching", 224, 2, 300, 8),
    "resnet18": ("am", 64, 2000, 120, None),
}
# Part -> the module and the names in it of the functions that it consists of.
PARTS = {
    "derive": [("lmc_ot.merging.match", "derive"), ("lmc_ot.merging.match", "Graph")],
    "similarities": [
        ("lmc_ot.matching.weight_matching", "WeightMatching.similarity"),
        ("lmc_ot.matching.naive_wm", "similarity_of_weights"),
    ],
    "moments": [("lmc_ot.matching.forward", "StreamedMoments.cross")],
    "assign": [("lmc_ot.matching.iterative", "assign"), ("lmc_ot.matching.layerwise", "assign")],
    "permute": [
        ("lmc_ot.matching.iterative", "permute"),
        ("lmc_ot.matching.layerwise", "permute"),
        ("lmc_ot.merging.match", "permute"),
        ("lmc_ot.merging.match", "with_state"),
    ],
    "check": [("lmc_ot.merging.match", "_check_same")],
}


@contextmanager
def timed():
    """Time the parts of what runs inside; yields part -> seconds."""
    seconds = dict.fromkeys(PARTS, 0.0)

    def timing(part, function):
        def run(*arguments, **options):
            begin = time.perf_counter()
            try:
                return function(*arguments, **options)
            finally:
                seconds[part] += time.perf_counter() - begin

        return run

    with ExitStack() as stack:
        for part, places in PARTS.items():
            for module, path in places:
                *owners, name = path.split(".")
                owner = reduce(getattr, owners, import_module(module))
                function = timing(part, getattr(owner, name))
                stack.enter_context(patch.object(owner, name, function))
        yield seconds


def pair_of(name: str, images, unrelated: bool):
    """Two networks in evaluation mode, and the permutations that turn B into A, if it is planted.

    Running statistics are those of some of the images, as after training: units that no image
    activates would be tied for activation matching. They have no noise, since they are measured.
    """
    import torch
    import torchvision

    from lmc_ot.merging.match import groups as groups_of
    from lmc_ot.merging.modules import recompute_batch_norms
    from lmc_ot.networks.groups.apply import inverse, permute, random

    torch.manual_seed(0)
    a, b = (getattr(torchvision.models, name)().eval() for _ in range(2))
    for network in (a, b):
        recompute_batch_norms(network, [(images[:100],)])
    if unrelated:
        return a, b, {}
    groups = groups_of(a, images[:2])
    planted = random(groups, np.random.default_rng(0))
    b.load_state_dict(permute(a.state_dict(), groups, planted))
    with torch.no_grad():
        for tensor in b.parameters():
            tensor += 0.01 * tensor.std(correction=0) * torch.randn_like(tensor)
    return a, b, inverse(planted)


def measure(name: str, threads: int, unrelated: bool) -> dict:
    """One row of the table, measured in this process."""
    import torch
    from threadpoolctl import threadpool_limits

    import lmc_ot

    torch.set_num_threads(threads)
    method, side, count, seconds, gigabytes = CASES[name]
    images = torch.randn(count, 3, side, side)
    a, b, planted = pair_of(name, images, unrelated)
    data = [(part,) for part in images.split(100)]
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    begin, processor = time.perf_counter(), time.process_time()
    with threadpool_limits(threads), timed() as parts:
        found = lmc_ot.match(a, b, method=method, data=data).permutations
    total, processor = time.perf_counter() - begin, time.process_time() - processor
    correct = sum(int((found[group] == p).sum()) for group, p in planted.items())
    units = sum(map(len, found.values()))
    return {
        "network": name,
        "B": "unrelated" if unrelated else "planted",
        "matcher": method,
        **{f"{part} s": value for part, value in parts.items()},
        "rest s": total - sum(parts.values()),
        "total s": total,
        "goal s": seconds,
        "total CPU s": processor,
        "GB before": before / KIB_PER_GB,
        "peak GB": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / KIB_PER_GB,
        "goal GB": gigabytes,
        "units found again": None if unrelated else f"{correct:,} of {units:,}",
    }


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("networks", nargs="*", help="default: all", default=list(CASES))
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--unrelated", action="store_true", help="B is not a copy of A")
    parser.add_argument("--one", action="store_true", help=argparse.SUPPRESS)
    parser.add_argument("--output", action="store_true", help="write benchmarks/results/")
    options = parser.parse_args()
    if options.one:
        print(json.dumps(measure(options.networks[0], options.threads, options.unrelated)))
        sys.exit()
    rows = []
    for network in options.networks:
        command = [sys.executable, __file__, "--one", network, "--threads", str(options.threads)]
        command += ["--unrelated"] if options.unrelated else []
        answer = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True)
        rows.append(json.loads(answer.stdout.splitlines()[-1]))
        print(rows[-1], file=sys.stderr, flush=True)
    load = ", ".join(f"{one:.1f}" for one in os.getloadavg())
    notes = [machine(), f"Threads: {options.threads}. One run of every pair. Load: {load}."]
    name = "large_unrelated" if options.unrelated else "large"
    publish(name, pd.DataFrame(rows), notes, options.output)
