"""Seconds and memory of Sigma-WM on a pair of VGG16 networks, with activations computed on the fly.

The benchmark covers all 15 hidden layers, 13 of which are convolutions, at width 16 over 2,000
images of 32 x 32 x 3: the moments that ``workflow/scripts/match.py`` computes, and the assignments.
Images and networks are random, since the time of a forward pass does not depend on the weights.
Every measurement runs in its own process, so that the peak memory belongs to it.
"""

import argparse
import multiprocessing
import resource
import statistics
import sys
import time
from concurrent.futures import ProcessPoolExecutor

import common
import numpy as np
import pandas as pd
import torch
from threadpoolctl import threadpool_limits

from lmc_ot.matching import REGISTRY
from lmc_ot.matching.forward import StreamedMoments
from lmc_ot.matching.matcher import match
from lmc_ot.networks.build import build_for
from lmc_ot.networks.graph import Graph
from lmc_ot.networks.groups.derive import derive

SHAPE = (32, 32, 3)
MATCHERS = ("sigma_wm", "am")
# The unit of getrusage's ru_maxrss: bytes on macOS, kibibytes elsewhere.
GIB = 1 << (30 if sys.platform == "darwin" else 20)


def measure(name: str, width: int, examples: int, threads: int) -> dict[str, float]:
    """Run one matcher on one pair in this process; return the seconds by part, and GiB."""
    torch.set_num_threads(threads)
    network = build_for({"name": "vgg16", "width": width}, SHAPE, 10)
    networks = [network.initial(0, 0.1, number) for number in range(2)]
    images = np.random.default_rng(0).random((examples, 3072), np.float32)
    example = network.images(torch.from_numpy(images[:2]))
    groups, graph = derive(network.module, example), Graph(network.module, example)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    matcher = REGISTRY.build({"name": name})
    similarity, moments_seconds = matcher.similarity, []

    def timed(visit):
        begin = time.perf_counter()
        found = similarity(visit)
        moments_seconds.append(time.perf_counter() - begin)
        return found

    matcher.similarity = timed
    with threadpool_limits(threads):
        begin = time.perf_counter()
        moments = [StreamedMoments(network, graph, groups, one, images) for one in networks]
        found = match(matcher, *networks, groups, *moments)
        total = time.perf_counter() - begin
    assert len(found.permutations) == 15
    return {
        "moments s": sum(moments_seconds),
        "assignments s": total - sum(moments_seconds),
        "total s": total,
        "GiB before": before / GIB,
        "peak GiB": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / GIB,
    }


def alone(*arguments) -> dict[str, float]:
    """Run `measure` in a separate process."""
    with ProcessPoolExecutor(1, multiprocessing.get_context("spawn")) as process:
        return process.submit(measure, *arguments).result()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--width", type=int, default=16)
    parser.add_argument("--examples", type=int, default=2000)
    parser.add_argument("--threads", type=int, nargs="+", default=[1, 2])
    parser.add_argument("--turns", type=int, default=3)
    parser.add_argument(
        "--output", action="store_true", help="write benchmarks/results/streaming.*"
    )
    options = parser.parse_args()

    cases = [(threads, name) for threads in options.threads for name in MATCHERS]
    taken = {case: [] for case in cases}
    for _ in range(options.turns):
        for threads, name in cases:
            taken[threads, name].append(alone(name, options.width, options.examples, threads))
    rows = [
        {
            "threads": threads,
            "matcher": name,
            **{part: statistics.median(turn[part] for turn in turns) for part in turns[0]},
        }
        for (threads, name), turns in taken.items()
    ]
    notes = [
        common.machine(),
        f"One pair of VGG16 at width {options.width}, {options.examples:,} images, medians of "
        f"{options.turns} interleaved turns. Memory is that of the process, including "
        "torch and the images.",
    ]
    common.publish("streaming", pd.DataFrame(rows), notes, options.output)


if __name__ == "__main__":
    main()
