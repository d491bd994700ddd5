"""Feeds mutated files to every reader: each is refused in one line, or read rightly.

    .venv/bin/python tests/fuzz/fuzz.py --examples 20000 [--seed 7] [config user-png ...]

Every reader works in a process of its own, under limits of memory and time. The mutated file is on
disk before it is read; of a process that dies, or of an example that fails, the folder stays.
Without a seed the examples are the same every time.
"""

import argparse
import faulthandler
import hashlib
import json
import os
import resource
import shutil
import subprocess
import sys
import tempfile
import traceback
import warnings
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path[:0] = [str(HERE), str(HERE.parent), str(HERE.parents[1] / "workflow/scripts")]

# Also on a machine that is busy with other work.
SECONDS_AN_EXAMPLE = float(os.environ.get("LMC_FUZZ_SECONDS", 60))
MEMORY = 12 << 30  # of addresses: torch alone takes 5


def fingerprint(value) -> str:
    """A digest of what was read, to the last bit."""
    import numpy as np
    import pandas as pd
    import pyarrow as pa

    def text(x) -> str:
        if isinstance(x, pa.Table):
            return f"{x.schema} {x.to_pydict()!r}"
        if isinstance(x, pd.DataFrame):
            return f"{x.dtypes.to_dict()} {x.to_dict('list')!r}"
        if isinstance(x, np.ndarray):
            return f"{x.dtype} {x.shape} {hashlib.sha256(x.tobytes()).hexdigest()}"
        if isinstance(x, dict):
            return "{" + ", ".join(f"{text(k)}: {text(v)}" for k, v in x.items()) + "}"
        if isinstance(x, list | tuple):
            return "[" + ", ".join(map(text, x)) + "]"
        return text(vars(x)) if hasattr(x, "__dict__") else repr(x)

    return hashlib.sha256(text(value).encode(errors="surrogatepass")).hexdigest()


def outcome(target, case: str, folder: Path, expected: str) -> str:
    """What a reader makes of the files in a folder. AssertionError if that is not allowed."""
    from lmc_ot.errors import UserError

    try:
        value = target.read(case, folder)
    except UserError as error:
        text = str(error)
        assert text and len(text.splitlines()) == 1, f"not one line: {text[:500]!r}"
        assert len(text) < 1000, f"a line of {len(text)} characters: {text[:500]!r}"
        return "refused in one line"
    target.holds(value)
    if fingerprint(value) == expected:
        return "read as before"
    assert not target.exact, "other data were read, and nothing was said"
    return "read as other data that hold"


def fuzz(name: str, examples: int, seed: int | None, folder: Path) -> dict:
    """Feed one reader. Returns the number of distinct files and of every outcome."""
    from hypothesis import HealthCheck, Phase, given, settings
    from hypothesis import seed as seeded
    from hypothesis import strategies as st

    from lmc_ot.tables import seal
    from mutations import mutated
    from targets import TARGETS

    target = TARGETS[name]
    originals, partners, expected = {}, {}, {}
    for case in target.cases:
        place = folder / (case.replace(" ", "_").replace(",", "") or "case")
        for variant, contents in ((1, partners), (0, originals)):
            place.mkdir(parents=True, exist_ok=True)
            files = target.make(case, variant, place)
            contents[case] = (place, {file: (place / file).read_bytes() for file in files})
        value = target.read(case, place)
        target.holds(value)
        expected[case] = fingerprint(value)
    outcomes, seen = Counter(), set()

    @st.composite
    def examples_of(draw):
        case = draw(st.sampled_from(target.cases))
        file = draw(st.sampled_from(sorted(originals[case][1])))
        content, partner = originals[case][1][file], partners[case][1][file]
        return case, file, draw(mutated(content, partner, target.kind))

    @settings(
        max_examples=examples,
        database=None,
        deadline=None,
        derandomize=seed is None,
        suppress_health_check=list(HealthCheck),
        phases=[Phase.generate, Phase.shrink],
        print_blob=False,
    )
    @given(examples_of())
    def run(example):
        case, file, content = example
        place, files = originals[case]
        if content in (files[file], partners[case][1][file]):
            return
        key = (case, file, hashlib.sha256(content).digest())
        new = key not in seen
        seen.add(key)
        (place / file).write_bytes(content)
        (folder / "last").write_text(f"{case!r}: {place / file}\n")
        seal._check.cache_clear()  # two files within one tick of the clock look alike
        faulthandler.dump_traceback_later(SECONDS_AN_EXAMPLE, exit=True)
        try:
            outcomes[outcome(target, case, place, expected[case])] += new
        except BaseException:
            (folder / "failing").write_bytes(content)
            (folder / "why").write_text(f"{case!r}: {place / file}\n{traceback.format_exc()}")
            raise
        finally:
            faulthandler.cancel_dump_traceback_later()
            (place / file).write_bytes(files[file])

    if seed is not None:
        run = seeded(seed)(run)
    result = {"name": name, "outcomes": outcomes, "failure": None}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            run()
        except BaseException:
            why = folder / "why"  # what hypothesis says holds the whole file
            said = why.read_text() if why.exists() else traceback.format_exc()
            result["failure"] = f"{folder / 'failing'} instead of {said}"
    return {**result, "files": len(seen)}


