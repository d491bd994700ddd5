"""The config: read strictly, completed with defaults, checked, one line an error.

The schema is ``workflow/schemas/config.schema.yaml``; names and options of data sets, networks,
optimisers, matchers and panels come from their registries. Nothing heavy is imported here: the
Snakefile calls this at every start.
"""

import copy
import difflib
import itertools
import math
import re
from pathlib import Path

import jsonschema
import yaml

from . import datasets, matching, networks, optimisers, panels, theory
from .errors import ConfigError, one_line
from .provenance import digest
from .registry import Registry

REGISTRIES: dict[str, Registry] = {
    package.REGISTRY.kind: package.REGISTRY
    for package in (datasets, networks, optimisers, matching, panels, theory)
}
# Tables beside the figures that are no figure's.
RESERVED = ["results", "comparison"]
# No labels of matchers: folders beside theirs, in the folder of a learning rate, and what the
# panels' tables call the networks themselves.
RESERVED_LABELS = ["activations", "all_pairs", "snapshots", "endpoints"]
RATE_LABEL = r"\d\.\d{3}e[+-]\d{2}"
_TYPES = {list: "array", dict: "object", str: "string", type(None): "null"}
_WRITTEN = {"array": "a list", "null": "null"}
_NUMBER = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?")


def check_duplicates(path: str | Path) -> None:
    """Raise ConfigError if a key of a YAML file is there twice: YAML would drop the first.

    Also if the file is no YAML, or is an endless one.
    """
    try:
        yaml.load(Path(path).read_text(encoding="utf-8"), Loader=_StrictLoader)
    except OSError as error:
        raise ConfigError(f"{path}: cannot be read: {error.strerror}") from error
    except _NOT_UNDERSTOOD as error:
        raise ConfigError(f"{path}: {one_line(error)}") from error


# What YAML's values can provoke: no UTF-8, numbers of thousands of digits, dates that are none,
# lists in lists in lists.
_NOT_UNDERSTOOD = (
    yaml.YAMLError,
    ArithmeticError,
    AttributeError,
    LookupError,
    RecursionError,
    TypeError,
    ValueError,
)
MOST_NODES = 100_000


class _StrictLoader(yaml.SafeLoader):
    def get_single_node(self):
        node = super().get_single_node()
        if node is not None:
            self._count(node, {})
        return node

    def _count(self, node, known: dict[int, int]) -> int:
        """How many values a node stands for, its aliases written out."""
        if id(node) not in known:
            known[id(node)] = MOST_NODES  # of a node that holds itself
            inside = [] if isinstance(node, yaml.ScalarNode) else node.value
            parts = [part for entry in inside for part in _parts(entry)]
            known[id(node)] = 1 + sum(self._count(part, known) for part in parts)
        if known[id(node)] > MOST_NODES:
            line = node.start_mark.line + 1
            raise yaml.YAMLError(f"line {line}: is more than {MOST_NODES:,} values: use no aliases")
        return known[id(node)]

    def compose_mapping_node(self, anchor):
        node = super().compose_mapping_node(anchor)
        seen = set()
        for key, _ in node.value:
            if not isinstance(key, yaml.ScalarNode) or key.tag == "tag:yaml.org,2002:merge":
                continue
            if (key.tag, key.value) in seen:
                line = key.start_mark.line + 1
                raise yaml.YAMLError(f"line {line}: the key {key.value!r} is there twice")
            seen.add((key.tag, key.value))
        return node


def _parts(entry) -> tuple:
    """The nodes of an entry: a list's is a node, a mapping's a pair of them."""
    return entry if isinstance(entry, tuple) else (entry,)


def complete(config: dict, schema_path: str | Path) -> dict:
    """A config with its defaults filled in, numbers read as numbers, and all of it checked.

    Parameters
    ----------
    config
        As YAML gives it; not changed.
    schema_path
        The schema.

    Raises
    ------
    ConfigError
        One line: the key, what is wrong with it, and what is allowed.
    """
    try:
        return _completed(config, yaml.safe_load(Path(schema_path).read_text()))
    except _NOT_UNDERSTOOD as error:
        raise ConfigError(f"cannot be understood: {one_line(error)}") from error


