"""The commands ``lmc-ot match``, ``barrier`` and ``merge``: checkpoints in, a table and one out."""

import json
from collections.abc import Iterable
from dataclasses import asdict

import torch

from ..config.registry import instead
from ..data import REGISTRY as DATASETS
from ..data.dataset import Dataset
from ..data.module import dataset_of, is_dataset, made_by
from ..errors import UserError
from ..networks.groups.report import keywords
from ..networks.module import load
from .barrier import barrier
from .files import State, check_output, fitted, read_state, write_state
from .match import match
from .merge import merge

BATCH = 500


def match_files(given) -> str:
    """Match B to A; write B with its units permuted if an output is named."""
    if given.output:
        check_output(given.output)
    module, (a, b), data = _opened(given, [given.a, given.b])
    inputs = None if data else _example(given.shape)
    how = {"network": module, "data": data, "inputs": inputs, "seed": given.seed}
    matched = match(
        _float(a), _float(b), given.method, **how, **keywords(given.options, "--options")
    )
    if given.output:
        write_state(given.output, matched.permuted.state_dict(), b)
    dimensions = matched.dimensions
    rows = [
        {
            "group": group.name,
            "units": group.size,
            "objective": matched.objectives[group.name],
            "dimension": dimensions.get(group.name),
        }
        for group in matched.groups
    ]
    return _answer(given, rows, {"objective": matched.objective})


def barrier_of_files(given) -> str:
    """Evaluate the path between two networks, which is not matched first."""
    module, (a, b), data = _opened(given, [given.a, given.b])
    path = barrier(_float(a), _float(b), _needed(data), given.points, given.loss, module)
    accuracy = [None] * len(path.t) if path.accuracy is None else path.accuracy.tolist()
    rows = [
        {"t": t, "loss": loss, "accuracy": right}
        for t, loss, right in zip(path.t.tolist(), path.loss.tolist(), accuracy, strict=True)
    ]
    return _answer(given, rows, asdict(path.measures))


def merge_files(given) -> str:
    """Merge two or more networks and write the merged one."""
    check_output(given.output)
    module, states, data = _opened(given, given.checkpoints)
    inputs = None if data else _example(given.shape)
    how = {"network": module, "data": data, "inputs": inputs, "seed": given.seed}
    how |= {"towards": given.towards, "loss": given.loss}
    merged = merge(
        [_float(s) for s in states], given.method, **how, **keywords(given.options, "--options")
    )
    write_state(given.output, merged.network.state_dict(), states[0])
    names = dict(enumerate(given.checkpoints))
    rows = [
        {"network": names.get(int(name)) if name.isdigit() else name, "loss": loss}
        for name, loss in merged.losses.items()
    ]
    return _answer(given, rows, {"output": given.output})


def _opened(given, files: list[str]) -> tuple[torch.nn.Module, list[State], list | None]:
    """The module, the state dicts in the files, and the data."""
    module = load(given.network, keywords(given.arguments)).float().eval()
    states = [fitted(read_state(file), module, file) for file in files]
    return module, states, _batches(given.data) if given.data else None


def _float(state: State) -> State:
    return {n: t.float() if t.is_floating_point() else t for n, t in state.items()}


def _batches(name: str) -> list[tuple[torch.Tensor, torch.Tensor]]:
    """The training examples of a data set, registered or of the user, or the user's batches."""
    if ":" not in name:
        if name not in DATASETS.entries:
            raise UserError(f"--data {name}: no such data set{instead(name, DATASETS.names)}")
        return _batches_of(DATASETS.build({"name": name}))
    made = made_by(name)
    if is_dataset(made):
        return _batches_of(dataset_of(f"--data {name}", made))
    if not isinstance(made, Iterable):
        raise UserError(
            f"--data {name}: a {type(made).__name__}, not batches of inputs and targets"
        )
    batches = [tuple(batch) for batch in made]
    if not batches or any(len(batch) != 2 for batch in batches):
        raise UserError(f"--data {name}: expected batches (inputs, targets)")
    return batches


def _batches_of(data: Dataset) -> list[tuple[torch.Tensor, torch.Tensor]]:
    shape = (*data.shape, 1)[:3] if data.is_images else data.shape
    images = torch.from_numpy(data.inputs("train")).reshape(-1, *shape)
    labels = torch.from_numpy(data.train.labels)
    images = images.movedim(-1, 1).contiguous()
    return list(zip(images.split(BATCH), labels.split(BATCH), strict=True))


def _needed(data):
    if data is None:
        raise UserError("--data is missing: losses need inputs and targets")
    return data


def _example(shape: list[int]) -> torch.Tensor:
    return torch.randn(2, *shape, generator=torch.Generator().manual_seed(0))


def _answer(given, rows: list[dict], total: dict) -> str:
    """JSON, or a table of the rows with the totals below."""
    if given.json:
        return json.dumps({"rows": rows, **total}) + "\n"
    names = list(rows[0]) if rows else []
    cells = [names, *([_cell(row[name]) for name in names] for row in rows)]
    widths = [max(map(len, column)) for column in zip(*cells, strict=True)]
    lines = [
        "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()
        for row in cells
    ]
    lines += ["", *(f"{name}: {_cell(value)}" for name, value in total.items())]
    return "\n".join(lines).lstrip() + "\n"


def _cell(value) -> str:
    if value is None:
        return ""
    return f"{value:.4g}" if isinstance(value, float) else str(value)
