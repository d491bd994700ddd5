"""Generate the reference page of the config from its schema and the registries.

``.venv/bin/lmc-ot reference > config/README.md``
"""

import yaml

from .registry import Registry

_HEAD = """\
# The config, key by key

This page is generated from `workflow/schemas/config.schema.yaml` and the registries in
`workflow/scripts/lmc_ot/` by `.venv/bin/lmc-ot reference > config/README.md`; a test checks that
it is up to date.

| file | what it runs |
|---|---|
| `config.yaml` | the default: the paper's experiment on scikit-learn's digits, in minutes |
| `residual.yaml` | all matchers on a residual network with batch norm, on the digits |
| `quick.yaml` | Figure 2 of the paper on scikit-learn's digits, in one to two minutes |
| `mnist-small.yaml` | MNIST at a reduced scale; about a quarter of an hour on two cores |
| `cifar10-small.yaml` | VGG16 on CIFAR-10 at a reduced scale; two to three hours on two cores |
| `paper.yaml` | the paper's experiments at full scale |
| `theory.yaml` | the experiments on the theorems at full size, and a sweep with Adam |
| `width.yaml` | the paper's central claim on trained networks: width, depth and dimension |
| `overlays/cifar10-bfloat16.yaml` | on top of `cifar10-small.yaml`: training in bfloat16 |
| `overlays/cifar10-parquet.yaml` | on top of `cifar10-small.yaml`: CIFAR-10 from parquet shards |
| `overlays/paper-mnist.yaml` | on top of `paper.yaml`: only its MNIST experiment |
| `published.csv` | published numbers, with the source of every row |

To run a config other than the default, use
`snakemake --cores all --configfile config/paper.yaml`; overlays follow the config that they
modify. Unknown keys are errors. A key without a default is required. Tables are written to
`results/<name>/`, figures to `paper_figures/<name>/`.
"""


def markdown(schema: dict, registries: dict[str, Registry]) -> str:
    """Return the page in Markdown, from the schema and the registries of all kinds it names."""
    lines = [_HEAD, "## Keys", "", "| key | default | meaning |", "|---|---|---|"]
    lines += _rows(schema, "")
    for kind, registry in registries.items():
        lines += ["", f"## {kind}: registered names", "", "| name | option | default | meaning |"]
        lines += ["|---|---|---|---|"]
        if registry.shared:
            lines.append("| (all) | | | |")
            shared = {"properties": registry.shared, "required": list(registry.shared)}
            lines += [f"| {row}" for row in _rows(shared, "")]
        for name in registry.names:
            entry = registry.entry(name)
            lines.append(f"| `{name}` | | | {_cell(entry.description)} |")
            lines += [
                f"| | `{option}` | {_default(sub) if 'default' in sub else 'required'} | "
                f"{_meaning(sub)} |"
                for option, sub in entry.options.items()
            ]
    return "\n".join(lines) + "\n"


def _rows(schema: dict, path: str) -> list[str]:
    rows = []
    for key, sub in schema.get("properties", {}).items():
        inside = f"{path}{key}"
        required = key in schema.get("required", ()) and "default" not in sub
        default = "required" if required else _default(sub)
        rows.append(f"| `{inside}` | {default} | {_meaning(sub)} |")
        rows += _rows_inside(sub, inside)
    return rows


def _rows_inside(schema: dict, path: str) -> list[str]:
    """Return the rows of the keys below a key."""
    rows = _rows(schema, f"{path}.")
    for alternative in schema.get("anyOf", ()):
        rows += _rows(alternative, f"{path}.")
    others = schema.get("additionalProperties")
    if isinstance(others, dict):
        if "description" in others:
            rows.append(f"| `{path}.<name>` | {_default(others)} | {_meaning(others)} |")
        rows += _rows_inside(others, f"{path}.<name>")
    if "items" in schema:
        rows += _rows_inside(schema["items"], f"{path}[]")
    return rows


def _default(schema: dict) -> str:
    if "default" not in schema:
        return "-"
    value = yaml.safe_dump(schema["default"], default_flow_style=True, width=200).split("\n")[0]
    return f"`{value}`"


def _meaning(schema: dict) -> str:
    text = schema["description"]
    if "enum" in schema:
        text += f" (one of {', '.join(f'`{choice}`' for choice in schema['enum'])})"
    kind = schema.get("registry") or schema.get("registry_map")
    return _cell(f"{text} (see [{kind}](#{kind}-registered-names))" if kind else text)


def _cell(text: str) -> str:
    return text.replace("|", "\\|")
