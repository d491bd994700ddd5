"""The config: defaults, numbers, and one line for every mistake."""

import copy
import itertools
import math
import re
from pathlib import Path

import pytest
import yaml

from lmc_ot.config import completion, labels, reading, sweep
from lmc_ot.errors import ConfigError
from lmc_ot.registries import REGISTRIES

MISSING = "<missing>"
RATE = "training.learning_rate"


@pytest.fixture
def small():
    """The smallest config that is one."""
    return {
        "name": "run",
        "experiments": {
            "e": {
                "dataset": {"name": "digits"},
                "network": {"name": "mlp"},
                "sweep": {RATE: [0.1, 0.2]},
            }
        },
    }


@pytest.fixture
def complete(schema):
    return lambda given: completion.complete(given, schema, REGISTRIES)


def put(given, path, value):
    """Set ``experiments.e.training.epochs`` and the like; MISSING deletes."""
    *folders, last = path.split(".")
    for key in folders:
        given = given.setdefault(key, {})
    if value is MISSING:
        del given[last]
    else:
        given[last] = value


# -- what is accepted ------------------------------------------------------------------------


def shipped(repository):
    return sorted((repository / "config").glob("*.yaml"))


def test_every_shipped_config_is_complete_and_right(repository, complete):
    assert {"config.yaml", "paper.yaml"} <= {path.name for path in shipped(repository)}
    for path in shipped(repository):
        reading.check_keys(path)
        complete(yaml.safe_load(path.read_text()))


def missing_from(found, expected, path=""):
    """Paths of the expected keys whose values are others; more keys may be there."""
    if not isinstance(expected, dict) or not expected:
        return [] if found == expected else [path]
    return [
        bad
        for key, value in expected.items()
        for bad in missing_from(found.get(key, MISSING), value, f"{path}.{key}")
    ]


def test_defaults_are_filled_in(complete, small):
    expected = {
        "name": "run",
        "seed": 0,
        "device": "auto",
        "data_dir": "data",
        "keep_activations": False,
        "experiments": {
            "e": {
                "dataset": {"name": "digits"},
                "network": {
                    "name": "mlp",
                    "hidden_widths": [512, 512, 512],
                    "initialiser": "lecun_normal",
                },
                "training": {
                    "optimiser": {"name": "sgd", "momentum": 0.9, "weight_decay": 0.0},
                    "learning_rate": 0.1,
                    "batch_size": 500,
                    "epochs": 50,
                    "warmup_steps": 10,
                    "initial_learning_rate": 1e-6,
                },
                "sweep": {RATE: [0.1, 0.2]},
                "axis": RATE,
                "named_axis": RATE,
                "values": {"learning_rate-1.000e-01": 0.1, "learning_rate-2.000e-01": 0.2},
                "networks": 8,
                "matchers": {
                    "identity": {"name": "identity"},
                    "naive_wm": {"name": "naive_wm"},
                    "sigma_wm": {"name": "sigma_wm"},
                    "am": {"name": "am", "statistic": "covariance"},
                },
                "activations": {"examples": None},
                "path": {"points": 25, "train_examples": None},
                "published": None,
            }
        },
        "figures": {},
    }
    assert missing_from(complete(small), expected) == []


def test_completing_changes_neither_the_config_nor_a_later_one(complete, small):
    before = copy.deepcopy(small)
    first = complete(small)
    assert small == before
    first["experiments"]["e"]["matchers"]["am"]["statistic"] = None
    first["experiments"]["e"]["network"]["hidden_widths"].append(1)
    again = complete(small)["experiments"]["e"]
    assert again["matchers"]["am"]["statistic"] == "covariance"
    assert again["network"]["hidden_widths"] == [512, 512, 512]


def written_out(experiment):
    """A completed experiment as a config would give it, with all defaults written out."""
    block = sweep.without(experiment, experiment["axis"]) if experiment["sweep"] else experiment
    return {
        key: block[key] for key in block if key not in ("axis", "named_axis", "values", "settings")
    }


def test_writing_out_all_defaults_changes_nothing(complete, repository):
    for path in shipped(repository):
        once = complete(yaml.safe_load(path.read_text()))
        experiments = {name: written_out(block) for name, block in once["experiments"].items()}
        assert complete({**once, "experiments": experiments}) == once


@pytest.mark.parametrize(
    ("text", "number"),
    [("1e-3", 1e-3), ("1E-3", 1e-3), ("5e-1", 0.5), ("1", 1.0), ("+.5", 0.5), ("2.", 2.0)],
)
def test_numbers_that_yaml_reads_as_strings_are_numbers(complete, small, text, number):
    """YAML 1.1 wants a dot: it reads 1e-3 as a string, and so does Snakemake's --config."""
    put(small, "experiments.e.sweep", {RATE: [text]})
    put(small, "experiments.e.training.initial_learning_rate", text)
    found = complete(small)["experiments"]["e"]
    assert found["training"]["learning_rate"] == number
    assert list(found["values"].values()) == [number]
    assert found["training"]["initial_learning_rate"] == number


def test_a_text_of_digits_stays_a_text(complete, small):
    put(small, "name", "2024")
    put(small, "data_dir", "5")
    assert complete(small)["name"] == "2024" and complete(small)["data_dir"] == "5"


@pytest.mark.parametrize("value", ["20", 20.0, "2e1"])
@pytest.mark.parametrize(
    "path",
    ["seed", *(f"experiments.e.{key}" for key in ("networks", "training.epochs"))],
)
def test_a_whole_number_is_an_integer_however_it_is_written(complete, small, path, value):
    put(small, path, value)
    found = complete(small)
    for key in path.split("."):
        found = found[key]
    assert found == 20 and type(found) is int


