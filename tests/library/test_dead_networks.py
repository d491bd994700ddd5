"""Networks with dead layers, and some that diverged: every panel and figure, no warning, no nan.

A warning is an error here, from the training to the last figure.
"""

import re
import warnings

import numpy as np
import pandas as pd
import pytest
import yaml
from collect import collect
from derive_groups import derive_groups
from evaluate_path import evaluate_path
from match import match
from matplotlib.text import Text
from record_activations import record_activations
from scipy.stats import spearmanr
from train import train

from lmc_ot import tables
from lmc_ot.config import labels
from lmc_ot.config.completion import complete
from lmc_ot.data.digits import digits
from lmc_ot.data.table import write_dataset
from lmc_ot.errors import TableError
from lmc_ot.registries import REGISTRIES
from lmc_ot.reporting.figures.compose import compose, save
from lmc_ot.reporting.panels import REGISTRY
from lmc_ot.tables.csv import read_csv, write_csv

# At 0.1 all networks live; at 10 and 100 layers die; at 1e30 all networks diverge.
CONFIG = """
name: dead
device: cpu
experiments:
  e:
    dataset: {name: digits}
    network: {name: mlp, hidden_widths: [12, 10]}
    training: {batch_size: 50, epochs: 2}
    sweep: {training.learning_rate: [1.0e-1, 1.0e+1, 1.0e+2, 1.0e+30]}
    matchers: {identity: {}, am: {}, naive_wm: {}, sigma_wm: {}, weight_matching: {}}
    networks: 4
    activations: {examples: 100}
    path: {points: 5, train_examples: 100}
"""
DIMENSIONS = ("approximate_dimension", "dimension_by_layer")
CASES = [
    *((name, {}) for name in REGISTRY.names),
    ("along_path", {"metric": "accuracy"}),
    *((name, {"centred": True}) for name in DIMENSIONS),
    ("dimension_against_error", {"centred": True, "split": "train"}),
    ("dimension_correlation", {"centred": True}),
    ("slopes", {"quantity": "matched_distance"}),
    ("readings", {"quantity": "matched_distance"}),
]
MATCHERS = ["identity", "am", "naive_wm", "sigma_wm", "weight_matching"]
# Which learning rates there are: with all networks alive, with dead ones only, with none at all.
VALUES = [1e-1, 1e1, 1e2, 1e30]
RATES = {"mixed": [0, 1, 2, 3], "dead": [1, 2], "dead, diverged": [2, 3], "diverged": [3]}


@pytest.fixture(autouse=True)
def no_warnings():
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        yield


@pytest.fixture(scope="module")
def run(tmp_path_factory, schema):
    """The tables of each learning rate: kind -> paths."""
    folder = tmp_path_factory.mktemp("dead")
    block = complete(yaml.safe_load(CONFIG), schema, REGISTRIES)["experiments"]["e"]
    dataset = folder / "digits.parquet"
    found = []
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        write_dataset(dataset, digits(), {})
        for label, setting in block["settings"].items():
            value = block["values"][label]
            found.append(_run_setting(folder / label, str(dataset), value, setting))
    return found


def _run_setting(folder, dataset, value, block):
    run = {
        "experiment": "e", "axis": "training.learning_rate", "value": value,
        "config_hash": "0" * 16, "seed": 0,
    }  # fmt: skip

    def path(name):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        return str(folder / name)

    network, matchers = block["network"], block["matchers"]
    found = {
        "dataset": dataset, "checkpoints": path("checkpoints.parquet"),
        "history": path("history.parquet"), "activations": path("activations"),
    }  # fmt: skip
    on = {"dataset": dataset, "checkpoints": found["checkpoints"], "run": run}
    train(dataset, found["checkpoints"], found["history"], network, block["training"],
          block["networks"], "cpu", run, "code")  # fmt: skip
    groups = path("groups.parquet")
    derive_groups(dataset, groups, path("groups.txt"), network, {"architecture": "mlp"})
    on["groups"] = groups
    record_activations(**on, activations=found["activations"], network=network, examples=100,
                       positions=1, device="cpu")  # fmt: skip
    matched = {
        "activations": found["activations"], "streamed": {}, "recording": [], "freeze": [],
        "matchers": matchers, "code": dict.fromkeys(matchers, "code"),
    }  # fmt: skip
    evaluated = {
        "network": network, "train_examples": 100, "device": "cpu", "code": "code",
        "labels": list(matchers),
    }  # fmt: skip
    for kind in ("permutations", "objectives", "dimensions"):
        found[kind] = path(f"{kind}.parquet")
    match(**on, **matched, permutations=found["permutations"], objectives=found["objectives"],
          dimensions=found["dimensions"], pairs=labels.pairs(block))  # fmt: skip
    every, found["all_objectives"] = (
        path(f"all_pairs/{kind}.parquet") for kind in ("permutations", "objectives")
    )
    match(**on, **matched, permutations=every, objectives=found["all_objectives"],
          pairs=labels.all_pairs(block))  # fmt: skip
    found["path"] = path("path.parquet")
    evaluate_path(**on, **evaluated, permutations=found["permutations"], path=found["path"],
                  pairs=labels.pairs(block), points=5)  # fmt: skip
    found["midpoints"] = path("all_pairs/midpoints.parquet")
    evaluate_path(**on, **evaluated, permutations=every, path=found["midpoints"],
                  pairs=labels.all_pairs(block), points=3)  # fmt: skip
    return {kind: [paths] if isinstance(paths, str) else paths for kind, paths in found.items()}


