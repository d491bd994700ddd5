"""Sweeps: the settings of an experiment along one key of its block."""

import copy
import math
import re

import numpy as np
import pytest
import yaml

from lmc_ot.config import completion, labels, sweep
from lmc_ot.errors import ConfigError
from lmc_ot.registries import REGISTRIES

E = "experiments.e"
RATE = "training.learning_rate"
WIDTHS = "network.hidden_widths"
# The learning rates of config/paper.yaml, as they were before anything else could be swept; those
# of the committed results in paper_figures/paper.
PAPER = [
    0.0001,
    0.0003981071705534973,
    0.0015848931924611136,
    0.006309573444801936,
    0.025118864315095808,
    0.1,
]
IMAGES = {"name": "parquet", "train": ["a"], "test": ["b"]}
CONVOLUTIONS = {"name": "convnet"}


@pytest.fixture
def complete(schema):
    """The completed experiment of such a block, whose learning rate is fixed if it is not swept."""

    def complete_(block):
        block = {"dataset": {"name": "digits"}, **block}
        block["network"] = {"name": "mlp", **block.get("network", {})}
        if RATE not in (block.get("sweep") or {}):
            block["training"] = {"learning_rate": 0.25, **block.get("training", {})}
        config = {"name": "run", "experiments": {"e": block}}
        return completion.complete(config, schema, REGISTRIES)["experiments"]["e"]

    return complete_


def at(block, axis, value):
    """The block with a value at an axis, as somebody would write it."""
    block = copy.deepcopy(block)
    *parents, last = axis.split(".")
    inside = block
    for parent in parents:
        inside = inside.setdefault(parent, {})
    inside[last] = value
    return block


SWEEPS = {
    "learning rate": (
        {}, RATE, [0.5, "1e-3"], [0.5, 0.001],
        ["learning_rate-5.000e-01", "learning_rate-1.000e-03"],
    ),
    "width": (
        {}, WIDTHS, [[64, 64], [128, 128], ["32", 32.0]], [64, 128, 32],
        ["hidden_widths-64", "hidden_widths-128", "hidden_widths-32"],
    ),
    "widths of one shape": (
        {}, WIDTHS, [[64, 32], [128, 64]], [64, 128], ["hidden_widths-64", "hidden_widths-128"],
    ),
    "depth": (
        {}, WIDTHS, [[64], [64, 64], [64] * 5], [1, 2, 5],
        ["hidden_widths_length-1", "hidden_widths_length-2", "hidden_widths_length-5"],
    ),
    "groups of convolutions": (
        {"network": CONVOLUTIONS}, "network.groups", [[[4, 4], [8]], [[8, 8], [16]]], [4, 8],
        ["groups-4", "groups-8"],
    ),
    "epochs": ({}, "training.epochs", [20, "1e1", 3.0], [20, 10, 3],
               ["epochs-20", "epochs-10", "epochs-3"]),
    "batch size": ({}, "training.batch_size", [50, 100], [50, 100],
                   ["batch_size-50", "batch_size-100"]),
    "weight decay": (
        {}, "training.optimiser.weight_decay", [0, 1e-4], [0.0, 1e-4],
        ["weight_decay-0.000e+00", "weight_decay-1.000e-04"],
    ),
    "weight decay of Adam": (
        {"training": {"optimiser": {"name": "adam"}}}, "training.optimiser.weight_decay",
        ["1e-2"], [0.01], ["weight_decay-1.000e-02"],
    ),
    "networks": ({}, "networks", [2, 6], [2, 6], ["networks-2", "networks-6"]),
    "activations": ({}, "activations.examples", [10, 20], [10, 20],
                    ["examples-10", "examples-20"]),
    "examples of the path": ({}, "path.train_examples", [10, 20], [10, 20],
                             ["train_examples-10", "train_examples-20"]),
    "points of the path": ({}, "path.points", [3, 5], [3, 5], ["points-3", "points-5"]),
    "zoom": (
        {}, "training.augmentation.zoom", [[0.1, 0.3], [0.2, 0.6], [0.3, 0.9]], [0.1, 0.2, 0.3],
        ["zoom-1.000e-01", "zoom-2.000e-01", "zoom-3.000e-01"],
    ),
    "examples of the data set": (
        {"dataset": IMAGES}, "dataset.train_examples", [100, 1000], [100, 1000],
        ["train_examples-100", "train_examples-1000"],
    ),
}  # fmt: skip