def test_a_matcher_may_be_there_twice_under_labels(complete, small):
    matchers = {"am": {}, "am_raw": {"name": "am", "statistic": "second_moment"}}
    put(small, "experiments.e.matchers", matchers)
    assert complete(small)["experiments"]["e"]["matchers"] == {
        "am": {"name": "am", "statistic": "covariance"},
        "am_raw": {"name": "am", "statistic": "second_moment"},
    }


def test_panels_get_their_options(complete, small):
    panels = [
        {"name": "lmc_error", "experiment": "e"},
        {"name": "matching", "experiment": "e", "matcher": "am"},
    ]
    put(small, "figures", {"one": {"panels": panels}})
    assert complete(small)["figures"]["one"]["panels"] == [
        {"name": "lmc_error", "experiment": "e", "split": "test"},
        {"name": "matching", "experiment": "e", "matcher": "am"},
    ]


def test_a_figure_without_a_caption_has_those_of_its_panels(complete, small):
    captions = [REGISTRIES["panel"].entry(name).description for name in ("lmc_error", "along_path")]
    panels = [{"name": name, "experiment": "e"} for name in ("lmc_error", "along_path")]
    figures = {
        "one": {"panels": panels[:1]},
        "two": {"panels": panels},
        "own": {"panels": panels, "caption": "mine"},
    }
    put(small, "figures", figures)
    found = {name: figure["caption"] for name, figure in complete(small)["figures"].items()}
    assert found == {
        "one": captions[0],
        "two": f"(a) {captions[0]} (b) {captions[1]} The loss is shown.",
        "own": "mine",
    }


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        (MISSING, None),
        (None, None),
        ("measured", "measured"),
        (
            {"mean": [0.25, 0.5, 0.75], "deviation": [0.5, 0.25, 0.125]},
            {"mean": [0.25, 0.5, 0.75], "deviation": [0.5, 0.25, 0.125]},
        ),
        (
            {"deviation": ["1e-1", 1], "mean": [0, "-1e-1"]},
            {"mean": [0.0, -0.1], "deviation": [0.1, 1.0]},
        ),
    ],
    ids=["missing", "null", "measured", "given", "given as text"],
)
def test_a_data_set_is_standardised_in_one_of_three_ways(complete, small, given, expected):
    if given is not MISSING:
        put(small, "experiments.e.dataset.standardise", given)
    found = complete(small)["experiments"]["e"]["dataset"]
    assert repr(found) == repr({"name": "digits", "standardise": expected})


def test_shipped_configs_standardise_cifar10_and_neither_mnist_nor_the_digits(repository, complete):
    blocks = [
        experiment["dataset"]
        for path in shipped(repository)
        for experiment in complete(yaml.safe_load(path.read_text()))["experiments"].values()
    ]
    standardised = {block["name"] for block in blocks if block["standardise"] is not None}
    plain = {block["name"] for block in blocks if block["standardise"] is None}
    assert standardised == {"cifar10"}
    assert plain == {"digits", "mnist"}


def test_experiments_that_look_like_numbers_are_names(complete, small):
    put(small, "experiments", {1: small["experiments"]["e"]})
    assert list(complete(small)["experiments"]) == ["1"]


# -- the schema itself -----------------------------------------------------------------------


def keys_of(schema, path=""):
    """Every key that a config may have: its path, its schema, and whether it is required."""
    for key, sub in schema.get("properties", {}).items():
        yield f"{path}{key}", sub, key in schema.get("required", ())
        yield from keys_of(sub, f"{path}{key}.")
    for inner in (schema.get("additionalProperties"), schema.get("items")):
        if isinstance(inner, dict):
            yield from keys_of(inner, f"{path}*.")
    for choice in schema.get("anyOf", ()):
        yield from keys_of(choice, path)


def test_every_key_has_a_description_and_a_default_or_is_required(schema):
    keys = list(keys_of(yaml.safe_load(schema.read_text())))
    paths = [path for path, _, _ in keys]
    assert "experiments.*.training.epochs" in paths and "figures.*.panels" in paths
    for path, sub, required in keys:
        assert sub.get("description"), path
        assert ("default" in sub) != required, path


@pytest.mark.parametrize(
    ("part", "path", "key", "name"),
    [
        ("experiments.e.matchers", "experiments.e.matchers.mine", "matcher", "am"),
        ("theory", "theory.mine", "theory", "isotropic"),
    ],
)
def test_the_key_of_a_name_is_name_everywhere(complete, small, part, path, key, name):
    put(small, part, {"mine": {"name": name}})
    complete(small)
    put(small, part, {"mine": {key: name}})
    with pytest.raises(ConfigError) as error:
        complete(small)
    assert str(error.value) == f"{path}: unknown key {key!r}: write name: {name}"


@pytest.mark.parametrize(
    ("kind", "name"),
    [(kind, name) for kind, registry in REGISTRIES.items() for name in registry.names],
)
def test_every_registered_option_has_a_description_and_a_default(kind, name):
    for option, sub in REGISTRIES[kind].options(name).items():
        assert sub.get("description"), option
        # A panel cannot guess which experiments it is to show.
        assert ("default" in sub) != (option in ("experiment", "experiments", "target")), option
        assert option not in ("name", kind), "these keys name the thing itself"


def test_the_schema_names_the_registries_there_are(schema):
    text = schema.read_text()
    for kind in REGISTRIES:
        assert f": {kind}\n" in text


# -- mistakes --------------------------------------------------------------------------------

