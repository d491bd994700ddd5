"""The command ``lmc-ot``: tools for runs of the workflow and for its config."""

import argparse
import sys
from pathlib import Path

from .errors import UserError

SCHEMA = Path(__file__).resolve().parents[2] / "schemas/config.schema.yaml"


def main(arguments: list[str] | None = None) -> int:
    """Run a subcommand. A `UserError` is printed as one line, with exit status 1."""
    given = _parser().parse_args(arguments)
    try:
        print(given.run(given), end="")
    except UserError as error:
        print(f"lmc-ot {given.command}: {error}", file=sys.stderr)
        return 1
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="lmc-ot", description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")

    crate = commands.add_parser(
        "crate",
        help="write the Workflow Run RO-Crate of a finished run",
        description="Write the Workflow Run RO-Crate of a finished run, in the folder of the run.",
    )
    crate.add_argument(
        "configs",
        nargs="*",
        type=Path,
        default=[Path("config/config.yaml")],
        help="the run's config and its overlays; default: config/config.yaml",
    )
    crate.add_argument("--crate", type=Path, help="folder or .zip; default: crates/<name>")
    crate.add_argument(
        "--author", action="append", default=[], help='"Name" or "Name <https://orcid.org/...>"'
    )
    crate.set_defaults(run=_crate)

    usage = commands.add_parser(
        "usage",
        help="print the time and memory of a run, one row per rule",
        description="Print the time and memory of a run, one row per rule.",
    )
    usage.add_argument("name", help="name of the run")
    usage.set_defaults(run=_usage)

    reference = commands.add_parser(
        "reference",
        help="print the reference page of the config",
        description="Print the reference page of the config, in Markdown.",
    )
    reference.set_defaults(run=_reference)
    _add_groups(commands)
    _add_merging(commands)
    return parser


def _add_groups(commands) -> None:
    groups = commands.add_parser(
        "groups",
        help="print the groups of permutable units of any torch module",
        description="Derive the groups of permutable units of a torch module from its own graph, "
        "and verify that permuting them does not change its function.",
    )
    groups.add_argument(
        "target",
        help="class or function that makes the network: torchvision.models:vit_b_16, or "
        "path/to/file.py:Class; or a config, for all networks in it: config/config.yaml",
    )
    groups.add_argument(
        "--arguments", default="{}", help='its keyword arguments, YAML or JSON: "{depth: 20}"'
    )
    groups.add_argument(
        "--shape", type=int, nargs="+", default=[3, 224, 224], help="of one input; 3 224 224"
    )
    groups.add_argument(
        "--vocabulary", type=int, help="inputs are integers (tokens) below this number"
    )
    groups.add_argument(
        "--controls",
        type=int,
        default=12,
        help="groups to move without one of their members, to see that the output changes; 12",
    )
    groups.add_argument("--no-verify", action="store_true", help="derive the groups only")
    groups.add_argument("--json", action="store_true", help="print all groups as JSON")
    groups.set_defaults(run=_groups)


def _add_merging(commands) -> None:
    example = "--network torchvision.models:resnet18 --arguments '{num_classes: 10}'"
    match = commands.add_parser(
        "match",
        help="permute the units of one checkpoint so that they correspond to another's",
        description="Match checkpoint B to checkpoint A and print what each group reaches.",
        epilog=f"example: lmc-ot match a.safetensors b.pt {example} --output permuted.safetensors",
    )
    barrier = commands.add_parser(
        "barrier",
        help="print the loss on the line between two checkpoints",
        description="Print loss and accuracy on the line between two checkpoints.",
        epilog=f"example: lmc-ot barrier a.pt b.safetensors {example} --data my_data.py:test",
    )
    merge = commands.add_parser(
        "merge",
        help="match several checkpoints and write their mean",
        description="Match checkpoints to each other and write the mean of their parameters.",
        epilog=f"example: lmc-ot merge a.pt b.pt c.pt {example} --data my_data.py:train "
        "--output merged.safetensors",
    )
    for parser in (match, barrier):
        parser.add_argument("a", help="checkpoint A: .safetensors, .pt or .pth")
        parser.add_argument("b", help="checkpoint B")
    merge.add_argument("checkpoints", nargs="+", help="two or more: .safetensors, .pt or .pth")
    for parser, run in (
        (match, "match_files"),
        (barrier, "barrier_of_files"),
        (merge, "merge_files"),
    ):
        _add_checkpoint_options(parser, parser is barrier)
        parser.set_defaults(run=lambda given, run=run: _merging(given, run))
    match.add_argument("--output", help="where to write B with its units permuted, .safetensors")
    merge.add_argument("--output", required=True, help="where to write it, .safetensors")
    merge.add_argument("--towards", choices=["first", "mean"], default="first", help="first; mean")
    barrier.add_argument("--points", type=int, default=25, help="an odd number of points; 25")
    for parser in (barrier, merge):
        parser.add_argument(
            "--loss",
            default="cross_entropy",
            help="cross_entropy, mse, or a function of outputs and targets: file.py:name",
        )