@pytest.mark.parametrize(
    ("block", "axis", "values", "numbers", "expected"), SWEEPS.values(), ids=SWEEPS
)
def test_settings_are_those_of_experiments_of_one_value(
    complete, block, axis, values, numbers, expected
):
    """Number, label and block of every setting; the block is as if its value alone were given."""
    found = complete({**block, "sweep": {axis: values}})
    assert found["axis"] == axis
    assert list(found["values"]) == list(found["settings"]) == expected
    assert list(found["values"].values()) == numbers
    assert all(type(number) is float for number in found["values"].values())
    for value, setting in zip(values, found["settings"].values(), strict=True):
        (alone,) = complete(at(block, axis, value))["settings"].values()
        assert {**setting, "sweep": {}} == alone
    rest = [sweep.without(setting, axis) for setting in found["settings"].values()]
    assert all(block == rest[0] for block in rest)
    assert all(re.fullmatch(labels.SETTING_LABEL, label) for label in found["settings"])
    assert {
        **found["settings"][expected[0]],
        **{k: found[k] for k in ("axis", "named_axis", "values")},
    } == {key: value for key, value in found.items() if key != "settings"}


def values_of(key):
    """Two values of a key of numbers, or of lists of them, by its schema; none of other keys."""
    types = {key["type"]} if isinstance(key.get("type"), str) else set(key.get("type", ()))
    if "array" in types:
        return [[value] * key.get("minItems", 1) for value in values_of(key["items"])]
    if types & {"integer", "number"}:
        return [2, 4] if key.get("minimum") == 2 else [3, 5] if "integer" in types else [0.25, 0.5]
    return []


def axes_of(schema, path=()):
    """Every axis of the schema of an experiment: what else it needs, the axis, two values."""
    for key, sub in schema["properties"].items():
        if key == "sweep":
            continue
        inside = (*path, key)
        if "registry" in sub:
            registry = REGISTRIES[sub["registry"]]
            for name in registry.names:
                options = registry.options(name)
                required = {
                    k: "x" if option["type"] == "string" else ["x"]
                    for k, option in options.items()
                    if "default" not in option
                }
                block = at({}, ".".join(inside), {"name": name, **required})
                for _, axis, values in axes_of({"properties": options}, inside):
                    yield block, axis, values
        elif "properties" in sub:
            yield from axes_of(sub, inside)
        elif values := values_of(sub):
            yield {}, ".".join(inside), values


def test_every_key_of_numbers_can_be_swept(schema, complete):
    experiments = yaml.safe_load(schema.read_text())["properties"]["experiments"]
    axes = list(axes_of(experiments["additionalProperties"]))
    assert len(axes) > 25
    assert {RATE, WIDTHS, "training.optimiser.momentum", "dataset.scale"} <= {a for _, a, _ in axes}
    for block, axis, values in axes:
        found = complete({**block, "sweep": {axis: values}})
        assert [sweep.value_of(b, axis) for b in found["settings"].values()] == values, axis
        assert all(re.fullmatch(labels.SETTING_LABEL, label) for label in found["settings"]), axis


@pytest.mark.parametrize("number", [6, "6", 6.0, "6e0"])
def test_values_are_spaced_evenly_in_their_logarithm(complete, number):
    """The paper's: exp(linspace(log 1e-4, log 1e-1, 6)), to the bits of before."""
    given = {"minimum": "1e-4", "maximum": 1e-1, "number": number}
    found = complete({"sweep": {RATE: given}})
    rates = list(found["values"].values())
    assert rates == PAPER
    assert rates == [block["training"]["learning_rate"] for block in found["settings"].values()]
    np.testing.assert_allclose(rates, np.exp(np.linspace(math.log(1e-4), math.log(1e-1), 6)), 1e-14)
    assert list(found["settings"]) == [f"learning_rate-{rate}" for rate in (
        "1.000e-04", "3.981e-04", "1.585e-03", "6.310e-03", "2.512e-02", "1.000e-01")]  # fmt: skip


def test_the_papers_config_has_its_learning_rates(repository, schema):
    config = yaml.safe_load((repository / "config/paper.yaml").read_text())
    found = completion.complete(config, schema, REGISTRIES)["experiments"]
    assert list(found["mnist-mlp"]["values"].values()) == PAPER
    assert list(found["cifar10-vgg16"]["values"].values()) == pytest.approx(
        [1e-3, 10 ** (-7 / 3), 10 ** (-5 / 3), 1e-1], rel=1e-14
    )