E = "experiments.e"
STANDARDISE = f"{E}.dataset.standardise"
PANELS = ", ".join(REGISTRIES["panel"].names)
MATCHERS = ", ".join(REGISTRIES["matcher"].names)
NETWORKS = ", ".join(REGISTRIES["network"].names)
DATASETS = ", ".join(REGISTRIES["dataset"].names)
OPTIMISERS = ", ".join(REGISTRIES["optimiser"].names)
CHANGES = (
    "an overlay must follow the config that it changes: --configfile config/config.yaml, then "
    "this file"
)


def figure(**panel):
    return {"f": {"panels": [{"name": "lmc_error", "experiment": "e", **panel}]}}


TARGET = REGISTRIES["dataset"].entry("module").options["target"]["description"]

MISTAKES = [
    # unknown and missing keys
    ("seeds", 1, "unknown key 'seeds': did you mean 'seed'?"),
    (
        "xyz",
        1,
        "unknown key 'xyz': expected one of data_dir, device, experiments, figures, gpu_nodes, "
        "keep_activations, name, seed, snapshot_seconds, theory",
    ),
    (f"{E}.training.epoch", 1, f"{E}.training: unknown key 'epoch': did you mean 'epochs'?"),
    (
        f"{E}.epochs",
        3,
        f"{E}: unknown key 'epochs': expected one of activations, checkpoints, dataset, freeze, "
        "loss, matchers, merge, network, networks, notes, pairs, path, published, sweep, training",
    ),
    (
        f"{E}.network.widths",
        3,
        f"{E}.network: unknown key 'widths': did you mean 'hidden_widths'?",
    ),
    (
        f"{E}.network.depth",
        3,
        f"{E}.network: unknown key 'depth': expected one of hidden_widths, initialiser, name",
    ),
    (
        f"{E}.matchers",
        {"sigma_wm": {"centered": True}},
        f"{E}.matchers.sigma_wm: unknown key 'centered': did you mean 'centred'?",
    ),
    (
        f"{E}.training.optimiser",
        {"name": "sgd", "beta1": 0.9},
        f"{E}.training.optimiser: unknown key 'beta1': expected one of momentum, name, "
        "weight_decay",
    ),
    (
        "experiments",
        MISSING,
        f"the key 'experiments' is missing: the experiments, by name; {CHANGES}",
    ),
    (
        "name",
        MISSING,
        "the key 'name' is missing: name of the run; its outputs are in results/<name>/ and "
        f"paper_figures/<name>/; {CHANGES}",
    ),
    (
        f"{E}.dataset",
        MISSING,
        f"{E}: the key 'dataset' is missing: the data set, by name, and its options; {CHANGES}",
    ),
    (
        STANDARDISE,
        {"mean": [0.5]},
        f"{STANDARDISE}: the key 'deviation' is missing: one standard deviation per "
        "channel, in units of scale",
    ),
    (
        STANDARDISE,
        {"deviation": [0.5]},
        f"{STANDARDISE}: the key 'mean' is missing: one mean per channel, in units of scale",
    ),
    (
        STANDARDISE,
        {"mean": [0.5], "std": [0.5], "deviation": [0.5]},
        f"{STANDARDISE}: unknown key 'std': expected one of deviation, mean",
    ),
    (
        "figures",
        {"f": {"caption": "a"}},
        "figures.f: the key 'panels' is missing: the panels, from top to bottom",
    ),
    # unknown names
    (
        f"{E}.dataset.name",
        "mnst",
        f"{E}.dataset: unknown dataset 'mnst': expected one of {DATASETS}",
    ),
    (
        f"{E}.network.name",
        "mlpp",
        f"{E}.network: unknown network 'mlpp': expected one of {NETWORKS}",
    ),
    (f"{E}.network.name", None, f"{E}.network: unknown network None: expected one of {NETWORKS}"),
    (
        f"{E}.training.optimiser.name",
        "sdg",
        f"{E}.training.optimiser: unknown optimiser 'sdg': expected one of {OPTIMISERS}",
    ),
    (
        f"{E}.matchers",
        {"wm": {}},
        f"{E}.matchers: unknown matcher 'wm': expected one of {MATCHERS}",
    ),
    (
        f"{E}.matchers",
        {"mine": {"name": "wm"}},
        f"{E}.matchers: unknown matcher 'wm': expected one of {MATCHERS}",
    ),
    (
        "figures",
        figure(name="lmc"),
        f"figures.f.panels[0]: unknown panel 'lmc': expected one of {PANELS}",
    ),
    ("device", "gpu", "device: 'gpu' is not one of ['auto', 'cpu', 'cuda', 'mps']"),
    (
        f"{E}.network.initialiser",
        "normal",
        f"{E}.network.initialiser: 'normal' is not one of ['lecun_normal', 'lecun_uniform']",
    ),
    (
        "figures",
        figure(split="valid"),
        "figures.f.panels.0.split: 'valid' is not one of ['test', 'train']",
    ),
    (STANDARDISE, "zscore", f"{STANDARDISE}: 'zscore' is not one of ['measured']"),
    # out of range
    ("seed", -1, "seed: -1 is less than the minimum of 0"),
    (f"{E}.training.epochs", 0, f"{E}.training.epochs: 0 is less than the minimum of 1"),
    (f"{E}.training.batch_size", 0, f"{E}.training.batch_size: 0 is less than the minimum of 1"),
    (
        f"{E}.training.warmup_steps",
        -1,
        f"{E}.training.warmup_steps: -1 is less than the minimum of 0",
    ),
    (
        f"{E}.training.optimiser",
        {"name": "sgd", "momentum": 1},
        f"{E}.training.optimiser.momentum: 1.0 is greater than or equal to the maximum of 1",
    ),
    (
        STANDARDISE,
        {"mean": [0.5], "deviation": [0]},
        f"{STANDARDISE}.deviation.0: 0.0 is less than or equal to the minimum of 0",
    ),
    (
        STANDARDISE,
        {"mean": [0.5, 0.5], "deviation": [1, "-1e-3"]},
        f"{STANDARDISE}.deviation.1: -0.001 is less than or equal to the minimum of 0",
    ),
    (
        STANDARDISE,
        {"mean": [], "deviation": [1]},
        f"{STANDARDISE}.mean: [] should be non-empty",
    ),
    (
        f"{E}.networks",
        7,
        f"{E}.networks: 7 is not a multiple of 2: change the number, or set pairs to first",
    ),
    (f"{E}.networks", 0, f"{E}.networks: 0 is less than the minimum of 2"),
    (
        f"{E}.training.stop_after",
        51,
        f"{E}.training.stop_after: 51 exceeds training.epochs = 50: raise training.epochs, or "
        f"remove stop_after",
    ),
    (f"{E}.path.points", 24, f"{E}.path.points: 24 is even: expected an odd number"),
    (f"{E}.path.points", 1, f"{E}.path.points: 1 is less than the minimum of 3"),
    (f"{E}.activations.examples", 0, f"{E}.activations.examples: 0 is less than the minimum of 1"),
    (f"{E}.network.hidden_widths", [], f"{E}.network.hidden_widths: [] should be non-empty"),
    (
        f"{E}.network.hidden_widths",
        [4, 0],
        f"{E}.network.hidden_widths.1: 0 is less than the minimum of 1",
    ),
    ("experiments", {}, "experiments: {} should be non-empty"),
    ("figures", {"f": {"panels": []}}, "figures.f.panels: [] should be non-empty"),
    ("name", "a b", "name: 'a b' does not match '^[A-Za-z0-9][A-Za-z0-9_-]*$'"),
    ("name", "../up", "name: '../up' does not match '^[A-Za-z0-9][A-Za-z0-9_-]*$'"),
    # of the wrong kind
    ("seed", "first", "seed: 'first' is not of type 'integer'"),
    ("seed", 1.5, "seed: 1.5 is not of type 'integer'"),
    ("seed", True, "seed: True is not of type 'integer'"),
    ("name", 5, "name: 5 is not of type 'string'"),
    ("keep_activations", "yes", "keep_activations: 'yes' is not of type 'boolean'"),
    (f"{E}.training.epochs", True, f"{E}.training.epochs: True is not of type 'integer'"),
    (f"{E}.training.epochs", [5], f"{E}.training.epochs: [5] is not of type 'integer'"),
    (
        f"{E}.training",
        None,
        f"{E}.sweep.{RATE}: 'training' is None, not a mapping",
    ),
    (f"{E}.training", [1], f"{E}.sweep.{RATE}: 'training' is [1], not a mapping"),
    (f"{E}.network.hidden_widths", 5, f"{E}.network.hidden_widths: 5 is not of type 'array'"),
    *(
        (
            STANDARDISE,
            value,
            f"{STANDARDISE}: {value!r}: expected null, or measured, or "
            "{mean: ..., deviation: ...}",
        )
        for value in (True, False, 0, 1.5, [0.5])
    ),
    (
        STANDARDISE,
        {"mean": 0.5, "deviation": [1]},
        f"{STANDARDISE}.mean: 0.5 is not of type 'array'",
    ),
    (
        STANDARDISE,
        {"mean": [0.5], "deviation": [True]},
        f"{STANDARDISE}.deviation.0: True is not of type 'number'",
    ),
    (
        f"{E}.network",
        "mlp",
        f"{E}.network: expected {{name: <network>, ...}}, where the name is one of {NETWORKS}",
    ),
    (
        f"{E}.dataset",
        None,
        f"{E}.dataset: expected {{name: <dataset>, ...}}, where the name is one of {DATASETS}",
    ),
    (
        f"{E}.network",
        {"hidden_widths": [5]},
        f"{E}.network: expected {{name: <network>, ...}}, where the name is one of {NETWORKS}",
    ),
    (f"{E}.matchers", {}, f"{E}.matchers: expected at least one <matcher>: {{options}}"),
    (f"{E}.matchers", None, f"{E}.matchers: expected at least one <matcher>: {{options}}"),
    (f"{E}.matchers", ["am"], f"{E}.matchers: expected at least one <matcher>: {{options}}"),
    (f"{E}.matchers", {"am": None}, f"{E}.matchers.am: None is not of type 'object'"),
    (
        f"{E}.matchers",
        {"sigma_wm": {"centred": "yes"}},
        f"{E}.matchers.sigma_wm.centred: 'yes' is not of type 'boolean'",
    ),
    (
        f"{E}.matchers",
        {"A M": {"name": "am"}},
        f"{E}.matchers: 'A M': expected a label of lower-case letters, digits and _",
    ),
    (E, [1, 2], f"{E}: [1, 2] is not of type 'object'"),
    ("experiments", None, "experiments: None is not of type 'object'"),
    ("experiments", ["e"], "experiments: ['e'] is not of type 'object'"),
    ("figures", None, "figures: None is not of type 'object'"),
    ("figures", {"f": {"panels": {}}}, "figures.f.panels: {} is not of type 'array'"),
    (
        "figures",
        {"f": {"panels": ["lmc_error"]}},
        "figures.f.panels[0]: expected {name: <panel>, ...}, where the name is one of " + PANELS,
    ),
    # figures and experiments
    ("figures", figure(experiment="x"), "figures.f: unknown experiment 'x': expected one of e"),
    (
        "figures",
        figure(name="matching", matcher="wm"),
        "figures.f: experiment e has no matcher 'wm': expected one of am, identity, "
        "naive_wm, sigma_wm",
    ),
    (
        "figures",
        {"results": figure()["f"]},
        "figures, theory: two tables would be called results.csv: rename one",
    ),
    (
        "figures",
        {"fa": figure()["f"], "f": {"panels": figure()["f"]["panels"] * 2}},
        "figures, theory: two tables would be called fa.csv: rename one",
    ),
    (
        "theory",
        {"isotropic": {}, "isotropic_slopes": {"name": "isotropic"}},
        "figures, theory: two tables would be called theory_isotropic_slopes.csv: rename one",
    ),
    (
        f"{E}.matchers",
        {"endpoints": {"name": "am"}},
        f"{E}.matchers: 'endpoints' is reserved: choose another label",
    ),
    # losses
    (
        f"{E}.loss",
        "msee",
        f"{E}.loss: 'msee': expected cross_entropy, mse, or a function as file.py:name: did you "
        "mean 'mse'?",
    ),
    (f"{E}.loss", 3, f"{E}.loss: 3 is not of type 'string'"),
    (f"{E}.dataset", {"name": "module"}, f"{E}.dataset: the key 'target' is missing: {TARGET}"),
]


