"""Fill in a config's defaults and check it against the schema, with one-line errors.

The schema is ``workflow/schemas/config.schema.yaml``. Names and options of data sets, networks,
optimisers, matchers and panels come from the registries that the caller passes. The Snakefile
calls this at every start, so the module imports no heavy package.
"""

import copy
import math
import re
from pathlib import Path

import jsonschema
import yaml

from ..errors import ConfigError, one_line
from . import checkpoints, checks, sweep
from .reading import NOT_UNDERSTOOD
from .registry import Registry, instead

# Labels that matchers must not have: in the panels' tables this is the mean of two networks.
RESERVED_LABELS = ["endpoints"]
_TYPES = {list: "array", dict: "object", str: "string", type(None): "null"}
_WRITTEN = {"array": "a list", "null": "null", "string": "text"}
_NUMBER = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?")


def complete(config: dict, schema_path: str | Path, registries: dict[str, Registry]) -> dict:
    """Return a config with all defaults filled in and all values checked.

    Parameters
    ----------
    config
        The config as loaded from YAML; it is not modified.
    schema_path
        The file of the schema.
    registries
        Kind -> registry, for all kinds that the schema names.

    Returns
    -------
    dict
        The completed config. Every experiment has its sweep unfolded into ``settings``.

    Raises
    ------
    ConfigError
        One line: the key, the mistake, and the allowed values.
    """
    try:
        schema = yaml.safe_load(Path(schema_path).read_text(encoding="utf-8"))
        config = _without_what_is_left_out(config)
        of_experiment = schema["properties"]["experiments"]["additionalProperties"]
        blocks = config.get("experiments")
        sweeps = {
            str(name): _unfolded(f"experiments.{name}", block, of_experiment, registries)
            for name, block in (blocks.items() if isinstance(blocks, dict) else ())
            if isinstance(block, dict)
        }
        if sweeps:
            blocks = {str(name): block for name, block in blocks.items()}
            config["experiments"] = blocks | {name: s.blocks[0] for name, s in sweeps.items()}
        config = _validated(config, schema, "", registries)
        for name, swept in sweeps.items():
            path = f"experiments.{name}"
            others = [
                _validated(block, of_experiment, path, registries) for block in swept.blocks[1:]
            ]
            settings = [config["experiments"][name], *others]
            config["experiments"][name] = _with_settings(path, swept.axis, settings)
        return checks.check(config, registries)
    except NOT_UNDERSTOOD as error:
        raise ConfigError(f"the config cannot be read: {one_line(error)}") from error


def _unfolded(path: str, block: dict, schema: dict, registries: dict[str, Registry]) -> sweep.Sweep:
    """Unfold a block's sweep into settings; null, as an overlay may set it, means no sweep."""
    if block.get(sweep.CHECKPOINTS) == {}:
        raise ConfigError(f"{path}.checkpoints: empty: expected files, or null to train networks")
    if block.get(sweep.CHECKPOINTS) is not None:  # an overlay removes what it replaces with null
        replaced = [key for key in checkpoints.OF_TRAINING if block.get(key, {}) is None]
        block = {key: value for key, value in block.items() if key not in replaced}
    swept = {} if block.get("sweep") is None else block["sweep"]
    if isinstance(swept, dict):
        swept = {key: values for key, values in swept.items() if values is not None}
    swept = _validated(swept, schema["properties"]["sweep"], f"{path}.sweep", registries)
    unfolded = sweep.unfold(path, {**block, "sweep": swept})
    checkpoints.check_exclusive(path, unfolded)
    return unfolded


def _validated(value, schema: dict, path: str, registries: dict[str, Registry]):
    """Complete a value with its defaults and check it against the schema."""
    value, concrete = _Completion(registries).complete(value, schema, path)
    errors = jsonschema.Draft202012Validator(concrete).iter_errors(value)
    error = jsonschema.exceptions.best_match(errors)
    if error is not None:
        inside = [*path.split(".")] if path else []
        where = _where(".".join([*inside, *(str(part) for part in error.absolute_path)]))
        raise ConfigError(f"{where}{one_line(error.message)}")
    return value


