"""Match two networks of one's own."""

import copy
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from functools import cache

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
from ..networks.module import run_and_measure
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
    module = module_of(a, b, network)
    return Matching(module, method, data, inputs, freeze, device, options).match(a, b, seed)


class Matching:
    """What all matchings of networks of one architecture share: groups, matcher and data.

    The arguments are those of `match`.
    """

    def __init__(
        self,
        module: torch.nn.Module,
        method: str,
        data: Iterable | None,
        inputs: torch.Tensor | None,
        freeze: Sequence[str],
        device: str,
        options: dict,
    ):
        if inputs is None and data is None:
            raise UserError("neither data nor inputs: pass a batch of at least two examples")
        inputs = next(iter(data))[0] if inputs is None else inputs
        if len(inputs) < 2:
            raise UserError(f"inputs: {len(inputs)} example: expected at least two")
        self.module, self.example, self.device = module, inputs[:8].cpu(), device
        whole = derive(module, (self.example,))
        self.groups = whole.without(freeze, "freeze")
        if not len(self.groups):
            raise UserError(f"{type(module).__name__} has no units that can be permuted")
        self.matcher = REGISTRY.build({"name": method, **options})
        self._method = method
        self._moments = self._opened(whole, data)

    def match(self, a: Network, b: Network, seed: int) -> Matched:
        """Permute the units of B; see `match`."""
        parameters = [parameters_of(network, self.module) for network in (a, b)]
        sides = [self._moments(p, name) for p, name in zip(parameters, "AB", strict=True)]
        stream = generator(seed, "matching", self._method)
        result = match_parameters(self.matcher, *parameters, self.groups, *sides, stream)
        before = state_of(b)
        permuted = with_state(self.module, permute(before, self.groups, result.permutations))
        _check_same(with_state(self.module, before), permuted, self.example)
        side = Side(parameters[0], sides[0], self.groups)
        found = result.permutations, result.objectives, self.groups
        return Matched(permuted, *found, self.matcher, side)

    def _opened(
        self, groups: Groups, data: Iterable | None
    ) -> Callable[[Parameters, str], NetworkMoments]:
        """Return a function from parameters and the name of a network to its moments."""
        if not REGISTRY.entry(self._method).activations:
            return lambda parameters, name: NoMoments(name)
        if data is None:
            raise UserError(f"{self._method} needs activations: pass data, batches of inputs")
        inputs = torch.cat([batch[0].cpu() for batch in data]).numpy()
        graph = Graph(self.module, self.example, self.device)
        with torch.no_grad():
            # A module may keep what it computed from its parameters.
            largest = run_and_measure(copy.deepcopy(self.module).eval(), self.example)[1]
        rows = inputs if inputs.ndim < 3 else np.moveaxis(inputs, 1, -1)
        of_inputs = cache(lambda: moments_of([rows.reshape(len(rows), -1)]))
        return lambda parameters, name: StreamedMoments(
            _AsGiven(largest), graph, groups, parameters, inputs, self.device, of_inputs
        )


@dataclass(frozen=True)
class _AsGiven:
    """What `StreamedMoments` asks of an architecture, for inputs that need no preparation."""

    floats_per_example: int

    def images(self, inputs: torch.Tensor) -> torch.Tensor:
        return inputs


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