@pytest.mark.parametrize(
    ("path", "value", "message"), MISTAKES, ids=[f"{m[0]}={m[1]}"[:60] for m in MISTAKES]
)
def test_a_mistake_is_said_in_one_line(complete, small, path, value, message):
    put(small, path, value)
    with pytest.raises(ConfigError) as error:
        complete(small)
    assert str(error.value) == message


@pytest.mark.parametrize(
    ("path", "value"),
    [
        (f"{E}.training.initial_learning_rate", math.inf),
        (f"{E}.training.optimiser.weight_decay", math.nan),
    ],
)
def test_numbers_that_are_not_finite_are_refused(complete, small, path, value, one_line):
    put(small, f"{E}.training", {"optimiser": {"name": "sgd"}})
    put(small, path, value)
    with pytest.raises(ConfigError) as error:
        complete(small)
    one_line(error, path)


@pytest.mark.parametrize("value", [math.nan, math.inf, "1e400"])
@pytest.mark.parametrize("key", ["mean", "deviation"])
def test_means_and_deviations_that_are_not_finite_are_refused(
    complete, small, key, value, one_line
):
    put(small, STANDARDISE, {"mean": [0.5] * 3, "deviation": [0.5] * 3, key: [0.5, value, 0.5]})
    with pytest.raises(ConfigError) as error:
        complete(small)
    one_line(error, f"{STANDARDISE}.{key}[1]: ", "expected a finite number")


