"""Optimisers of an ensemble against torch.optim, network by network."""

import pytest
import torch

from lmc_ot.training.optimisers import REGISTRY

RATES = [0.1, 0.03, 0.2]
OPTIONS = {
    "sgd": [
        {},
        {"momentum": 0.0},
        {"momentum": 0.5, "weight_decay": 0.1},
    ],
    "adam": [
        {},
        {"beta1": 0.5, "beta2": 0.7, "epsilon": 0.1},
        {"weight_decay": 0.1},
    ],
}


def reference(name, options, parameters):
    """The same optimiser from torch, for one network."""
    if name == "sgd":
        momentum = options.get("momentum", 0.9)
        decay = options.get("weight_decay", 0.0)
        return torch.optim.SGD(parameters, lr=1.0, momentum=momentum, weight_decay=decay)
    return torch.optim.Adam(
        parameters,
        betas=(options.get("beta1", 0.9), options.get("beta2", 0.999)),
        eps=options.get("epsilon", 1e-8),
        weight_decay=options.get("weight_decay", 0.0),
    )


@pytest.fixture
def ensemble():
    """Parameters of three networks, and gradients of seven steps: sizes from 1e-3 to 1e3."""
    draw = torch.Generator().manual_seed(0)
    shapes = [(3, 4, 5), (3, 4)]
    parameters = [torch.randn(shape, generator=draw) for shape in shapes]
    steps = [[torch.randn(s, generator=draw) * 10.0 ** (i - 3) for s in shapes] for i in range(7)]
    return parameters, steps


def rates_of(step):
    """Rates that change from step to step, as a schedule's do."""
    return torch.tensor(RATES) / (1 + step)


def run(optimiser, parameters, steps, state=None, first=0):
    state = optimiser.initial_state(parameters) if state is None else state
    for step, gradients in enumerate(steps, start=first):
        optimiser.step(parameters, [g.clone() for g in gradients], state, rates_of(step), step)
    return state


@pytest.mark.parametrize(
    ("name", "options"), [(name, options) for name in OPTIONS for options in OPTIONS[name]]
)
def test_every_network_moves_as_with_torch(name, options, ensemble):
    parameters, steps = ensemble
    mine = [p.clone() for p in parameters]
    run(REGISTRY.build({"name": name, **options}), mine, steps)
    for k in range(3):
        theirs = [p[k].clone().requires_grad_() for p in parameters]
        torchs = reference(name, options, theirs)
        for step, gradients in enumerate(steps):
            for parameter, gradient in zip(theirs, gradients, strict=True):
                parameter.grad = gradient[k].clone()
            torchs.param_groups[0]["lr"] = float(rates_of(step)[k])
            torchs.step()
        for start, a, b in zip(parameters, mine, theirs, strict=True):
            assert (a[k] - start[k]).abs().max() > 0.01
            torch.testing.assert_close(a[k], b.detach(), rtol=2e-5, atol=2e-5)


@pytest.mark.parametrize("name", REGISTRY.names)
def test_a_registered_optimiser_is_compared_with_torch(name):
    assert name in OPTIONS


@pytest.mark.parametrize("name", REGISTRY.names)
def test_a_network_of_rate_zero_stays(name, ensemble):
    parameters, steps = ensemble
    before = [p.clone() for p in parameters]
    optimiser = REGISTRY.build({"name": name})
    state = optimiser.initial_state(parameters)
    optimiser.step(parameters, steps[0], state, torch.tensor([0.1, 0.0, 0.1]), 0)
    for old, new in zip(before, parameters, strict=True):
        assert torch.equal(old[1], new[1])
        assert not torch.equal(old[0], new[0]) and not torch.equal(old[2], new[2])


@pytest.mark.parametrize("name", REGISTRY.names)
def test_a_network_with_infinite_gradients_does_not_disturb_the_others(name, ensemble):
    parameters, steps = ensemble
    undisturbed = [p.clone() for p in parameters]
    run(REGISTRY.build({"name": name}), undisturbed, steps)
    for gradients in steps:
        gradients[0][1] = float("inf")
        gradients[1][1] = float("nan")
    run(REGISTRY.build({"name": name}), parameters, steps)
    for a, b in zip(undisturbed, parameters, strict=True):
        assert torch.equal(a[[0, 2]], b[[0, 2]])


@pytest.mark.parametrize("name", REGISTRY.names)
def test_the_whole_state_is_in_the_list(name, ensemble):
    """Another object goes on from a copy of the state as the first one would have."""
    parameters, steps = ensemble
    straight = [p.clone() for p in parameters]
    run(REGISTRY.build({"name": name}), straight, steps)
    state = run(REGISTRY.build({"name": name}), parameters, steps[:3])
    state = [tensor.clone() for tensor in state]
    run(REGISTRY.build({"name": name}), parameters, steps[3:], state, first=3)
    for a, b in zip(straight, parameters, strict=True):
        assert torch.equal(a, b)
