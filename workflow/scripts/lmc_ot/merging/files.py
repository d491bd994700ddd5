"""Checkpoints as they are found in files: read without running code from them, and written."""

import difflib
from collections.abc import Mapping, Sequence
from pathlib import Path

import torch
from safetensors.torch import load_file, save_file

from ..errors import UserError, one_line
from ..networks.groups.derive import first_names
from ..networks.network import Network
from ..tables import Parameters, read_checkpoints

State = dict[str, torch.Tensor]

# Where trainers put a state dict inside of a file, and what wrappers put before its names.
_NESTED = (
    *("state_dict", "model_state_dict", "model", "module", "params", "net"),
    *("ema", "model_ema", "ema_state_dict", "state_dict_ema", "params_ema"),
)
_PREFIXES = ("module.", "_orig_mod.", "model.", "ema.", "net.")
SHOWN = 3  # names in an error


def read_state(path: str | Path) -> State:
    """Return the state dict in a file, in the types that it has there.

    Parameters
    ----------
    path
        ``.safetensors``, or what `torch.save` wrote (``.pt``, ``.pth``, ``.bin``), of which only
        tensors and plain containers are read, never other Python objects.

    Raises
    ------
    UserError
        The file is missing or broken, holds other objects, or no state dict.
    """
    path = Path(path)
    if not path.is_file():
        raise UserError(f"{path}: no such file")
    try:
        if path.suffix == ".safetensors":
            return load_file(path)
        content = torch.load(path, map_location="cpu", weights_only=True)
    except Exception as error:
        if type(error).__name__ == "UnpicklingError":
            raise UserError(
                f"{path}: holds Python objects that are not tensors, which are never loaded: save "
                f"the state dict alone, with torch.save(model.state_dict(), ...)"
            ) from error
        raise UserError(f"{path}: not a checkpoint: {one_line(error, 150)}") from error
    return _tensors(content, path)


def _tensors(content, path: Path) -> State:
    """The state dict in what was loaded, at the top or under one of the usual names."""
    while isinstance(content, Mapping):
        if content and all(isinstance(v, torch.Tensor) for v in content.values()):
            return {str(name): tensor for name, tensor in content.items()}
        inside = [n for n in _NESTED if isinstance(content.get(n), Mapping)]
        if not inside:
            break
        content = content[inside[0]]
    keys = f" with the keys {', '.join(map(str, list(content)[:SHOWN]))}" if content else ""
    kind = type(content).__name__
    raise UserError(f"{path}: no state dict in it, but a {kind}{keys if kind == 'dict' else ''}")


def fitted(state: State, module: torch.nn.Module, path: str | Path) -> State:
    """Return a state dict with the names that the module has, without prefixes of wrappers.

    Tensors keep their types. Names of tied tensors that the file lacks are filled in.

    Raises
    ------
    UserError
        Names are missing or left over, with the closest ones; shapes differ; or a value is NaN.
    """
    expected = module.state_dict(keep_vars=True)
    state = _without_prefixes(state, set(expected))
    names_of: dict[int, list[str]] = {}
    for name, tensor in expected.items():
        names_of.setdefault(id(tensor), []).append(name)
    for names in names_of.values():
        known = [name for name in names if name in state]
        state |= {name: state[known[0]] for name in names if known and name not in state}
    missing = [name for name in expected if name not in state and "num_batches" not in name]
    extra = [name for name in state if name not in expected]
    if missing or extra:
        close = difflib.get_close_matches((missing or extra)[0], extra if missing else expected, 1)
        hint = f"; the closest to {(missing or extra)[0]} is {close[0]}" if close else ""
        raise UserError(
            f"{path}: not a checkpoint of {type(module).__name__}: {_some(missing, 'missing')}"
            f"{' and ' if missing and extra else ''}{_some(extra, 'not expected')}{hint}"
        )
    wrong = [
        f"{name} is {tuple(state[name].shape)}, expected {tuple(expected[name].shape)}"
        for name in expected
        if name in state and state[name].shape != expected[name].shape
    ]
    if wrong:
        raise UserError(f"{path}: other shapes than {type(module).__name__}'s: {_some(wrong, '')}")
    for name, tensor in state.items():
        # A count may be too large for half precision.
        checked = tensor.is_floating_point() and not _is_count(name)
        if checked and not bool(tensor.isfinite().all()):
            raise UserError(f"{path}: {name} holds values that are not finite")
    filled = {name: expected[name].detach() for name in expected if name not in state}
    return {name: (state | filled)[name] for name in expected}