def _completed(config: dict, schema: dict) -> dict:
    config = _without_what_is_left_out(config)
    config, concrete = _complete(config, schema, "")
    errors = jsonschema.Draft202012Validator(concrete).iter_errors(config)
    error = jsonschema.exceptions.best_match(errors)
    if error is not None:
        where = _where(".".join(str(part) for part in error.absolute_path))
        raise ConfigError(f"{where}{one_line(error.message)}")
    for name, experiment in config["experiments"].items():
        _resolve(f"experiments.{name}", experiment)
    for name, figure in config["figures"].items():
        for panel in figure["panels"]:
            _check_panel(f"figures.{name}", panel, config["experiments"])
        figure["caption"] = figure["caption"] or _caption(figure["panels"], config["experiments"])
    theory_figures = [f"theory_{label}" for label in config["theory"]]
    tables = [
        *RESERVED,
        *(table for figure in config["figures"] for table in panel_tables(config, figure)),
        *theory_figures,
        *(f"{figure}_slopes" for figure in theory_figures),
    ]
    drawings = [*config["figures"], *theory_figures]
    for names, what, end in ((tables, "tables", "csv"), (drawings, "figures", "pdf")):
        twice = [name for name in names if names.count(name) > 1]
        if twice:
            raise ConfigError(
                f"figures, theory: two {what} would be called {twice[0]}.{end}: rename one"
            )
    return config


def _without_what_is_left_out(config: dict) -> dict:
    """An overlay cannot delete a key, but it can set an experiment or a figure to null."""
    return {
        part: {name: block for name, block in blocks.items() if block is not None}
        if part in ("experiments", "figures", "theory") and isinstance(blocks, dict)
        else blocks
        for part, blocks in config.items()
    }


def _complete(value, schema: dict, path: str):
    """The value with defaults, and the schema with its registries replaced by their entries."""
    schema = dict(schema)
    if "registry" in schema:
        schema = _named(value, schema, path)
    elif "registry_map" in schema:
        schema = _labelled(value, schema, path)
    elif "anyOf" in schema:
        kind = _TYPES.get(type(value))
        if kind not in [alternative["type"] for alternative in schema["anyOf"]]:
            ways = ", or ".join(_way(alternative) for alternative in schema["anyOf"])
            raise ConfigError(f"{_where(path)}{value!r}: write {ways}")
        schema = next(s for s in schema["anyOf"] if s["type"] == kind)
    types = schema.get("type", ())
    if {"number", "integer"} & _set(types):
        value = _number(value, "number" in _set(types), path)
    if "boolean" in _set(types) and value in ("true", "false"):
        # As `--config` gives it.
        value = value == "true"
    if isinstance(value, dict) and types == "object":
        value, schema = _complete_object(value, schema, path)
    elif isinstance(value, list) and "items" in schema:
        done = [_complete(v, schema["items"], f"{path}[{i}]") for i, v in enumerate(value)]
        value = [v for v, _ in done]
        schema["prefixItems"] = [s for _, s in done]
    return value, schema


def _way(alternative: dict) -> str:
    """How a value of one of several alternatives is written."""
    if alternative["type"] == "object":
        return f"{{{', '.join(f'{key}: ...' for key in alternative['properties'])}}}"
    return " or ".join(alternative.get("enum", ())) or _WRITTEN[alternative["type"]]


def _number(value, fractional: bool, path: str):
    """A number as it is meant: YAML reads ``1e-3`` as text, ``20.0`` may count, ``0`` may not."""
    if isinstance(value, str) and _NUMBER.fullmatch(value):
        value = int(value) if re.fullmatch(r"[+-]?\d+", value) else float(value)
    if isinstance(value, float) and not math.isfinite(value):
        raise ConfigError(f"{_where(path)}{value}: a finite number is wanted")
    if isinstance(value, float) and value.is_integer() and not fractional:
        return int(value)
    if isinstance(value, int) and not isinstance(value, bool) and fractional:
        return float(value)
    return value


def _set(types) -> set[str]:
    return {types} if isinstance(types, str) else set(types)