@pytest.mark.parametrize(
    ("path", "value"),
    [
        (f"{E}.network.name", ["mlp"]),
        (f"{E}.dataset.name", {"digits": None}),
        (f"{E}.matchers", {"mine": {"name": ["am"]}}),
    ],
)
def test_a_name_that_is_a_list_or_mapping_is_told_the_choices(
    complete, small, path, value, one_line
):
    put(small, path, value)
    with pytest.raises(ConfigError) as error:
        complete(small)
    assert "unhashable" not in one_line(error, path.removesuffix(".name"), "one of")


# -- the file --------------------------------------------------------------------------------


def yaml_file(tmp_path, text):
    path = tmp_path / "config.yaml"
    path.write_text(text)
    return path


def test_a_key_that_is_there_twice_is_refused_with_its_line(tmp_path, one_line):
    path = yaml_file(tmp_path, "name: a\nexperiments:\n  e: {}\n  f: {}\n  e: {}\n")
    with pytest.raises(ConfigError) as error:
        reading.check_keys(path)
    one_line(error, path, "line 5", "duplicate key 'e'")


@pytest.mark.parametrize("text", ["a: {b: 1, b: 2}", "a: [{b: 1, c: 2, b: 1}]", "'1': a\n'1': b\n"])
def test_a_key_that_is_there_twice_is_found_at_any_depth(tmp_path, text):
    with pytest.raises(ConfigError, match="duplicate key"):
        reading.check_keys(yaml_file(tmp_path, text))


@pytest.mark.parametrize(
    "text",
    [
        "a: {b: 1}\nc: {b: 1}\n",
        "base: &base {epochs: 5}\na: *base\nb: *base\n",
        "base: &base {epochs: 5}\na:\n  <<: *base\n  epochs: 6\n",
        "base: &base {epochs: 5}\na: {b: &b {<<: *base, epochs: 6}}\nc: {<<: *b}\n",
        "",
    ],
    ids=["the same key elsewhere", "an alias", "a merge key", "merges of merges", "an empty file"],
)
def test_what_is_not_there_twice_passes(tmp_path, text):
    reading.check_keys(yaml_file(tmp_path, text))


@pytest.mark.parametrize(
    ("key", "kind"), [("on", "bool"), ("001", "int"), ("1.5", "float"), ("2026-11-28", "timestamp")]
)
def test_a_key_that_yaml_does_not_read_as_text_is_refused(key, kind, tmp_path, one_line):
    path = yaml_file(tmp_path, f"name: a\n{key}: 1\n")
    with pytest.raises(ConfigError) as error:
        reading.check_keys(path)
    one_line(error, path, "line 2", f"reads the key {key} as {kind}, not as text", "in quotes")


@pytest.mark.parametrize(
    "text", ["a: [1", "a: b: c", "a: !!python/object:os.system x", "\tname: a", "{{a}}: 1"]
)
def test_a_file_that_is_no_yaml_is_an_error_in_one_line(tmp_path, text, one_line):
    path = yaml_file(tmp_path, text)
    with pytest.raises(ConfigError) as error:
        reading.check_keys(path)
    one_line(error, path)