def test_without_a_sweep_there_is_the_one_setting_of_the_learning_rate(complete):
    for block in ({}, {"sweep": {}}, {"sweep": None}, {"sweep": {WIDTHS: None}}):
        found = complete({**block, "training": {"learning_rate": "5e-1"}})
        assert found["axis"] == RATE
        assert found["values"] == {"learning_rate-5.000e-01": 0.5}
        (setting,) = found["settings"].values()
        assert setting["training"]["learning_rate"] == 0.5


def test_an_overlay_sweeps_over_something_else(complete):
    """Snakemake merges it with the config before it: what that one sweeps over is set to null."""
    found = complete(
        {"training": {"learning_rate": 0.1}, "sweep": {RATE: None, WIDTHS: [[4], [8]]}}
    )
    assert found["axis"] == WIDTHS
    swept = {RATE: [0.1, 0.2], WIDTHS: None}
    found = complete({"training": {"learning_rate": None}, "sweep": swept})
    assert list(found["values"].values()) == [0.1, 0.2]


def test_options_of_what_has_a_default_need_no_name(complete):
    sgd = {"name": "sgd", "momentum": 0.5, "weight_decay": 0.0}
    assert complete({"training": {"optimiser": {"momentum": 0.5}}})["training"]["optimiser"] == sgd