def _complete_object(value: dict, schema: dict, path: str):
    properties = dict(schema.get("properties", {}))
    others = schema.get("additionalProperties", False)
    value = {str(key): v for key, v in value.items()}
    for key, sub in properties.items():
        if key not in value and "default" in sub:
            value[key] = copy.deepcopy(sub["default"])
        if key not in value and key in schema.get("required", ()):
            raise ConfigError(f"{_where(path)}the key {key!r} is missing: {sub['description']}")
    for key in value:
        inside = f"{path}.{key}" if path else key
        if key not in properties and others is False:
            raise ConfigError(f"{_where(path)}unknown key {key!r}{_instead(key, properties)}")
        value[key], properties[key] = _complete(value[key], properties.get(key, others), inside)
    # Rules compare parameters as they are printed: the order in which a config has its keys, and
    # whether it writes out a default, must not train anything again.
    value = {key: value[key] for key in properties if key in value}
    return value, {**schema, "properties": properties, "additionalProperties": False}


def _where(path: str) -> str:
    return f"{path}: " if path else ""


def _instead(key: str, choices) -> str:
    close = difflib.get_close_matches(key, list(choices), n=1)
    return f": did you mean {close[0]!r}?" if close else f": one of {', '.join(sorted(choices))}"


def _named(value, schema: dict, path: str) -> dict:
    """Schema of ``{name: <registered>, option: ...}``."""
    registry = REGISTRIES[schema["registry"]]
    if not isinstance(value, dict) or "name" not in value:
        raise ConfigError(
            f"{_where(path)}a {registry.kind} is written {{name: <name>, ...}}, "
            f"the name one of {', '.join(registry.names)}"
        )
    return {
        "type": "object",
        "required": ["name", *schema.get("required", ())],
        "properties": {
            "name": {"type": "string"},
            **schema.get("properties", {}),
            **_entry(registry, value["name"], path).options,
        },
    }


def _labelled(value, schema: dict, path: str) -> dict:
    """Schema of ``{label: {matcher: <registered, the label by default>, option: ...}}``."""
    registry = REGISTRIES[schema["registry_map"]]
    if not isinstance(value, dict) or (not value and schema.get("default") != {}):
        raise ConfigError(f"{_where(path)}write <{registry.kind}>: {{options}}, at least one")
    properties = {}
    for label, options in value.items():
        if not re.fullmatch(r"[a-z][a-z0-9_]*", str(label)):
            raise ConfigError(f"{_where(path)}{label!r}: a label is of the form a_b1")
        if label in RESERVED_LABELS:
            raise ConfigError(f"{_where(path)}{label!r}: is a name of the workflow's own")
        options = options if isinstance(options, dict) else {}
        name = options.get(registry.kind, label)
        properties[label] = {
            "type": "object",
            "properties": {
                registry.kind: {"type": "string", "default": label},
                **_entry(registry, name, path).options,
            },
        }
    return {"type": "object", "properties": properties}


def _entry(registry: Registry, name, path: str):
    try:
        return registry.entry(name)
    except ConfigError as error:
        raise ConfigError(f"{_where(path)}{error}") from None


def _resolve(path: str, experiment: dict) -> None:
    rates = experiment["learning_rates"]
    if isinstance(rates, dict):
        low, high, number = rates["minimum"], rates["maximum"], rates["number"]
        if low >= high:
            raise ConfigError(f"{path}.learning_rates: minimum {low} is not below maximum {high}")
        step = math.log(high / low) / (number - 1)
        rates = [low * math.exp(step * i) for i in range(number - 1)] + [high]
    experiment["learning_rates"] = [float(rate) for rate in rates]
    activations = experiment["activations"]
    convolutional = networks.REGISTRY.entry(experiment["network"]["name"]).convolutional
    if activations["streamed"] is None:
        activations["streamed"] = convolutional
    named = [options["matcher"] for options in experiment["matchers"].values()]
    if convolutional and not activations["streamed"] and "sigma_wm" in named:
        raise ConfigError(
            f"{path}.activations.streamed: is false, sigma_wm on convolutions needs the stream: "
            f"set it to true, or leave sigma_wm out"
        )
    labels = [rate_label(rate) for rate in rates]
    odd = [label for label in labels if not re.fullmatch(RATE_LABEL, label)]
    if odd:
        raise ConfigError(f"{path}.learning_rates: {odd[0]}: between 1e-99 and 1e99 is wanted")
    twice = {label for label in labels if labels.count(label) > 1}
    if twice:
        raise ConfigError(f"{path}.learning_rates: {min(twice)} is there twice")
    if experiment["path"]["points"] % 2 == 0:
        raise ConfigError(
            f"{path}.path.points: {experiment['path']['points']} is even: an odd number has 1/2"
        )