def test_a_file_that_is_not_there_is_an_error_in_one_line(tmp_path, one_line):
    for path in (tmp_path / "none.yaml", tmp_path):
        with pytest.raises(ConfigError) as error:
            reading.check_keys(path)
        one_line(error, path, "cannot be read")


# -- what the rules ask ----------------------------------------------------------------------


def test_pairs_are_neighbours_or_all_with_the_first():
    experiment = {"networks": 6, "pairs": "disjoint"}
    assert labels.pairs(experiment) == [(0, 1), (2, 3), (4, 5)]
    assert labels.pairs({"networks": 4, "pairs": "first"}) == [(0, 1), (0, 2), (0, 3)]


def test_panel_tables_have_the_figures_name_and_a_letter_if_there_are_several(complete, small):
    put(small, "figures", {**figure(), "g": {"panels": figure()["f"]["panels"] * 3}})
    done = complete(small)
    assert labels.panel_tables(done, "f") == ["f"]
    assert labels.panel_tables(done, "g") == ["ga", "gb", "gc"]


def test_a_data_set_has_another_label_for_every_way_to_standardise_it(complete, small):
    """The label is the name of its table, so two of them are two tables."""

    def label(value=MISSING):
        if value is not MISSING:
            put(small, STANDARDISE, value)
        return labels.dataset_label(complete(small)["experiments"]["e"]["dataset"])

    assert label() == label(None) == "digits"
    others = [
        label("measured"),
        label({"mean": [0.0], "deviation": [1.0]}),
        label({"mean": [0.5], "deviation": [1.0]}),
        label({"mean": [0.0], "deviation": [0.5]}),
    ]
    assert len({"digits", *others}) == 5
    for found in others:
        assert re.fullmatch(r"digits-[a-z0-9_-]+", found), "the wildcard of rules/common.smk"
    assert label({"deviation": [1], "mean": ["0"]}) == others[1]


@pytest.mark.parametrize(
    ("path", "value", "same"),
    [
        ("seed", 1, False),
        (f"{E}.dataset.name", "mnist", False),
        (STANDARDISE, "measured", False),
        (STANDARDISE, {"mean": [0.0], "deviation": [1.0]}, False),
        (STANDARDISE, None, True),
        (f"{E}.network.hidden_widths", [3], False),
        (f"{E}.training.epochs", 3, False),
        (f"{E}.training.optimiser.momentum", 0.5, False),
        ("name", "other", True),
        (f"{E}.sweep", {RATE: [0.3]}, True),
        (f"{E}.networks", 4, True),
        (f"{E}.path.points", 3, True),
        (f"{E}.matchers", {"am": {}}, True),
        (f"{E}.loss", "cross_entropy", True),
        (f"{E}.loss", "mse", False),
        (f"{E}.loss", "my_loss.py:huber", False),
    ],
)
def test_the_training_hash_changes_with_what_changes_a_network(complete, small, path, value, same):
    put(small, f"{E}.training", {"optimiser": {"name": "sgd"}})
    changed = copy.deepcopy(small)
    put(changed, path, value)
    hashes = [
        labels.training_hash(done, done["experiments"]["e"])
        for done in (complete(small), complete(changed))
    ]
    assert (hashes[0] == hashes[1]) is same


def test_an_accuracy_is_not_shown_of_other_losses(complete, small, one_line):
    panel = {"name": "along_path", "experiment": "e", "metric": "accuracy"}
    put(small, "figures", {"f": {"panels": [panel]}})
    complete(small)
    put(small, f"{E}.loss", "my_loss.py:huber")
    with pytest.raises(ConfigError) as error:
        complete(small)
    one_line(error, "figures.f", "along_path", "experiment e", "huber", "metric: loss")
    panel["metric"] = "loss"
    config = complete(small)
    assert not labels.in_nats(config, config["figures"]["f"]["panels"][0])


# -- convolutions ----------------------------------------------------------------------------


@pytest.mark.parametrize("kept", [True, False])
def test_activations_are_recorded_of_dense_networks_if_they_are_kept(kept, small, complete):
    put(small, "keep_activations", kept)
    for network, streamed in (("mlp", not kept), ("convnet", True), ("resnet20", True)):
        put(small, "experiments.e.network", {"name": network})
        assert complete(small)["experiments"]["e"]["activations"]["streamed"] is streamed


def test_activations_that_are_recorded_are_kept(small, complete, one_line):
    put(small, "experiments.e.activations", {"streamed": False})
    with pytest.raises(ConfigError) as error:
        complete(small)
    one_line(error, "experiments.e.activations.streamed", "keep_activations to true")


def test_sigma_wm_on_recorded_convolutions_is_refused_before_anything_is_trained(
    small, complete, one_line
):
    put(small, "keep_activations", True)
    put(small, "experiments.e.network", {"name": "convnet"})
    put(small, "experiments.e.activations", {"streamed": False})
    with pytest.raises(ConfigError) as error:
        complete(small)
    one_line(error, "experiments.e.activations.streamed", "sigma_wm")
    put(small, "experiments.e.matchers", {"am": {}})
    complete(small)


BOMB = "a: &a [1, 1]\n" + "".join(
    f"{y}: &{y} [{', '.join(['*' + x] * 9)}]\n" for x, y in itertools.pairwise("abcdefghijk")
)