def _add_checkpoint_options(parser, losses_only: bool) -> None:
    parser.add_argument(
        "--network",
        required=True,
        help="the class of the networks: package.module:name or file.py:name",
    )
    parser.add_argument("--arguments", default="{}", help="its keyword arguments, YAML or JSON")
    parser.add_argument(
        "--data",
        help="a registered data set (its training examples), or file.py:name, for a list of "
        "batches of inputs and targets, for {train: (inputs, targets), test: ...}, or for a "
        "function that returns one of them",
    )
    parser.add_argument("--json", action="store_true", help="print JSON instead of a table")
    if losses_only:
        return
    parser.add_argument("--method", default="weight_matching", help="weight_matching, am, ...")
    parser.add_argument("--options", default="{}", help="options of the method, YAML or JSON")
    parser.add_argument(
        "--shape", type=int, nargs="+", default=[3, 224, 224], help="of an input, without --data"
    )
    parser.add_argument("--seed", type=int, default=0, help="of random draws; 0")


def _merging(given: argparse.Namespace, name: str) -> str:
    try:
        from .merging import command
    except ImportError as error:
        raise UserError(f"{error}: install lmc-ot[torch]") from error
    return getattr(command, name)(given)


def _crate(given: argparse.Namespace) -> str:
    from .provenance import crate

    return f"{crate.write(Path(), given.configs, given.crate, given.author)}\n"


def _usage(given: argparse.Namespace) -> str:
    from .provenance import usage

    rows = usage.roll_up(Path("benchmark", given.name), Path("logs", given.name))
    if not rows:
        raise UserError(f"benchmark/{given.name}: no benchmark files: run the workflow first")
    return f"{usage.text(rows)}\n"


def _groups(given: argparse.Namespace) -> str:
    try:
        from .networks.groups.report import report
    except ImportError as error:
        raise UserError(f"{error}: install lmc-ot[torch]") from error

    controls = None if given.no_verify else given.controls
    if given.target.endswith((".yaml", ".yml")):
        return _groups_of_config(Path(given.target), controls, given.json)
    wanted = given.target, given.arguments, given.shape, given.vocabulary
    return report(*wanted, controls, given.json)


def _groups_of_config(path: Path, controls: int | None, as_json: bool) -> str:
    """The groups of every network of a config, which is completed as the workflow does."""
    import yaml

    from .config import completion, labels, reading
    from .networks.build import build
    from .networks.groups.report import as_line, of_network, summary
    from .registries import REGISTRIES

    reading.check_keys(path)
    config = yaml.safe_load(path.read_text(encoding="utf-8"))
    config = completion.complete(config, SCHEMA, REGISTRIES)
    texts, data = {}, {}
    for experiment in config["experiments"].values():
        for setting in experiment["settings"].values():
            label, block = labels.architecture(setting), setting["dataset"]
            if label in texts:
                continue
            key = labels.dataset_label(block)
            if key not in data:
                block = labels.beside(block, [path.parent], "dataset.target")
                data[key] = REGISTRIES["dataset"].build(block)
            own = labels.beside(setting["network"], [path.parent])
            network = build(own, data[key], logits=False)
            images = data[key].inputs("train")[:8]
            answer = as_line if as_json else summary
            texts[label] = answer(label, *of_network(network, images, controls))
    return ("" if as_json else "\n").join(texts.values())


def _reference(given: argparse.Namespace) -> str:
    import yaml

    from .config import reference
    from .registries import REGISTRIES

    return reference.markdown(yaml.safe_load(SCHEMA.read_text(encoding="utf-8")), REGISTRIES)