def read_states(files: Sequence[str | Path], network: Network) -> dict[int, State]:
    """Return the state dicts in checkpoints, numbered from 0, with the names of the module.

    Parameters
    ----------
    files
        What `read_state` reads, one network each; or ``.parquet``, a table of checkpoints of the
        workflow, all its networks.
    network
        The architecture.

    Raises
    ------
    UserError
        As for `read_state` and `fitted`.
    """
    found: list[State] = []
    for file in files:
        if Path(file).suffix == ".parquet":
            states = [_of_table(p, network) for p in read_checkpoints(file).values()]
        else:
            states = [read_state(file)]
        for state in states:
            found.append(fitted(state, network.module, file))
            _check_integers(found[-1], network, file)
    return dict(enumerate(found))


def _check_integers(state: State, network: Network, path: str | Path) -> None:
    """Raise UserError if integers or booleans differ from the module's, which runs all networks."""
    for name, own in network.module.state_dict().items():
        compared = not own.is_floating_point() and not _is_count(name)
        if compared and not torch.equal(state[name], own):
            raise UserError(
                f"{path}: {name} differs from that of a new {type(network.module).__name__}, with "
                f"which all networks are run: let its class or its arguments make the same {name}"
            )


def _is_count(name: str) -> bool:
    """Tell whether a tensor counts the batches of a batch norm, which does not affect results."""
    return name.endswith("num_batches_tracked")


def in_float32(state: State, network: Network) -> Parameters:
    """Return a state dict from `read_states` as the network that the workflow computes with."""
    return {name: state[name].float().numpy() for name in network.names}


def _of_table(parameters: Parameters, network: Network) -> State:
    """The state dict of a network in a table, which has no integers."""
    integers = network.module.state_dict().items()
    state = {name: tensor for name, tensor in integers if not tensor.is_floating_point()}
    return state | {name: torch.from_numpy(array) for name, array in parameters.items()}


def whole_state(parameters: Parameters, network: Network, like: State | None) -> State:
    """Return the state dict that a user loads: all names of the module, in the types of `like`.

    Parameters
    ----------
    parameters
        A network as the workflow computes with it, float32, tied tensors once.
    network
        The architecture.
    like
        The state dict of which the network is a version, from `read_states`: it gives the types,
        and the integers, such as numbers of batches. None for those of the module.
    """
    first = first_names(network.module)
    like = like or network.module.state_dict()
    return {
        name: torch.from_numpy(parameters[first.get(name, name)]).to(tensor.dtype)
        if first.get(name, name) in parameters
        else tensor
        for name, tensor in like.items()
    }


def _without_prefixes(state: State, expected: set[str]) -> State:
    """Remove what wrappers put before all names, as long as that does not cost known names."""
    while state and not expected.intersection(state):
        for prefix in _PREFIXES:
            if all(name.startswith(prefix) for name in state):
                state = {name.removeprefix(prefix): tensor for name, tensor in state.items()}
                break
        else:
            return state
    return dict(state)


def _some(names: list[str], what: str) -> str:
    more = f" and {len(names) - SHOWN} more" if len(names) > SHOWN else ""
    return f"{', '.join(names[:SHOWN])}{more}{' ' if what else ''}{what}" if names else ""


def check_output(path: str | Path) -> None:
    """Raise UserError if a file to be written exists, or is not ``.safetensors``."""
    path = Path(path)
    if path.suffix != ".safetensors":
        raise UserError(f"{path}: the output must end in .safetensors")
    if path.exists():
        raise UserError(f"{path}: exists: remove it, or name another file")
    if not path.parent.is_dir():
        raise UserError(f"{path}: no folder {path.parent}: create it first")


def write_state(path: str | Path, state: Mapping[str, torch.Tensor], like: State) -> None:
    """Write a state dict in the types of another one, for ``load_state_dict(strict=True)``.

    A tied tensor is written under each of its names. The file appears only when it is complete.
    """
    check_output(path)
    tensors = {
        name: tensor.detach().to("cpu", like[name].dtype, copy=True).contiguous()
        for name, tensor in state.items()
    }
    temporary = Path(path).with_suffix(".unfinished")
    try:
        save_file(tensors, temporary)
        temporary.rename(path)
    finally:
        temporary.unlink(missing_ok=True)
