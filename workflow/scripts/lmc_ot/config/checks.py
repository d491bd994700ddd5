"""Checks that the schema cannot express: values that depend on others, names that must differ."""

from ..errors import ConfigError
from .labels import CROSS_ENTROPY, panel_experiments, panel_tables
from .registry import Registry, instead
from .sweep import LEARNING_RATE

LOSSES = [CROSS_ENTROPY, "mse"]
# Tables in the folder of figures that do not belong to any figure.
RESERVED = ["results", "comparison", "merged"]


def check(config: dict, registries: dict[str, Registry]) -> dict:
    """Check a completed config and fill in its derived values, in place.

    Raises
    ------
    ConfigError
        One line: the key, the problem, and what to do.
    """
    for name, experiment in config["experiments"].items():
        if experiment["published"] and experiment["axis"] != LEARNING_RATE:
            raise ConfigError(
                f"experiments.{name}.published: published numbers exist for learning rates "
                f"only, but the experiment sweeps over {experiment['axis']}: remove this key"
            )
        for block in (experiment, *experiment["settings"].values()):
            if block["merge"] is None:
                block["merge"] = block["checkpoints"] is not None
        for setting in experiment["settings"].values():
            _resolve(f"experiments.{name}", setting, config["keep_activations"], registries)
    for name, figure in config["figures"].items():
        for panel in figure["panels"]:
            _check_panel(f"figures.{name}", panel, config["experiments"], registries)
        figure["caption"] = figure["caption"] or _caption(
            figure["panels"], config["experiments"], registries
        )
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


def _resolve(
    path: str, experiment: dict, keep_activations: bool, registries: dict[str, Registry]
) -> None:
    training, loss = experiment["training"], experiment["loss"]
    if loss not in LOSSES and ":" not in loss:
        raise ConfigError(
            f"{path}.loss: {loss!r}: expected {', '.join(LOSSES)}, or a function as "
            f"file.py:name{instead(loss, LOSSES)}"
        )
    if training["stop_after"] is not None and training["stop_after"] > training["epochs"]:
        raise ConfigError(
            f"{path}.training.stop_after: {training['stop_after']} exceeds training.epochs = "
            f"{training['epochs']}: raise training.epochs, or remove stop_after"
        )
    activations = experiment["activations"]
    dense = registries["network"].entry(experiment["network"]["name"]).dense
    if activations["streamed"] is None:
        activations["streamed"] = not dense or not keep_activations
    if not activations["streamed"] and not keep_activations:
        raise ConfigError(
            f"{path}.activations.streamed: false requires recorded activations: "
            f"set keep_activations to true, or remove streamed"
        )
    named = [options["name"] for options in experiment["matchers"].values()]
    if not dense and not activations["streamed"] and "sigma_wm" in named:
        raise ConfigError(
            f"{path}.activations.streamed: sigma_wm on convolutions requires true: "
            f"set streamed to true, or remove sigma_wm"
        )
    if experiment["checkpoints"] is None:
        check_pairs(f"{path}.networks", experiment["networks"], experiment["pairs"])
    if experiment["path"]["points"] % 2 == 0:
        raise ConfigError(
            f"{path}.path.points: {experiment['path']['points']} is even: expected an odd number"
        )


def check_pairs(key: str, networks: int, pairs: str) -> None:
    """Raise ConfigError, about a key, unless so many networks make pairs of this kind."""
    if networks < 2:
        raise ConfigError(f"{key}: {networks} network: expected at least two, which make a pair")
    if pairs == "disjoint" and networks % 2:
        raise ConfigError(
            f"{key}: {networks} is not a multiple of 2: change the number, or set pairs to first"
        )


def _check_panel(
    path: str, panel: dict, experiments: dict, registries: dict[str, Registry]
) -> None:
    names = panel_experiments(panel)
    for name in names:
        _check_shown(path, panel, name, experiments, registries)
    axes = sorted({experiments[name]["named_axis"] for name in names})
    if len(axes) > 1:
        raise ConfigError(
            f"{path}: the experiments of panel {panel['name']} must sweep over the same key, but "
            f"sweep over {' and '.join(axes)}: choose other experiments"
        )


def _check_shown(
    path: str, panel: dict, name: str, experiments: dict, registries: dict[str, Registry]
) -> None:
    if name not in experiments:
        raise ConfigError(
            f"{path}: unknown experiment {name!r}: expected one of {', '.join(sorted(experiments))}"
        )
    network = experiments[name]["network"]["name"]
    if (
        not registries["network"].entry(network).dense
        and not registries["panel"].entry(panel["name"]).convolutional
    ):
        raise ConfigError(
            f"{path}: the panel {panel['name']} does not support convolutional networks such as "
            f"{network} of experiment {name}: choose an experiment without convolutions"
        )
    if panel.get("metric") == "accuracy" and experiments[name]["loss"] != CROSS_ENTROPY:
        raise ConfigError(
            f"{path}: the panel {panel['name']} cannot show the accuracy of experiment {name}, "
            f"whose loss is {experiments[name]['loss']}: set metric: loss"
        )
    matcher = panel.get("matcher")
    if matcher is not None and matcher not in experiments[name]["matchers"]:
        raise ConfigError(
            f"{path}: experiment {name} has no matcher {matcher!r}: "
            f"expected one of {', '.join(sorted(experiments[name]['matchers']))}"
        )


def _caption(panels: list[dict], experiments: dict, registries: dict[str, Registry]) -> str:
    captions = []
    for panel in panels:
        entry = registries["panel"].entry(panel["name"])
        said = [o["captions"].get(panel[k]) for k, o in entry.options.items() if "captions" in o]
        captions.append(" ".join([entry.description, *filter(None, said)]))
    if len(captions) > 1:
        captions = [
            f"({letter}) {text}" for letter, text in zip("abcdefgh", captions, strict=False)
        ]
    names = dict.fromkeys(name for panel in panels for name in panel_experiments(panel))
    notes = [note for name in names for note in experiments[name]["notes"].values()]
    return " ".join([*captions, *notes])
