"""Every rule, alone, through snakemake: stored inputs in, stored expectations out.

The stored files are those of one small run (config.yaml, regenerate.py). A test takes them, lacks
the files that its rule makes, and lets snakemake run that rule and no other.
"""

import re
import shutil
from pathlib import Path

import pandas as pd
import pytest

from comparing import assert_same
from support import REPOSITORY, snakemake, succeeds

HERE = Path(__file__).parent
STORED = HERE / "stored"
RUN = "results/small/*/*"
TRAINED = "results/small/*/learning_rate-*"
FIGURES = "paper_figures/small"

# Rule -> what it makes, and the allowed difference of its numbers. Training repeats sums of
# float32 whose order differs between processors; what runs stored networks (the matchers run
# those with convolutions) differs in the last digits of float32, which layer normalisation
# magnifies where its input hardly varies; the rest in those of float64.
RULES = {
    "prepare_dataset": (["results/small/datasets/*"], 0),
    "train": (
        [f"{TRAINED}/checkpoints.parquet", f"{TRAINED}/history.parquet"],
        1e-4,
    ),
    "record_activations": ([f"{RUN}/activations"], 1e-5),
    "derive_groups": (["results/small/groups/*", f"{FIGURES}/groups/*"], 0),
    "match": (
        [f"{RUN}/{kind}.parquet" for kind in ("permutations", "objectives", "dimensions")],
        1e-6,
    ),
    "import_checkpoints": (
        [f"results/small/digits-given/*/{kind}.parquet" for kind in ("checkpoints", "history")],
        1e-5,
    ),
    "merge": ([f"{RUN}/merged", f"{RUN}/merged.parquet"], 1e-5),
    "collect_merged": ([f"{FIGURES}/merged.csv"], 1e-12),
    "evaluate_path": ([f"{RUN}/path.parquet"], 1e-5),
    "match_all_pairs": (
        [f"{RUN}/all_pairs/{kind}.parquet" for kind in ("permutations", "objectives")],
        1e-6,
    ),
    "evaluate_midpoints": ([f"{RUN}/all_pairs/midpoints.parquet"], 1e-5),
    "collect": (["results/small/results.parquet", f"{FIGURES}/results.csv"], 1e-12),
    "tabulate_panel": ([f"{FIGURES}/figure*.csv"], 1e-12),
    "draw_figure": ([f"{FIGURES}/figure*.png"], 0),
    "compare_published": ([f"{FIGURES}/comparison.*"], 1e-12),
    "measure_theory": (["results/small/theory/*"], 1e-12),
    "tabulate_theory": ([f"{FIGURES}/theory_*.csv"], 1e-12),
    "draw_theory": ([f"{FIGURES}/theory_*.png"], 0),
}


def test_every_rule_has_its_test():
    rules = {
        name
        for path in (REPOSITORY / "rules").glob("*.smk")
        for name in re.findall(r"^(?:rule|use rule \w+ as) (\w+)\b", path.read_text(), re.MULTILINE)
    } - {"theory"}  # a target: it makes nothing of its own
    assert rules == set(RULES)


@pytest.mark.parametrize("rule", RULES)
def test_rule(rule, tmp_path):
    patterns, relative = RULES[rule]
    shutil.copytree(STORED, tmp_path, dirs_exist_ok=True)
    targets = [path.relative_to(STORED) for pattern in patterns for path in STORED.glob(pattern)]
    for target in targets:
        made = tmp_path / target
        shutil.rmtree(made) if made.is_dir() else made.unlink()
    output = succeeds(
        snakemake(tmp_path, *targets, "--configfile", HERE / "config.yaml", "--allowed-rules", rule)
    )
    for target in targets:
        expected = STORED / target
        inside = sorted(file for file in expected.rglob("*.*") if file.suffix)
        for file in inside if expected.is_dir() else [expected]:
            assert_same(tmp_path / file.relative_to(STORED), file, relative)
    assert set(re.findall(r"^(\w+) +\d+$", output, re.MULTILINE)) == {rule, "total"}


def test_the_papers_pairs_are_among_all_pairs_with_the_same_losses():
    run = STORED / "results/small/digits-mlp/learning_rate-1.000e-01"
    keys = ["matcher", "network_a", "network_b", "split", "t"]
    read = [
        pd.concat([pd.read_parquet(path) for path in sorted(run.glob(pattern))]).set_index(keys)
        for pattern in ("path.parquet", "all_pairs/midpoints.parquet")
    ]
    paths, all_pairs = (frame[["loss", "accuracy"]] for frame in read)
    shared = all_pairs.index.intersection(paths.index)
    assert len(shared) == 4 * 2 * 2 * 3  # matchers, pairs, splits, points
    pd.testing.assert_frame_equal(all_pairs.loc[shared], paths.loc[shared], rtol=1e-5)


@pytest.mark.parametrize("kind", ["pdf", "svg"])
def test_figures_embed_their_fonts_and_are_redrawn_byte_for_byte(kind, tmp_path):
    drawn = []
    for name in ("first", "second"):
        folder = tmp_path / name
        for part in (FIGURES, "results/small/panels"):
            shutil.copytree(STORED / part, folder / part)
        target = f"{FIGURES}/figure1.{kind}"
        succeeds(
            snakemake(folder, target, "--configfile", HERE / "config.yaml",
                      "--allowed-rules", "draw_figure")
        )  # fmt: skip
        drawn.append((folder / target).read_bytes())
    assert drawn[0] == drawn[1]
    if kind == "pdf":
        assert b"/FontFile2" in drawn[0]
    else:
        assert b"font-family" not in drawn[0]