def _with_settings(path: str, axis: str, settings: list[dict]) -> dict:
    """Return the first setting, extended by the axis and by the value and block of each setting."""
    given = settings[0]["checkpoints"]
    if given is None and settings[0]["training"]["learning_rate"] is None:
        raise ConfigError(
            f"{path}: the key 'training.learning_rate' is missing: set it, or sweep over it: "
            f"sweep: {{{sweep.LEARNING_RATE}: [1.0e-3, 1.0e-2]}}"
        )
    values = (
        checkpoints.numbers(path, given)
        if axis == sweep.CHECKPOINTS
        else [sweep.value_of(block, axis) for block in settings]
    )
    numbers = sweep.numbers(f"{path}.sweep.{axis}", values)
    named = sweep.name(axis, values)
    labels = [sweep.setting_label(named, number) for number in numbers]
    duplicate = [label for label in labels if labels.count(label) > 1]
    if duplicate:
        raise ConfigError(f"{path}.sweep.{axis}: two settings share the label {duplicate[0]}")
    if given is not None:
        of_numbers = [checkpoints.of_setting(path, given, number) for number in numbers]
        settings = [s | {"checkpoints": f} for s, f in zip(settings, of_numbers, strict=True)]
    return {
        **settings[0],
        "axis": axis,
        "named_axis": named,
        "values": dict(zip(labels, map(float, numbers), strict=True)),
        "settings": dict(zip(labels, settings, strict=True)),
    }


def _without_what_is_left_out(config: dict) -> dict:
    """Drop experiments, figures and theories set to null, which is how an overlay removes them."""
    return {
        part: {name: block for name, block in blocks.items() if block is not None}
        if part in ("experiments", "figures", "theory") and isinstance(blocks, dict)
        else blocks
        for part, blocks in config.items()
    }