LISTS = (
    f"{E}.sweep.{WIDTHS}: expected lists that are multiples of each other, or that repeat one "
    "number and differ in length: figures need one number per list"
)
KINDS = "only numbers and lists of numbers can be swept"
LOST = "expected a list, or {minimum: ..., maximum: ..., number: ...}"
SPACED = f"{E}.sweep.{RATE}"
MISTAKES = [
    # two settings that cannot be told apart
    ({RATE: [0.1, 0.2, 0.1]}, f"{E}.sweep.{RATE}: duplicate setting 0.1"),
    ({RATE: [0.1, "1e-1"]}, f"{E}.sweep.{RATE}: duplicate setting 0.1"),
    ({"training.epochs": [3, 3.0]}, f"{E}.sweep.training.epochs: duplicate setting 3"),
    ({WIDTHS: [[4, 4], [4, 4]]}, f"{E}.sweep.{WIDTHS}: duplicate setting 4"),
    (
        {RATE: [0.1, 0.10000001]},
        f"{E}.sweep.{RATE}: two settings share the label learning_rate-1.000e-01",
    ),
    # lists without a number
    ({WIDTHS: [[64, 32], [64, 64]]}, LISTS),
    ({WIDTHS: [[64], [32, 32]]}, LISTS),
    ({WIDTHS: [[64, 32], [64, 32, 64]]}, LISTS),
    ({"network.groups": [[[4, 4]], [[8], [8]]]}, LISTS.replace(WIDTHS, "network.groups")),
    (
        {"training.augmentation.rotation": [0, [1]]},
        f"{E}.training.augmentation.rotation: [1] is not of type 'number'",
    ),
    ({"dataset.standardise": [None, "measured"]}, f"{E}.sweep.dataset.standardise: {KINDS}"),
    ({"training.precision": ["auto", "float32"]}, f"{E}.sweep.training.precision: {KINDS}"),
    ({"activations.examples": [10, None]}, f"{E}.sweep.activations.examples: {KINDS}"),
    ({"activations.streamed": [True, False]}, f"{E}.sweep.activations.streamed: {KINDS}"),
    ({"path": [{"points": 3}, {"points": 5}]}, f"{E}.sweep.path: {KINDS}"),
    # keys that are also given, that there are not, or that have no keys
    (
        {"network.name": ["mlp", "convnet"]},
        f"{E}.network.name: is set and swept: remove it, or sweep over another key",
    ),
    (
        {"training.batch_size": [10]},
        f"{E}.training.batch_size: is set and swept: remove it, or sweep over another key",
    ),
    ({"training.epoch": [1]}, f"{E}.training: unknown key 'epoch': did you mean 'epochs'?"),
    (
        {"network.depth": [1]},
        f"{E}.network: unknown key 'depth': expected one of hidden_widths, initialiser, name",
    ),
    (
        {"training.optimiser.beta1": [0.5]},
        f"{E}.training.optimiser: unknown key 'beta1': expected one of momentum, name, "
        "weight_decay",
    ),
    (
        {"nothing": [1]},
        f"{E}: unknown key 'nothing': expected one of activations, checkpoints, dataset, freeze, "
        "loss, matchers, merge, network, networks, notes, pairs, path, published, sweep, training",
    ),
    (
        {"training.batch_size.x": [1]},
        f"{E}.sweep.training.batch_size.x: 'batch_size' is 500, not a mapping",
    ),
    ({f"{WIDTHS}.0": [1]}, f"{E}.{WIDTHS}: {{'0': 1}} is not of type 'array'"),
    # values out of range or of another kind, in the first setting and in later ones
    ({RATE: [-0.5]}, f"{E}.{RATE}: -0.5 is less than or equal to the minimum of 0"),
    ({RATE: [0.1, 0]}, f"{E}.{RATE}: 0.0 is less than or equal to the minimum of 0"),
    ({RATE: [0.1, "fast"]}, f"{E}.{RATE}: 'fast' is not of type 'number', 'null'"),
    ({RATE: [0.1, [0.1]]}, f"{E}.{RATE}: [0.1] is not of type 'number', 'null'"),
    ({RATE: [0.1, True]}, f"{E}.{RATE}: True is not of type 'number', 'null'"),
    ({RATE: [0.1, math.nan]}, f"{E}.{RATE}: nan: expected a finite number"),
    ({RATE: [0.1, "1e400"]}, f"{E}.{RATE}: inf: expected a finite number"),
    ({RATE: [0.1, None]}, f"{E}.sweep.{RATE}: {KINDS}"),
    ({WIDTHS: [[4], [8, 0]]}, f"{E}.{WIDTHS}.1: 0 is less than the minimum of 1"),
    ({WIDTHS: [[4], 8]}, f"{E}.{WIDTHS}: 8 is not of type 'array'"),
    ({"training.epochs": [1, 1.5]}, f"{E}.training.epochs: 1.5 is not of type 'integer'"),
    (
        {"networks": [2, 3]},
        f"{E}.networks: 3 is not a multiple of 2: change the number, or set pairs to first",
    ),
    ({"path.points": [3, 4]}, f"{E}.path.points: 4 is even: expected an odd number"),
    # the sweep itself
    ([1], f"{E}.sweep: [1] is not of type 'object'"),
    (
        {RATE: [0.1], "networks": [2]},
        f"{E}.sweep: expected one key, not {RATE}, networks: remove all but one; an overlay sets "
        "the key that it replaces to null",
    ),
    ({RATE: []}, f"{SPACED}: [] should be non-empty"),
    *(({RATE: value}, f"{SPACED}: {value!r}: {LOST}") for value in (0.1, "1e-1", "fast", True)),
    (
        {RATE: {"minimum": 0.1, "number": 2}},
        f"{SPACED}: the key 'maximum' is missing: the largest value",
    ),
    (
        {RATE: {"minimum": 0.1, "maximum": 1, "number": 2, "step": 3}},
        f"{SPACED}: unknown key 'step': expected one of maximum, minimum, number",
    ),
    (
        {RATE: {"minimum": 0.1, "maximum": 0.1, "number": 3}},
        f"{SPACED}: minimum 0.1 is not below maximum 0.1",
    ),
    (
        {RATE: {"minimum": 1, "maximum": "1e-1", "number": 3}},
        f"{SPACED}: minimum 1.0 is not below maximum 0.1",
    ),
    (
        {RATE: {"minimum": 0, "maximum": 1, "number": 3}},
        f"{SPACED}.minimum: 0.0 is less than or equal to the minimum of 0",
    ),
    (
        {RATE: {"minimum": 0.1, "maximum": 1, "number": 1}},
        f"{SPACED}.number: 1 is less than the minimum of 2",
    ),
    (
        {RATE: {"minimum": math.nan, "maximum": 1, "number": 2}},
        f"{SPACED}.minimum: nan: expected a finite number",
    ),
    (
        {RATE: {"minimum": 1, "maximum": "1e400", "number": 2}},
        f"{SPACED}.maximum: inf: expected a finite number",
    ),
]  # fmt: skip


@pytest.mark.parametrize(
    ("swept", "message"), MISTAKES, ids=[f"{swept}"[:60] for swept, _ in MISTAKES]
)
def test_a_mistake_is_said_in_one_line(complete, swept, message):
    training = {} if RATE in swept else {"batch_size": 500}
    network = CONVOLUTIONS if "network.groups" in swept else {}
    with pytest.raises(ConfigError) as error:
        complete({"training": training, "network": network, "sweep": swept})
    assert str(error.value) == message


def test_a_learning_rate_is_given_or_swept(schema):
    block = {"dataset": {"name": "digits"}, "network": {"name": "mlp"}}
    for swept in ({}, {"sweep": {}}, {"sweep": {"training.epochs": [1, 2]}}):
        config = {"name": "run", "experiments": {"e": {**block, **swept}}}
        with pytest.raises(ConfigError) as error:
            completion.complete(config, schema, REGISTRIES)
        assert str(error.value) == (
            f"{E}: the key 'training.learning_rate' is missing: set it, or sweep over it: "
            "sweep: {training.learning_rate: [1.0e-3, 1.0e-2]}"
        )