def work(name: str, examples: int, seed: int | None, folder: Path) -> None:
    """What a process of its own does: one reader, its result into a file."""
    faulthandler.enable()
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))
    with open(os.devnull, "w") as nothing:
        said, sys.stdout = sys.stdout, nothing
        result = fuzz(name, examples, seed, folder)
        sys.stdout = said
    (folder / "result.json").write_text(json.dumps(result))


def start(name: str, examples: int, seed: int | None, timeout: float | None = None) -> dict:
    """Run `work` in a process. A process that dies is a failure, too."""
    folder = Path(tempfile.mkdtemp(prefix=f"fuzz-{name}-"))
    command = [sys.executable, __file__, "--worker", str(folder), "--examples", str(examples), name]
    command += [] if seed is None else ["--seed", str(seed)]
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=timeout)
        code, said = done.returncode, done.stdout + done.stderr
    except subprocess.TimeoutExpired:
        code, said = "none: it ran out of time", ""
    try:
        result = json.loads((folder / "result.json").read_text())
    except OSError:
        last = (folder / "last").read_text() if (folder / "last").exists() else "none"
        failure = f"the process died (exit code {code}) of the file of case {last}{said[-5000:]}"
        return {"name": name, "files": 0, "outcomes": {}, "failure": failure}
    if result["failure"] is None:
        shutil.rmtree(folder)
    return result


def run_all(examples: int, seed: int | None = None, names=(), timeout=None) -> dict[str, dict]:
    """Feed all readers, or those named; two at a time. Reader -> its result."""
    from targets import TARGETS

    names = list(names) or list(TARGETS)
    total = sum(TARGETS[name].share for name in names)
    shares = {name: -(-examples * TARGETS[name].share // total) for name in names}
    with ThreadPoolExecutor(2) as pool:
        # The largest first: the last of them would leave the other core idle.
        order = sorted(names, key=lambda name: -shares[name])
        done = pool.map(lambda name: start(name, shares[name], seed, timeout), order)
        found = {result["name"]: result for result in done}
    return {name: found[name] for name in names}


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--examples", type=int, default=10_000, help="mutated files in total")
    parser.add_argument("--seed", type=int, help="other examples")
    parser.add_argument("--worker", type=Path, help=argparse.SUPPRESS)
    parser.add_argument("readers", nargs="*", help="all by default")
    asked = parser.parse_args()
    if asked.worker:
        work(asked.readers[0], asked.examples, asked.seed, asked.worker)
        sys.exit()
    results = run_all(asked.examples, asked.seed, asked.readers)
    kinds = ["refused in one line", "read as before", "read as other data that hold"]
    print(f"{'reader':14}{'files':>8}" + "".join(f"{kind:>30}" for kind in kinds))
    for name, result in results.items():
        counts = "".join(f"{result['outcomes'].get(kind, 0):30,}" for kind in kinds)
        print(f"{name:14}{result['files']:8,}{counts}" + (" FAILED" if result["failure"] else ""))
    print(f"{'all':14}{sum(result['files'] for result in results.values()):8,}")
    for name, result in results.items():
        if result["failure"]:
            print(f"\n== {name} ==\n{result['failure']}")
    sys.exit(any(result["failure"] for result in results.values()))