@pytest.fixture(params=RATES)
def sources(request, run, tmp_path):
    """Kind of table -> its paths at some of the learning rates, and the result table of these."""
    some = [run[i] for i in RATES[request.param]]
    found = {kind: [path for rate in some for path in rate[kind]] for kind in some[0]}
    found["results"] = [str(tmp_path / "results.parquet")]
    collect(
        paths=found["path"], objectives=found["objectives"], dimensions=found["dimensions"],
        histories=found["history"], results=found["results"][0], csv=str(tmp_path / "results.csv"),
        settings=[
            {"experiment": "e", "axis": "training.learning_rate", "value": VALUES[i],
             "pairs": [(0, 1), (2, 3)], "matchers": MATCHERS}
            for i in RATES[request.param]
        ],
        run={"seed": 0},
    )  # fmt: skip
    return found


def tabulated(sources, folder, name, options) -> pd.DataFrame:
    """The table of a panel, as its figure reads it."""
    entry = REGISTRY.entry(name)
    given = {kind: sources[kind] for kind in entry.sources}
    fast = {"resamples": 100} if "resamples" in entry.options else {}
    shown = {"experiments": ["e"]} if "experiments" in entry.options else {"experiment": "e"}
    panel = {"name": name, **shown, **fast, **options}
    write_csv(folder / "panel.csv", REGISTRY.build(panel, given, None), folder / "digest")
    return read_csv(folder / "panel.csv", folder / "digest")


def texts(figure) -> list[str]:
    found = [text for canvas in figure.subfigs for text in canvas.findobj(Text)]
    return [text.get_text() for text in found]


def drawn_points(figure) -> list[tuple[float, float]]:
    """Those of lines that consist of markers only."""
    (axes,) = figure.subfigs[0].axes
    lines = [line for line in axes.lines if line.get_linestyle() == "None"]
    return sorted(map(tuple, np.concatenate([line.get_xydata() for line in lines]).tolist()))


def test_the_networks_are_what_the_tests_are_about(run):
    dead, diverged = [], []
    for rate in run:
        dimensions = tables.read_all("dimensions", rate["dimensions"])
        dead.append(int((dimensions["dimension"] == 0).sum()))
        diverged.append(int(tables.read_all("history", rate["history"])["diverged"].sum()))
    assert dead[0] == dead[3] == 0 and min(dead[1:3]) > 4
    assert diverged[:3] == [0, 0, 0] and diverged[3] > 0


@pytest.mark.parametrize(("name", "options"), CASES)
def test_every_panel_is_drawn_without_a_warning_and_no_text_says_nan(
    sources, tmp_path, name, options, request, one_line
):
    if name == "matching" and request.node.callspec.params["sources"] == "diverged":
        with pytest.raises(TableError) as error:
            tabulated(sources, tmp_path, name, options)
        one_line(error, "all pairs have a diverged network")
        return
    table = tabulated(sources, tmp_path, name, options)
    figure = compose([(name, table)])
    save(figure, [tmp_path / "figure.png"])
    assert not [text for text in texts(figure) if re.search("nan|inf", text)]
    assert not np.isinf(table.select_dtypes("number")).any(axis=None)


@pytest.mark.parametrize("centred", [False, True])
def test_what_is_drawn_is_what_is_counted_in_the_correlations(sources, tmp_path, centred):
    options = {"centred": centred}
    points = tabulated(sources, tmp_path, "dimension_against_error", options)
    table = tabulated(sources, tmp_path, "dimension_correlation", options)
    if points.empty:  # all networks diverged
        assert table.empty
        return
    shown = points[points["shown"].astype(bool)]
    drawn = drawn_points(compose([("dimension_against_error", points)]))
    assert drawn == sorted(zip(shown["dimension"], shown["midpoint_loss"], strict=True))
    assert (shown["dimension"] > 0).all()

    table = table[table["measure"] == "midpoint_loss"].set_index("question")
    pooled = table.loc["pooled"]
    assert pooled["points"] == len(drawn)
    assert pooled["points"] + pooled["left_out"] == len(points)
    assert pooled["correlation"] == pytest.approx(
        spearmanr(shown["dimension"], shown["midpoint_loss"]).statistic
    )
    within = table.loc[["within_matcher"]].set_index("matcher")
    for matcher, some in points.groupby("matcher"):
        found = within.loc[matcher]
        alive = int(some["shown"].sum())
        assert (found["points"], found["left_out"]) == (alive, len(some) - alive)
        if alive < 3:
            assert np.isnan(found["low"]), "too few points are left for an interval"
    said = " ".join(texts(compose([("dimension_correlation", table.reset_index())])))
    if pooled["left_out"]:
        assert f"{pooled['left_out']} of {len(points)} (LMC error)" in said.replace("\n", " ")


@pytest.mark.parametrize("name", DIMENSIONS)
def test_dead_layers_are_in_no_mean_and_the_figure_says_so(sources, tmp_path, name):
    table = tabulated(sources, tmp_path, name, {})
    dimensions = tables.read_all("dimensions", sources["dimensions"])
    dimensions = dimensions[~dimensions["centred"]]
    assert table["left_out"].sum() == (dimensions["dimension"] == 0).sum()
    assert table["n"].sum() == (dimensions["dimension"] > 0).sum()
    assert not (table["mean"] < 0.999).any(), "a dimension is at least 1, and so is a mean"
    assert (table["mean"].isna() == (table["n"] == 0)).all()
    said = " ".join(texts(compose([(name, table)]))).replace("\n", " ")
    assert ("dead" in said) == (table["left_out"].sum() > 0)