@pytest.mark.parametrize("also", [{}, {"sweep": {RATE: [0.1]}}], ids=["alone", "beside a sweep"])
def test_the_former_key_is_refused_with_the_line_to_write(complete, also):
    with pytest.raises(ConfigError) as error:
        complete({"learning_rates": [0.1], **also})
    assert str(error.value) == (
        f"{E}: unknown key 'learning_rates': write sweep: {{training.learning_rate: <the same>}}"
    )


@pytest.mark.parametrize(
    ("block", "axis", "values", "expected"),
    [(block, axis, values, expected) for block, axis, values, _, expected in SWEEPS.values()
     if len(values) > 1],
    ids=[name for name, (_, _, values, *_) in SWEEPS.items() if len(values) > 1],
)  # fmt: skip
def test_another_value_changes_nothing_of_the_other_settings(
    complete, block, axis, values, expected
):
    """Neither the hash in their tables nor their folders, wherever in the list it comes."""
    config = {"seed": 3}
    more = complete({**block, "sweep": {axis: values}})
    for left_out in range(len(values)):
        # Two depths of which one is left out are one list, known by its width.
        if len(values) == 2 and isinstance(values[0], list):
            continue
        fewer = complete(
            {**block, "sweep": {axis: [v for i, v in enumerate(values) if i != left_out]}}
        )
        kept = [label for i, label in enumerate(expected) if i != left_out]
        assert list(fewer["settings"]) == kept
        for label in kept:
            assert {**fewer["settings"][label], "sweep": {}} == {
                **more["settings"][label], "sweep": {}}  # fmt: skip
            assert fewer["values"][label] == more["values"][label]
        assert labels.training_hash(config, fewer) == labels.training_hash(config, more)


def test_the_hash_of_a_sweep_over_learning_rates_is_that_of_each_of_them_alone(complete):
    """A run of one learning rate continues as a sweep."""
    alone = complete({"training": {"learning_rate": 0.1}})
    swept = complete({"sweep": {RATE: [0.2, 0.1]}})
    assert labels.training_hash({"seed": 0}, alone) == labels.training_hash({"seed": 0}, swept)
    assert set(alone["settings"]) < set(swept["settings"])


def test_the_hash_depends_on_what_is_not_swept(complete):
    first, *others = (
        complete({**block, "sweep": {"training.epochs": [1, 2]}})
        for block in ({}, {"training": {"batch_size": 3}}, {"network": {"name": "convnet"}})
    )
    for other in others:
        assert labels.training_hash({"seed": 0}, first) != labels.training_hash({"seed": 0}, other)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ([[64, 64], [128, 128]], [[64, 64, 64], [128, 128, 128]]),
        ([[64, 32], [128, 64]], [[64, 64], [128, 128]]),
        ([[64], [64, 64]], [[32], [32, 32]]),
    ],
)
def test_widths_of_another_shape_that_have_the_same_numbers_have_another_hash(complete, one, other):
    first, second = (complete({"sweep": {WIDTHS: values}}) for values in (one, other))
    assert first["values"] == second["values"]
    assert labels.training_hash({"seed": 0}, first) != labels.training_hash({"seed": 0}, second)


def test_an_experiment_that_looks_like_a_number_is_a_name(schema):
    block = {"dataset": {"name": "digits"}, "network": {"name": "mlp"}, "sweep": {RATE: [0.1, 0.2]}}
    found = completion.complete({"name": "run", "experiments": {1: block}}, schema, REGISTRIES)
    assert len(found["experiments"]["1"]["settings"]) == 2


def test_what_depends_on_a_setting_is_resolved_in_each(complete):
    found = complete({"network": CONVOLUTIONS, "sweep": {"network.groups": [[[2]], [[4]]]}})
    assert [b["activations"]["streamed"] for b in found["settings"].values()] == [True, True]


@pytest.mark.parametrize("rate", [1e-300, 1e-100, 1e-5, 1.0, 1e100])
def test_any_number_has_a_label_that_is_a_folder(complete, rate):
    (label,) = complete({"sweep": {RATE: [rate]}})["settings"]
    assert re.fullmatch(labels.SETTING_LABEL, label)
    assert float(label.removeprefix("learning_rate-")) == rate