@pytest.mark.parametrize(
    ("text", "named"),
    [
        (BOMB, "more than 100,000 values"),
        ("a: &a [*a]", "more than 100,000 values"),
        ("a: &a {b: {c: *a}}", "more than 100,000 values"),
        ("&a a: &b [*a, *b]", "more than 100,000 values"),
        ("a: " + "[" * 1000, "recursion"),
        ("a: 2001-99-99", "month"),
        ("a: !!int x", "x"),
        ("a: !!float x", "x"),
        ("a: " + "9" * 5000, "digits"),
        ("a: \0", "special characters"),
        ("a: b: c", "line 1"),
        ("a: *b", "undefined alias"),
        ("{[1]: 2}", "unhashable"),
    ],
)
def test_yaml_that_cannot_be_a_config_is_refused(text, named, tmp_path, one_line):
    (tmp_path / "a.yaml").write_text(text)
    with pytest.raises(ConfigError) as error:
        reading.check_keys(tmp_path / "a.yaml")
    assert len(one_line(error, tmp_path / "a.yaml", named)) < 1000


def test_a_config_that_is_no_text_is_refused(tmp_path, one_line):
    (tmp_path / "a.yaml").write_bytes(b"a: \xff")
    with pytest.raises(ConfigError) as error:
        reading.check_keys(tmp_path / "a.yaml")
    one_line(error, tmp_path / "a.yaml", "utf-8")


def test_aliases_that_end_are_allowed(tmp_path):
    (tmp_path / "a.yaml").write_text("a: &a {x: [1, 2]}\nb: {<<: *a, y: *a}\nc: *a\n")
    reading.check_keys(tmp_path / "a.yaml")


@pytest.mark.parametrize("part", ["experiments", "figures", "theory"])
def test_an_overlay_leaves_out_what_it_sets_to_null(part, complete, small):
    expected = complete(small)
    small.setdefault(part, {})["left_out"] = None
    assert complete(small) == expected


@pytest.mark.parametrize(
    ("panels", "what"),
    [(1, "tables would be called theory_isotropic.csv"),
     (2, "figures would be called theory_isotropic.pdf")],
)  # fmt: skip
def test_a_figure_is_not_called_as_that_of_an_experiment_on_a_theorem(
    complete, small, panels, what
):
    put(small, "figures", {"theory_isotropic": {"panels": figure()["f"]["panels"] * panels}})
    put(small, "theory", {"isotropic": {}})
    with pytest.raises(ConfigError) as error:
        complete(small)
    assert str(error.value) == f"figures, theory: two {what}: rename one"


def compared(*experiments):
    return {"f": {"panels": [{"name": "slopes", "experiments": list(experiments)}]}}


def test_a_panel_may_compare_experiments_of_one_axis(complete, small, one_line):
    other = {**small["experiments"]["e"], "sweep": {"training.epochs": [1, 2]}}
    other["training"] = {**other.get("training", {}), "learning_rate": 0.1}
    small["experiments"] |= {"same": dict(small["experiments"]["e"]), "other": other}
    put(small, "figures", compared("e", "same"))
    assert complete(small)["figures"]["f"]["panels"][0]["experiments"] == ["e", "same"]
    for experiments, parts in (
        (("e", "missing"), ["unknown experiment 'missing'"]),
        (
            ("e", "other"),
            ["must sweep over the same key", "training.epochs and training.learning_rate"],
        ),
        (("e", "e"), ["figures.f.panels.0.experiments", "non-unique"]),
        ((), ["figures.f.panels.0.experiments", "non-empty"]),
    ):
        put(small, "figures", compared(*experiments))
        with pytest.raises(ConfigError) as error:
            complete(small)
        one_line(error, *parts)


def test_a_panel_that_cannot_show_convolutions_says_so_before_the_training(
    complete, small, one_line
):
    put(small, f"{E}.network", {"name": "convnet"})
    put(small, "figures", figure(name="matching"))
    with pytest.raises(ConfigError) as error:
        complete(small)
    one_line(
        error,
        "figures.f: the panel matching does not support convolutional networks",
        "convnet of experiment e",
    )


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        ("e/learning_rate-1.000e-01/checkpoints.parquet", True),
        ("e/learning_rate-1.000e-01/activations/0.parquet", True),
        ("e/learning_rate-1.000e-01/permutations.parquet", True),
        ("e/learning_rate-1.000e-01/all_pairs/permutations.parquet", True),
        ("e/learning_rate-1.000e-01/kept/permutations.parquet", False),
        ("e/learning_rate-1.000e-01/all_pairs/kept/permutations.parquet", False),
        # Earlier versions had a folder for each matcher.
        ("e/learning_rate-1.000e-01/naive_wm/path.parquet", False),
        ("e/learning_rate-1.000e-01/snapshots/networks-0-1.parquet", False),
        ("e/learning_rate-2.000e-01/checkpoints.parquet", False),
        ("gone/learning_rate-1.000e-01/checkpoints.parquet", False),
        ("theory/isotropic.parquet", True),
        ("theory/gone.parquet", False),
        ("datasets/digits.parquet", True),
        ("groups/mlp-00000000.parquet", False),
        ("derive_groups/mlp-00000000.tsv", False),
        ("results.parquet", True),
        ("e/learning_rate-1.000e-01/train.tsv", True),
        ("e/learning_rate-2.000e-01/train.tsv", False),
        ("collect.tsv", True),
        ("draw_figure/f.tsv", True),
        ("draw_figure/gone.tsv", False),
        ("tabulate_panel/f.tsv", True),
        ("tabulate_panel/gone.tsv", False),
        ("measure_theory/isotropic.tsv", True),
        ("measure_theory/gone.tsv", False),
        ("prepare_dataset/digits.tsv", True),
    ],
)
def test_what_a_config_dropped_is_not_of_the_run(complete, small, path, expected):
    put(small, f"{E}.sweep", {RATE: [0.1]})
    put(small, f"{E}.matchers", {"naive_wm": {}})
    put(small, "figures", figure())
    put(small, "theory", {"isotropic": {}})
    assert labels.belongs(complete(small), Path(path)) is expected