def _check_panel(path: str, panel: dict, experiments: dict) -> None:
    name = panel["experiment"]
    if name not in experiments:
        raise ConfigError(
            f"{path}: unknown experiment {name!r}: one of {', '.join(sorted(experiments))}"
        )
    network = experiments[name]["network"]["name"]
    if (
        networks.REGISTRY.entry(network).convolutional
        and not panels.REGISTRY.entry(panel["name"]).convolutional
    ):
        raise ConfigError(
            f"{path}: the panel {panel['name']} cannot show convolutions, and {name} is of "
            f"{network}: choose an experiment without"
        )
    matcher = panel.get("matcher")
    if matcher is not None and matcher not in experiments[name]["matchers"]:
        raise ConfigError(
            f"{path}: experiment {name} has no matcher {matcher!r}: "
            f"one of {', '.join(sorted(experiments[name]['matchers']))}"
        )


def _caption(panels_: list[dict], experiments: dict) -> str:
    captions = []
    for panel in panels_:
        entry = panels.REGISTRY.entry(panel["name"])
        said = [o.get("captions", {}).get(panel[name]) for name, o in entry.options.items()]
        captions.append(" ".join([entry.description, *filter(None, said)]))
    if len(captions) > 1:
        captions = [
            f"({letter}) {text}" for letter, text in zip("abcdefgh", captions, strict=False)
        ]
    names = dict.fromkeys(panel["experiment"] for panel in panels_)
    notes = [note for name in names for note in experiments[name]["notes"].values()]
    return " ".join([*captions, *notes])


def dataset_label(block: dict) -> str:
    """A data set as it stands in paths: its name, and a hash of its options if it has any."""
    options = {k: v for k, v in block.items() if k != "name" and v is not None}
    return block["name"] + (f"-{digest(options)}" if options else "")


def rate_label(learning_rate: float) -> str:
    """A learning rate as it stands in paths: ``1.585e-03``."""
    return f"{learning_rate:.3e}"


def panel_tables(config: dict, figure: str) -> list[str]:
    """Names of the tables of a figure's panels: ``figure2``, or ``figure1a, figure1b``."""
    count = len(config["figures"][figure]["panels"])
    return [figure] if count == 1 else [f"{figure}{chr(ord('a') + i)}" for i in range(count)]


def pairs(experiment: dict) -> list[tuple[int, int]]:
    """The pairs of networks of each learning rate: (0, 1), (2, 3), ..."""
    return [(i, i + 1) for i in range(0, experiment["networks"], 2)]


def all_pairs(experiment: dict) -> list[tuple[int, int]]:
    """Every pair of networks of each learning rate: (0, 1), (0, 2), ..., (1, 2), ..."""
    return list(itertools.combinations(range(experiment["networks"]), 2))


def belongs(config: dict, path: Path) -> bool:
    """Whether a table or a benchmark file is of the config as it is now.

    What a learning rate, a matcher or an experiment left that the config has no more is not.

    Parameters
    ----------
    config
        Completed.
    path
        Relative to the run's folder of tables, or of benchmark files.
    """
    first, *rest = path.with_suffix("").parts
    # A table or a job of an experiment is in the folder of a learning rate; an experiment may be
    # called as something else that has files of its own.
    if first in config["experiments"] and len(rest) > 1:
        block = config["experiments"][first]
        rate, *inside = rest
        known = {"activations", "all_pairs", *block["matchers"]}
        return rate in map(rate_label, block["learning_rates"]) and known.issuperset(inside[:-1])
    labelled = {
        "draw_figure": config["figures"],
        "tabulate_panel": [t for figure in config["figures"] for t in panel_tables(config, figure)],
        **dict.fromkeys(
            ("theory", "measure_theory", "tabulate_theory", "draw_theory"), config["theory"]
        ),
    }
    if first in labelled:
        return rest[0] in labelled[first]
    if first in ("datasets", "prepare_dataset"):
        return rest[0] in [dataset_label(e["dataset"]) for e in config["experiments"].values()]
    return not rest


def training_hash(config: dict, experiment: dict) -> str:
    """Hash of what determines an experiment's networks: tables that differ in it do not mix."""
    return digest([config["seed"], *(experiment[k] for k in ("dataset", "network", "training"))])
