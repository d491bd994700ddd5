"""Merge several networks of one's own into one."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
import torch

from ..errors import UserError
from ..matching import REGISTRY
from ..networks.groups.apply import Permutations, compose
from ..rng import generator
from .match import Matching
from .modules import (
    Loss,
    Network,
    evaluate,
    mean,
    module_of,
    recompute_batch_norms,
    state_of,
    with_state,
)

PASSES = 20  # over all networks, when they are matched to their mean


@dataclass(frozen=True)
class Merged:
    """Several networks merged into one.

    Parameters
    ----------
    network
        The mean of the matched networks, with batch norms recomputed if there are data.
    permutations
        Those of every network.
    losses
        On the data, if there are any: of the networks, in order, of their plain mean
        (``average``) and of the merged network (``merged``).
    """

    network: torch.nn.Module
    permutations: list[Permutations]
    losses: dict[str, float]


def merge(
    networks: Sequence[Network],
    method: str = "weight_matching",
    data: Iterable | None = None,
    towards: str = "first",
    loss: Loss = "cross_entropy",
    network: torch.nn.Module | None = None,
    inputs: torch.Tensor | None = None,
    seed: int = 0,
    device: str = "cpu",
    **options,
) -> Merged:
    """Match networks to each other and average their parameters.

    Parameters
    ----------
    networks
        Two or more networks of one architecture.
    towards
        ``first`` matches all to the first network. ``mean`` matches each network to the mean of
        the others, in random order, until no permutation changes (MergeMany of Git Re-Basin).
    method, data, network, inputs, seed, device, options
        See `match`.
    loss
        See `barrier`.

    Raises
    ------
    UserError
        There are fewer than two networks, `towards` is unknown, or as for `match`.
    """
    if len(networks) < 2 or towards not in ("first", "mean"):
        raise UserError(
            f"merge: {len(networks)} networks towards {towards!r}: expected at least two, and "
            f"first or mean"
        )
    module, states = module_of(*networks[:2], network), [state_of(n) for n in networks]
    matching = Matching(module, method, data, inputs, (), device, options)
    stream, moved = generator(seed, "merging", towards), list(states)
    permutations: list[Permutations] = [{} for _ in states]

    def improve(i: int, target: Network) -> bool:
        matched = matching.match(target, moved[i], int(stream.integers(2**31)))
        moved[i] = matched.permuted.state_dict()
        permutations[i] = compose(permutations[i], matched.permutations)
        return any((p != np.arange(len(p))).any() for p in matched.permutations.values())

    if towards == "first":
        for i in range(1, len(states)):
            improve(i, moved[0])
    for _ in range(PASSES if towards == "mean" else 0):
        changed = False
        for i in stream.permutation(len(states)):
            target = mean(module, [state for k, state in enumerate(moved) if k != i])
            if REGISTRY.entry(method).activations:
                recompute_batch_norms(target, data)
            changed |= improve(i, target)
        if not changed:
            break
    merged = mean(module, moved)
    recompute_batch_norms(merged, data)
    if data is None:
        return Merged(merged, permutations, {})
    average = mean(module, states)
    recompute_batch_norms(average, data)
    measured = {str(i): with_state(module, state) for i, state in enumerate(states)}
    measured |= {"average": average, "merged": merged}
    losses = {name: evaluate(n.to(device), data, loss)[0] for name, n in measured.items()}
    return Merged(merged.cpu(), permutations, losses)