@pytest.mark.parametrize("path", ["groups/{}.parquet", "derive_groups/{}.tsv"])
def test_the_groups_of_an_architecture_are_of_the_run_that_has_it(complete, small, path):
    before = complete(small)
    put(small, f"{E}.network.hidden_widths", [3])
    after = complete(small)
    first, second = (
        {labels.architecture(s) for s in done["experiments"]["e"]["settings"].values()}
        for done in (before, after)
    )
    assert len(first) == len(second) == 1 and first != second
    (label,) = first
    assert re.fullmatch("mlp-[0-9a-f]{8}", label)
    assert labels.belongs(before, Path(path.format(label)))
    assert not labels.belongs(after, Path(path.format(label)))


def test_an_architecture_is_that_of_its_network_and_its_images(complete, small):
    """Not of the training: one derivation serves all learning rates."""

    def architectures():
        settings = complete(small)["experiments"]["e"]["settings"].values()
        return {labels.architecture(setting) for setting in settings}

    before = architectures()
    assert len(complete(small)["experiments"]["e"]["settings"]) > len(before) == 1
    put(small, f"{E}.training.epochs", 3)
    assert architectures() == before
    put(small, f"{E}.dataset", {"name": "mnist"})
    assert not architectures() & before


def test_a_caption_ends_with_the_notes_of_what_it_shows(complete, small):
    """Each once, in the order in which the config and its overlays give them."""
    put(small, f"{E}.notes", {"scale": "Small.", "data": "A copy."})
    small["experiments"]["other"] = {**small["experiments"]["e"], "notes": {"scale": "Large."}}
    panels = [{"name": "lmc_error", "experiment": name} for name in ("e", "e", "other")]
    put(
        small,
        "figures",
        {"f": {"panels": panels}, "own": {"panels": panels, "caption": "mine"}},
    )
    found = complete(small)["figures"]
    assert found["f"]["caption"].startswith("(a) LMC error")
    assert found["f"]["caption"].endswith(" where available. Small. A copy. Large.")
    assert found["own"]["caption"] == "mine"


@pytest.mark.parametrize(
    ("panel", "said"),
    [
        ({"name": "lmc_error", "split": "test"}, ""),
        ({"name": "lmc_error", "split": "train"}, " Losses are evaluated on training examples."),
        ({"name": "along_path", "metric": "accuracy"}, " The accuracy is shown."),
        (
            {"name": "approximate_dimension", "centred": True},
            " Dimensions are those of the centred covariances.",
        ),
        (
            {"name": "dimension_against_error", "centred": True, "split": "train"},
            " Losses are evaluated on training examples. Dimensions are those of the centred "
            "covariances.",
        ),
    ],
)
def test_a_caption_says_what_the_options_show(complete, small, panel, said):
    put(small, "figures", {"f": {"panels": [{**panel, "experiment": "e"}]}})
    description = REGISTRIES["panel"].entry(panel["name"]).description
    assert complete(small)["figures"]["f"]["caption"] == description + said


def reordered(value):
    """The same config, the keys of every mapping that has fixed ones in the other order."""
    if not isinstance(value, dict):
        return value
    return {key: reordered(inside) for key, inside in reversed(value.items())}


def test_the_order_of_keys_and_written_defaults_change_no_parameter(complete, small):
    """Snakemake compares parameters as they are printed, and would train again."""
    expected = complete(small)["experiments"]["e"]
    for changed in (
        {**small, "experiments": {"e": reordered(small["experiments"]["e"])}},
        {**small, "experiments": {"e": reordered(written_out(expected))}},
    ):
        found = complete(changed)["experiments"]["e"]
        assert list(found["settings"]) == list(expected["settings"])
        for label, block in expected["settings"].items():
            for key in ("dataset", "network", "training", "activations", "path"):
                assert repr(found["settings"][label][key]) == repr(block[key]), key


def test_a_whole_number_where_any_number_goes_is_the_same_number(complete, small):
    rules = []
    for decay in (0, 0.0, "0", "0.0"):
        put(small, f"{E}.training.optimiser", {"name": "sgd", "weight_decay": decay})
        done = complete(small)
        rules.append((repr(done["experiments"]["e"]["training"]), labels.training_hash(
            done, done["experiments"]["e"])))  # fmt: skip
    assert len(set(rules)) == 1
    assert "'epochs': " in rules[0][0] and "'epochs': 1.0" not in rules[0][0]


@pytest.mark.parametrize("name", ["collect", "theory", "results", "draw_figure", "datasets"])
def test_an_experiment_may_be_called_as_anything(complete, small, name):
    """Also as a rule or a folder of the workflow."""
    small["experiments"] = {name: small["experiments"]["e"] | {"sweep": {RATE: [0.1]}}}
    put(small, "theory", {"isotropic": {}})
    put(small, "figures", {"f": {"panels": [{"name": "lmc_error", "experiment": name}]}})
    done = complete(small)
    kept = [f"{name}/learning_rate-1.000e-01/train.tsv", "collect.tsv", "theory/isotropic.parquet"]
    kept += ["results.parquet", "draw_figure/f.tsv"]
    kept += [f"datasets/{labels.dataset_label(done['experiments'][name]['dataset'])}.parquet"]
    for path in kept:
        assert labels.belongs(done, Path(path)), path
    for path in (
        f"{name}/learning_rate-2.000e-01/train.tsv",
        "theory/gone.parquet",
        "datasets/gone.parquet",
    ):
        assert not labels.belongs(done, Path(path)), path