class _Completion:
    """Walk a config and its schema together, inserting the options of registered names."""

    def __init__(self, registries: dict[str, Registry]):
        self.registries = registries

    def complete(self, value, schema: dict, path: str):
        """Return the completed value, and its schema with registries replaced by their entries."""
        schema = dict(schema)
        if "registry" in schema:
            schema = self._named(value, schema, path)
        elif "registry_map" in schema:
            schema = self._labelled(value, schema, path)
        elif "anyOf" in schema:
            kind = _TYPES.get(type(value))
            if kind not in [alternative["type"] for alternative in schema["anyOf"]]:
                ways = ", or ".join(_way(alternative) for alternative in schema["anyOf"])
                raise ConfigError(f"{_where(path)}{value!r}: expected {ways}")
            schema = next(s for s in schema["anyOf"] if s["type"] == kind)
        types = schema.get("type", ())
        if {"number", "integer"} & _set(types):
            value = _number(value, "number" in _set(types), path)
        if "boolean" in _set(types) and value in ("true", "false"):
            # Snakemake's --config passes booleans as text.
            value = value == "true"
        if isinstance(value, dict) and types == "object":
            value, schema = self._complete_object(value, schema, path)
        elif isinstance(value, list) and "items" in schema:
            done = [self.complete(v, schema["items"], f"{path}[{i}]") for i, v in enumerate(value)]
            value = [v for v, _ in done]
            schema["prefixItems"] = [s for _, s in done]
        return value, schema

    def _complete_object(self, value: dict, schema: dict, path: str):
        properties = dict(schema.get("properties", {}))
        others = schema.get("additionalProperties", False)
        value = {str(key): v for key, v in value.items()}
        for key, sub in properties.items():
            if key not in value and "default" in sub:
                value[key] = copy.deepcopy(sub["default"])
            if key not in value and key in schema.get("required", ()):
                hint = f"; {schema['missing']}" if "missing" in schema else ""
                raise ConfigError(
                    f"{_where(path)}the key {key!r} is missing: {sub['description']}{hint}"
                )
        for key in value:
            inside = f"{path}.{key}" if path else key
            if key in schema.get("former", {}):
                raise ConfigError(f"{_where(path)}unknown key {key!r}: {schema['former'][key]}")
            if key not in properties and others is False:
                raise ConfigError(f"{_where(path)}unknown key {key!r}{instead(key, properties)}")
            value[key], properties[key] = self.complete(
                value[key], properties.get(key, others), inside
            )
        # Snakemake compares the parameters of rules as text. Reordering the config's keys, or
        # writing out a default, must not trigger a rerun.
        value = {key: value[key] for key in properties if key in value}
        return value, {**schema, "properties": properties, "additionalProperties": False}

    def _named(self, value, schema: dict, path: str) -> dict:
        """Return the schema of a block ``{name: <registered>, option: ...}``."""
        registry = self.registries[schema["registry"]]
        of_name = {"type": "string"}
        if "default" in schema:
            # The name may be left out, for example if only an option is swept.
            of_name["default"] = schema["default"]["name"]
            value = {"name": of_name["default"], **value} if isinstance(value, dict) else value
        return _block_schema(registry, _asked(path, registry.named, value), of_name)

    def _labelled(self, value, schema: dict, path: str) -> dict:
        """Return the schema of ``{label: {name: <registered; default: label>, option: ...}}``."""
        registry = self.registries[schema["registry_map"]]
        if not isinstance(value, dict) or (not value and schema.get("default") != {}):
            raise ConfigError(f"{_where(path)}expected at least one <{registry.kind}>: {{options}}")
        properties = {}
        for label, options in value.items():
            if not re.fullmatch(r"[a-z][a-z0-9_]*", str(label)):
                raise ConfigError(
                    f"{_where(path)}{label!r}: expected a label of lower-case letters, digits and _"
                )
            if label in RESERVED_LABELS:
                raise ConfigError(f"{_where(path)}{label!r} is reserved: choose another label")
            options = options if isinstance(options, dict) else {}
            if registry.kind in options:
                raise ConfigError(
                    f"{path}.{label}: unknown key {registry.kind!r}: write name: "
                    f"{options[registry.kind]}"
                )
            name = options.get("name", label)
            _asked(path, registry.entry, name)
            of_name = {"type": "string", "default": label}
            properties[label] = _block_schema(registry, name, of_name)
        return {"type": "object", "properties": properties}


def _way(alternative: dict) -> str:
    """Describe how a value of one of several alternatives is written."""
    if alternative["type"] == "object":
        keys = alternative["properties"] or ["<number>"]
        return f"{{{', '.join(f'{key}: ...' for key in keys)}}}"
    return " or ".join(alternative.get("enum", ())) or _WRITTEN[alternative["type"]]


def _number(value, fractional: bool, path: str):
    """Convert a number to its intended type.

    YAML reads ``1e-3`` as text; ``20.0`` is accepted as an integer, and ``0`` as a float.
    """
    if isinstance(value, str) and _NUMBER.fullmatch(value):
        value = int(value) if re.fullmatch(r"[+-]?\d+", value) else float(value)
    if isinstance(value, float) and not math.isfinite(value):
        raise ConfigError(f"{_where(path)}{value}: expected a finite number")
    if isinstance(value, float) and value.is_integer() and not fractional:
        return int(value)
    if isinstance(value, int) and not isinstance(value, bool) and fractional:
        return float(value)
    return value


def _set(types) -> set[str]:
    return {types} if isinstance(types, str) else set(types)


def _where(path: str) -> str:
    return f"{path}: " if path else ""


def _block_schema(registry: Registry, name: str, of_name: dict) -> dict:
    """Return the schema of a block of that name; `of_name` is the schema of the name itself."""
    options = registry.options(name)
    return {
        "type": "object",
        "required": ["name", *(key for key, sub in options.items() if "default" not in sub)],
        "properties": {"name": of_name, **options},
    }


def _asked(path: str, ask, value):
    """Call a registry's method, prefixing its errors with the key of the value."""
    try:
        return ask(value)
    except ConfigError as error:
        raise ConfigError(f"{_where(path)}{error}") from None
