"""Match two networks of one's own."""

import copy
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

import numpy as np
import torch

from ..connectivity.dimension import approximate_dimension
from ..errors import UserError
from ..matching import REGISTRY
from ..matching.forward import StreamedMoments
from ..matching.matcher import Matcher, Side
from ..matching.matcher import match as match_parameters
from ..matching.moments import NetworkMoments, NoMoments, moments_of
from ..networks.graph import Graph
from ..networks.groups.apply import Permutations, permute
from ..networks.groups.derive import derive
from ..networks.groups.group import Groups
from ..rng import generator
from ..tables import Parameters
from .modules import Network, module_of, parameters_of, state_of, with_state

SAME = 1e-4  # the largest difference, relative to the outputs, of a function that is the same


def groups(module: torch.nn.Module, inputs: torch.Tensor) -> Groups:
    """Return the groups of units of a module that can be permuted together.

    Parameters
    ----------
    inputs
        A batch of at least two examples.
    """
    return derive(module, (inputs,))


@dataclass(frozen=True)
class Matched:
    """A network B matched to a network A.

    Parameters
    ----------
    permuted
        B with its units permuted: another module, of the same function as B.
    permutations, objectives
        Name of a group -> index vector, and -> the similarity that it reaches.
    groups
        The groups.
    """

    permuted: torch.nn.Module
    permutations: Permutations
    objectives: dict[str, float]
    groups: Groups
    _matcher: Matcher = field(repr=False)
    _side: Side = field(repr=False)

    @property
    def objective(self) -> float:
        """The sum of the objectives of all groups."""
        return sum(self.objectives.values())

    @property
    def dimensions(self) -> dict[str, float]:
        """Name of a group -> the approximate dimension of A's units for this matcher."""
        grams = {g.name: self._matcher.gram(self._side, g, False) for g in self.groups}
        return {
            name: approximate_dimension(gram) for name, gram in grams.items() if gram is not None
        }


def match(
    a: Network,
    b: Network,
    method: str = "weight_matching",
    data: Iterable | None = None,
    network: torch.nn.Module | None = None,
    inputs: torch.Tensor | None = None,
    freeze: Sequence[str] = (),
    seed: int = 0,
    device: str = "cpu",
    **options,
) -> Matched:
    """Permute the units of B so that they correspond to those of A.

    Parameters
    ----------
    a, b
        Networks of one architecture; they are not changed.
    method
        A registered matcher: ``weight_matching``, ``naive_wm``, ``sigma_wm``, ``am``.
    data
        Batches on which activations are computed, if the matcher needs them.
    network
        A module of the architecture, if a and b are state dicts.
    inputs
        A batch of at least two examples from which the groups are derived; by default the first
        of `data`.
    freeze
        Names of groups that are not permuted.
    seed
        Of the matcher's random draws.
    device
        Where activations are computed.
    options
        Options of the matcher.

    Raises
    ------
    UserError
        The networks do not fit each other, the matcher needs data, or a network has no groups.
    """
    module, examples = module_of(a, b, network), _Examples.of(data, inputs)
    whole = derive(module, (examples.example,))
    found = whole.without(freeze, "freeze")
    if not len(found):
        raise UserError(f"{type(module).__name__} has no units that can be permuted")
    matcher = REGISTRY.build({"name": method, **options})
    moments = _moments_of(module, whole, method, examples, device)
    parameters = [parameters_of(n, module) for n in (a, b)]
    sides = [moments(p, name) for p, name in zip(parameters, "AB", strict=True)]
    stream = generator(seed, "matching", method)
    result = match_parameters(matcher, *parameters, found, *sides, stream)
    permuted = with_state(module, permute(state_of(b), found, result.permutations))
    _check_same(with_state(module, state_of(b)), permuted, examples.example)
    side = Side(parameters[0], sides[0], found)
    return Matched(permuted, result.permutations, result.objectives, found, matcher, side)


@dataclass(frozen=True)
class _Examples:
    """The inputs of all batches, as `StreamedMoments` reads them, and a first batch."""

    example: torch.Tensor
    data: Iterable | None

    @classmethod
    def of(cls, data: Iterable | None, inputs: torch.Tensor | None) -> "_Examples":
        if inputs is None and data is None:
            raise UserError("neither data nor inputs: pass a batch of at least two examples")
        if inputs is None:
            inputs = next(iter(data))[0]
        if len(inputs) < 2:
            raise UserError(f"inputs: {len(inputs)} example: expected at least two")
        return cls(inputs[:8].cpu(), data)

    def all(self) -> np.ndarray:
        """The inputs of all batches in one array."""
        return torch.cat([inputs.cpu() for inputs, *_ in self.data]).numpy()


@dataclass(frozen=True)
class _AsGiven:
    """What `StreamedMoments` asks of an architecture, for inputs that need no preparation."""

    floats_per_example: int

    def images(self, inputs: torch.Tensor) -> torch.Tensor:
        return inputs


def _moments_of(module, found: Groups, method: str, examples: _Examples, device: str):
    """A function from parameters and the name of a network to its moments."""
    if not REGISTRY.entry(method).activations:
        return lambda parameters, name: NoMoments(name)
    if examples.data is None:
        raise UserError(f"{method} needs activations: pass data, batches of inputs")
    inputs, graph = examples.all(), Graph(module, examples.example, device)
    largest = _AsGiven(_largest_value(module, examples.example))

    def moments(parameters: Parameters, name: str) -> NetworkMoments:
        rows = inputs if inputs.ndim < 3 else np.moveaxis(inputs, 1, -1)
        of_inputs = lambda: moments_of([rows.reshape(len(rows), -1)])  # noqa: E731
        return StreamedMoments(largest, graph, found, parameters, inputs, device, of_inputs)

    return moments


@torch.no_grad()
def _largest_value(module: torch.nn.Module, example: torch.Tensor) -> int:
    """The largest number of values for one example that a module inside returns."""
    sizes = [example[0].numel()]

    def note(_module, _inputs, output):
        if isinstance(output, torch.Tensor):
            sizes.append(-(-output.numel() // len(example)))

    whole = copy.deepcopy(module).eval()
    hooks = [part.register_forward_hook(note) for part in whole.modules()]
    whole(example)
    for hook in hooks:
        hook.remove()
    return max(sizes)


@torch.no_grad()
def _check_same(before: torch.nn.Module, after: torch.nn.Module, inputs: torch.Tensor) -> None:
    """Raise UserError unless two networks return the same, as they must after a permutation."""
    first, second = (
        torch.utils._pytree.tree_leaves(network.eval()(inputs)) for network in (before, after)
    )
    for x, y in zip(first, second, strict=True):
        if float((x - y).abs().max()) > SAME * max(1.0, float(x.abs().max())):
            raise UserError(
                f"{type(before).__name__}: the permuted network computes another function: "
                f"report its class"
            )
