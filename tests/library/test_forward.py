"""Streamed moments against modules run layer by layer, and the matchers on any network."""

import weakref

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from torch.func import functional_call

from lmc_ot.data.dataset import Dataset, Split
from lmc_ot.data.table import write_dataset
from lmc_ot.errors import UserError
from lmc_ot.matching import REGISTRY, forward, recording, sources
from lmc_ot.matching.forward import StreamedMoments
from lmc_ot.matching.matcher import Side, match
from lmc_ot.matching.moments import InMemory, NetworkMoments
from lmc_ot.matching.recording import Samples
from lmc_ot.networks.graph import Graph
from lmc_ot.networks.groups import apply
from lmc_ot.networks.groups.derive import derive
from lmc_ot.networks.groups.group import INPUT
from lmc_ot.networks.network import Network, stack, unstack
from support import network as registered

MATCHING = [name for name in REGISTRY.names if name != "identity"]
EXAMPLES = 10
CASES = {
    **{
        f"convnet, {norm}": (
            "convnet",
            (4, 8, 3),
            {"groups": [[4, 3], [5]], "head": [6, 7], "norm": norm},
        )
        for norm in ("layer", "batch", "none")
    },
    "perceptron": ("mlp", (4, 8, 3), {"hidden_widths": [9, 4]}),
    **{
        f"resnet20, {norm}, {shortcuts}": (
            "resnet20",
            (8, 8, 3),
            {"width": 0.25, "norm": norm, "shortcuts": shortcuts},
        )
        for norm, shortcuts in (("batch", "projected"), ("layer", "padded"))
    },
    "vit": ("vit", (8, 8), {"patch": 4, "depth": 2, "heads": 2, "width": 8}),
}


class Case:
    """A network, its groups, images, and the moments of networks on them."""

    def __init__(self, name, noisy, stream):
        kind, shape, options = CASES[name]
        self.network = registered(kind, shape, 3, **options)
        self.images = stream.random((EXAMPLES, int(np.prod(shape)))).astype(np.float32)
        example = self.network.images(torch.from_numpy(self.images[:2]))
        self.groups = derive(self.network.module, example)
        self.graph = Graph(self.network.module, example)
        self.a, self.b = noisy(self.network), noisy(self.network)

    def moments(self, parameters, images=None):
        images = self.images if images is None else images
        return StreamedMoments(self.network, self.graph, self.groups, parameters, images)

    def match(self, name, a, b, **options):
        matcher = REGISTRY.build({"name": name, **options})
        return match(matcher, a, b, self.groups, self.moments(a), self.moments(b))

    def seen(self, parameters):
        """What every layer with a weight reads and returns, by the name of the weight."""
        module, found, hooks = self.network.module, {}, []
        for name, part in module.named_modules():
            if isinstance(part, torch.nn.Linear | torch.nn.Conv2d):
                hooks.append(
                    part.register_forward_hook(
                        lambda part, i, o, name=name: found.update({f"{name}.weight": (part, i, o)})
                    )
                )
        own = {name: torch.from_numpy(array) for name, array in parameters.items()}
        with torch.no_grad():
            functional_call(module, own, (self.network.images(torch.from_numpy(self.images)),))
        for hook in hooks:
            hook.remove()
        return found


@pytest.fixture(params=CASES)
def case(request, noisy, stream):
    return Case(request.param, noisy, stream)


@pytest.fixture
def convnet(noisy, stream):
    return Case("convnet, layer", noisy, stream)


def samples(values, part):
    """(samples, units), float64; the channels of a convolution are its second axis."""
    axis = 1 if isinstance(part, torch.nn.Conv2d) else -1
    return values.movedim(axis, -1).flatten(0, -2).double().numpy()


def run(part, values, weight):
    weight = torch.from_numpy(weight).double()
    if isinstance(part, torch.nn.Conv2d):
        return F.conv2d(values.double(), weight, None, part.stride, part.padding)
    return F.linear(values.double(), weight)


def assert_moments(found, x, y, rtol=2e-5):
    """Moments of the samples x and y, (samples, units) each."""
    for got, wanted in (
        (found.second, x.T @ y / len(x)),
        (found.mean_x, x.mean(0)),
        (found.mean_y, y.mean(0)),
        (found.variance_x, x.var(0)),
    ):
        assert got.dtype == np.float64
        np.testing.assert_allclose(got, wanted, rtol=rtol, atol=rtol * np.abs(wanted).max())


def assert_same(found, wanted, rtol=1e-5):
    for name in ("second", "mean_x", "mean_y"):
        expected = getattr(wanted, name)
        np.testing.assert_allclose(
            getattr(found, name), expected, rtol=rtol, atol=rtol * np.abs(expected).max()
        )


# -- by the layers of the module -------------------------------------------------------------


def test_every_group_has_producers_and_taps(case):
    for group in case.groups:
        assert group.producers and group.taps
        for producer in group.producers:
            assert producer.output.places.shape[0] == group.size
        for tap in group.taps:
            assert tap.places.shape[0] == group.size


def test_layers_are_run_with_other_weights_and_no_bias_on_what_they_read(case):
    streamed, seen = case.moments(case.a), case.seen(case.a)
    checked = 0
    for group in case.groups:
        for producer in group.producers:
            part, (values, *_), _ = seen[producer.parameter]
            weights = case.a[producer.parameter], case.b[producer.parameter]
            x, y = (samples(run(part, values, weight), part) for weight in weights)
            assert_moments(streamed.through(producer, *weights), x, y)
            assert_moments(streamed.through(producer, weights[0], weights[0]), x, x)
            checked += 1
    assert checked >= len(case.groups)


def test_taps_are_what_consumers_read_before_pooling(convnet):
    """Of convolutions followed by pooling, the outputs of their ReLU."""
    a, networks = convnet.a, convnet.network
    outputs = []
    original = torch.relu
    hooks = [
        m.register_forward_hook(lambda m, i, o: outputs.append(original(o)))
        for name, m in networks.module.named_modules()
        if name.startswith("norms.") or name in ("head.0", "head.1")
    ]
    with torch.no_grad():
        networks.forward(stack([a]), torch.from_numpy(convnet.images))
    for hook in hooks:
        hook.remove()
    assert len(outputs) == len(convnet.groups) == 5
    streamed = convnet.moments(a)
    for group, values in zip(convnet.groups, outputs, strict=True):
        [tap] = group.taps
        phi = values.movedim(1, -1).flatten(0, -2).double().numpy()
        assert_moments(streamed(tap).at(tap.places), phi, phi)


def test_cross_moments_pair_the_same_images_and_positions(case):
    of_a, of_b = case.moments(case.a), case.moments(case.b)
    images = case.network.images(torch.from_numpy(case.images))
    for group in case.groups:
        for tap in group.taps:
            x, y = (
                case.graph.run(
                    {k: torch.from_numpy(v) for k, v in p.items()}, [tap.value], {INPUT: images}
                )[tap.value]
                .movedim(tap.axis, -1)
                .flatten(0, -2)
                .double()
                .numpy()
                for p in (case.a, case.b)
            )
            assert_moments(of_a.cross(tap, of_b), x, y)
            assert_moments(of_b.cross(tap, of_a), y, x)
            assert_moments(of_a(tap), x, x)


# -- how it is computed ----------------------------------------------------------------------


@pytest.mark.parametrize("batch", [3, 7])
def test_the_size_of_a_batch_changes_nothing(batch, case, monkeypatch):
    whole = [case.moments(p) for p in (case.a, case.b)]
    monkeypatch.setattr(forward, "BATCH_FLOATS", batch * case.network.floats_per_example)
    parts = [case.moments(p) for p in (case.a, case.b)]
    assert [len(b) for b in parts[0]._batches()][:-1] == [batch] * ((EXAMPLES - 1) // batch)
    group = case.groups.groups[-1]
    producer, tap = group.producers[0], group.taps[0]
    weights = [p[producer.parameter] for p in (case.a, case.b)]
    assert_same(parts[0].through(producer, *weights), whole[0].through(producer, *weights))
    assert_same(parts[0](tap), whole[0](tap))
    assert_same(parts[0].cross(tap, parts[1]), whole[0].cross(tap, whole[1]))


@pytest.mark.parametrize("order", [1, -1])
@pytest.mark.parametrize("kept", [0, 1 << 12, 1 << 30])
def test_layers_are_asked_for_in_any_order_whatever_is_kept(kept, order, case, monkeypatch):
    monkeypatch.setattr(forward, "KEPT_BYTES", kept)
    monkeypatch.setattr(forward, "BATCH_FLOATS", 3 * case.network.floats_per_example)
    streamed = case.moments(case.a)
    producers = [p for group in case.groups for p in group.producers]
    for producer in producers[::order]:
        weights = [p[producer.parameter] for p in (case.a, case.b)]
        fresh = case.moments(case.a).through(producer, *weights)
        assert_same(streamed.through(producer, *weights), fresh, 1e-6)
        assert streamed._bytes() <= kept


def test_kept_inputs_save_the_layers_below(case, monkeypatch):
    streamed, computed = case.moments(case.a), []
    value = type(next(iter(case.graph._programs.values())))._value

    def counting(self, node, *rest):
        computed.append(node.name)
        return value(self, node, *rest)

    monkeypatch.setattr(type(next(iter(case.graph._programs.values()))), "_value", counting)
    for group in case.groups:
        for producer in group.producers:
            if producer.reads is None:
                weight = case.a[producer.parameter]
                streamed.through(producer, weight, weight)
    operations = [name for name in computed if not name.startswith(("p_", "b_"))]
    # Each operation runs for its layer and on the way to the next ones, not for all above.
    assert len(operations) <= 5 * len(set(operations))


def test_moments_of_all_taps_are_taken_in_one_pass(convnet, monkeypatch):
    of_a, of_b = convnet.moments(convnet.a), convnet.moments(convnet.b)
    passes, run = [], Graph.run
    monkeypatch.setattr(Graph, "run", lambda *given: passes.append(1) or run(*given))
    for group in convnet.groups:
        of_a(group.taps[0]), of_a.cross(group.taps[0], of_b)
    assert len(passes) == 1 + 2


def test_cross_moments_are_those_of_the_network_that_was_given(convnet, noisy):
    """Also where a network is gone and its place in memory, its id, is another one's."""
    streamed, tap = convnet.moments(convnet.a), convnet.groups.groups[0].taps[0]
    for _ in range(20):
        other = convnet.moments(noisy(convnet.network))
        found = streamed.cross(tap, other)
        assert_same(found, convnet.moments(convnet.a).cross(tap, other))
        del other


def test_images_are_not_changed_and_no_gradients_kept(case):
    before = case.images.copy()
    streamed = case.moments(case.a)
    for group in case.groups:
        for producer in group.producers:
            streamed.through(producer, case.a[producer.parameter], case.b[producer.parameter])
    kept = [value for values in streamed._kept.values() for value in values]
    assert not any(value.requires_grad for value in kept)
    np.testing.assert_array_equal(case.images, before)


# -- beside recorded activations -------------------------------------------------------------


@pytest.fixture
def dataset(stream):
    """40 training images."""
    images = stream.integers(0, 256, (40, 4, 8, 3)).astype(np.uint8)
    split = Split(images, np.arange(40) % 3)
    return Dataset(split, split, 3, 255.0)


def recorded_at(case, parameters, dataset, chosen):
    """Moments of the activations that were recorded on the samples."""
    taps = list({tap.value: tap for group in case.groups for tap in group.taps}.values())
    batches = recording.record(case.network, case.graph, taps, parameters, dataset, chosen)
    values = [np.concatenate(parts) for parts in zip(*(b for _, b in batches), strict=True)]
    inputs = dataset.inputs("train")[chosen.example]
    names = [tap.value for tap in taps]
    return NetworkMoments(InMemory({INPUT: inputs, **dict(zip(names, values, strict=True))}))


@pytest.mark.parametrize("name", REGISTRY.names)
def test_of_a_perceptron_streamed_and_recorded_moments_are_the_same(name, noisy, stream, dataset):
    case = Case("perceptron", noisy, stream)
    chosen = recording.chosen_samples(dataset, None, 1, seed=0)
    memory = [recorded_at(case, p, dataset, chosen) for p in (case.a, case.b)]
    streamed = [case.moments(p, dataset.inputs("train")) for p in (case.a, case.b)]
    matcher = REGISTRY.build({"name": name})
    one, other = (
        match(matcher, case.a, case.b, case.groups, *moments) for moments in (memory, streamed)
    )
    for group in case.groups:
        np.testing.assert_array_equal(one.permutations[group.name], other.permutations[group.name])
        assert one.objectives[group.name] == pytest.approx(other.objectives[group.name], rel=1e-5)
        for centred in (False, True):
            grams = [
                matcher.gram(Side(case.a, moments[0], case.groups), group, centred)
                for moments in (memory, streamed)
            ]
            if grams[0] is not None:
                np.testing.assert_allclose(*grams, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("examples", [None, 15])
def test_networks_of_the_workflow_are_run_on_the_chosen_examples(
    examples, dataset, convnet, noisy, tmp_path
):
    networks = {4: convnet.a, 7: convnet.b}
    write_dataset(tmp_path / "dataset.parquet", dataset, {})
    kind, _, options = CASES["convnet, layer"]
    streamed = {"network": {"name": kind, **options}, "examples": examples, "device": "cpu"}
    moments = sources.of_networks(
        tmp_path / "dataset.parquet", networks, convnet.groups, None, streamed, {"seed": 3}
    )
    assert moments(4) is moments(4) and moments(4) is not moments(7)
    chosen = recording.chosen_examples(dataset, examples, 3)
    assert len(chosen) == (examples or 40)
    images, tap = dataset.inputs("train")[chosen], convnet.groups.groups[1].taps[0]
    for number, parameters in networks.items():
        assert_same(moments(number)(tap), convnet.moments(parameters, images)(tap))


@pytest.mark.parametrize("statistic", ["covariance", "second_moment"])
def test_am_on_all_recorded_positions_is_am_on_streamed_ones(statistic, dataset, convnet):
    """Every position of the image once: a pooled layer's positions come four times each."""
    height, width, _ = 4, 8, 3
    y, x = np.meshgrid(np.arange(height), np.arange(width), indexing="ij")
    places = [np.tile((p.ravel() + 0.5) / n, 40) for p, n in ((y, height), (x, width))]
    chosen = Samples(np.repeat(np.arange(40), height * width), *places)
    networks = convnet.a, convnet.b
    memory = [recorded_at(convnet, p, dataset, chosen) for p in networks]
    streamed = [convnet.moments(p, dataset.inputs("train")) for p in networks]
    matcher = REGISTRY.build({"name": "am", "statistic": statistic})
    one, other = (
        match(matcher, *networks, convnet.groups, *moments) for moments in (memory, streamed)
    )
    assert one.objectives == pytest.approx(other.objectives, rel=1e-4)


def test_am_on_random_positions_comes_near_the_streamed_similarity(dataset, convnet):
    """As one over the root: 64 times the positions, an eighth of the error."""
    networks = convnet.a, convnet.b
    streamed = [convnet.moments(p, dataset.inputs("train")) for p in networks]
    errors = []
    for positions in (4, 256):
        chosen = recording.chosen_samples(dataset, None, positions, seed=0)
        memory = [recorded_at(convnet, p, dataset, chosen) for p in networks]
        pairs = [
            (memory[0].cross(tap, memory[1]).second, streamed[0].cross(tap, streamed[1]).second)
            for group in convnet.groups.groups[:3]
            for tap in group.taps
        ]
        errors.append([np.linalg.norm(f - w) / np.linalg.norm(w) for f, w in pairs])
    few, many = np.array(errors)
    assert (many < few / 3).all() and (many < 0.03).all()


@pytest.mark.parametrize("of", ["similarity", "gram"])
def test_sigma_wm_on_recorded_convolutions_asks_to_stream(of, dataset, convnet, one_line):
    chosen = recording.chosen_samples(dataset, None, 1, seed=0)
    memory = [recorded_at(convnet, p, dataset, chosen) for p in (convnet.a, convnet.b)]
    matcher, group = REGISTRY.build({"name": "sigma_wm"}), convnet.groups.groups[1]
    with pytest.raises(UserError) as error:
        if of == "similarity":
            match(matcher, convnet.a, convnet.b, convnet.groups, *memory)
        else:
            matcher.gram(Side(convnet.a, memory[0], convnet.groups), group, False)
    one_line(error, "convolutions.", "activations.streamed")


# -- matchers --------------------------------------------------------------------------------


@pytest.mark.parametrize("name", MATCHING)
def test_planted_permutations_of_all_groups_are_recovered(name, case, stream):
    """Dead units tie in activation matching, whatever their order."""
    stacked = case.network.with_recomputed_statistics(
        stack([case.a]), torch.from_numpy(case.images)
    )
    [a] = unstack(stacked)
    planted = apply.random(case.groups, stream)
    b = apply.permute(a, case.groups, planted)
    found = case.match(name, a, b).permutations
    assert list(found) == [group.name for group in case.groups]
    moments = case.moments(a)
    for group in case.groups:
        alive = np.ones(group.size, bool)
        if name == "am":
            alive = sum(moments(t).at(t.places).variance_x for t in group.taps) > 0
            assert alive.mean() > 0.2
        wanted = np.argsort(planted[group.name])
        np.testing.assert_array_equal(found[group.name][alive], wanted[alive], group.name)


@pytest.mark.parametrize("name", MATCHING)
def test_matched_networks_compute_the_same(name, case):
    found = case.match(name, case.a, case.b).permutations
    moved = apply.permute(case.b, case.groups, found)
    images = torch.from_numpy(case.images)
    with torch.no_grad():
        first, second = (case.network.forward(stack([p]), images) for p in (case.b, moved))
    np.testing.assert_allclose(first, second, rtol=1e-4, atol=1e-4 * float(first.abs().max()))


def test_sigma_wm_scales_outputs_as_the_batch_norm_that_follows(noisy, stream):
    case = Case("convnet, batch", noisy, stream)
    group = case.groups.groups[0]
    [producer], seen = group.producers, case.seen(case.a)
    part, (values, *_), _ = seen[producer.parameter]
    outputs = [
        samples(run(part, values, p[producer.parameter]), part)
        * p["norms.0.weight"]
        / np.sqrt(p["norms.0.running_var"].astype(float) + 1e-5)
        for p in (case.a, case.b)
    ]
    found = case.match("sigma_wm", case.a, case.b)
    p = found.permutations[group.name]
    similarity = outputs[0].T @ outputs[1] / len(outputs[0])
    assert found.objectives[group.name] == pytest.approx(
        similarity[np.arange(len(p)), p].sum(), rel=1e-4
    )
    gram = REGISTRY.build({"name": "sigma_wm"}).gram(
        Side(case.a, case.moments(case.a), case.groups), group, True
    )
    np.testing.assert_allclose(gram, np.cov(outputs[0].T, ddof=0), rtol=1e-4, atol=1e-5)


def test_a_first_visit_uses_the_layers_whose_inputs_are_matched(noisy, stream, monkeypatch):
    """The units of a residual stream: at first only the layer that reads the image is ready."""
    case = Case("resnet20, layer, padded", noisy, stream)
    matcher, seen = REGISTRY.build({"name": "naive_wm"}), {}
    similarity = matcher.similarity
    monkeypatch.setattr(
        matcher, "similarity", lambda v: seen.update({v.group.name: v.producers}) or similarity(v)
    )
    match(matcher, case.a, case.b, case.groups)
    first = case.groups.groups[0]
    assert len(first.producers) > 1
    assert [p.consumes for p in seen[first.name]] == [()]
    done = set()
    for group in case.groups:
        assert all(done.issuperset(p.consumes) for p in seen[group.name])
        done.add(group.name)


@pytest.mark.parametrize("norm", ["none", "layer"])
def test_a_dead_layer_is_constant_and_stays_in_place(norm, noisy, stream):
    """Its centred moments are 0, and AM keeps its units where they are."""
    case = Case(f"convnet, {norm}", noisy, stream)
    pair = [case.a, case.b]
    for parameters in pair:
        parameters["convolutions.0.bias"][:] = -1e6
        if norm == "layer":
            parameters["norms.0.weight"][:], parameters["norms.0.bias"][:] = 0, -1
        else:
            parameters["convolutions.0.weight"][:] = 0
    a, b = (case.moments(parameters) for parameters in pair)
    group = case.groups.groups[0]
    assert not a(group.taps[0]).covariance.any()
    assert not a.cross(group.taps[0], b).covariance.any()
    kept = case.match("am", *pair).permutations[group.name]
    np.testing.assert_array_equal(kept, np.arange(len(kept)))


@pytest.mark.parametrize("name", MATCHING)
def test_units_of_operations_that_are_not_layers_are_matched_by_their_weights(name, stream):
    """A recurrent layer: its gates are no layer that could be run with other weights."""

    class Recurrent(torch.nn.Module):
        def __init__(self):
            super().__init__()
            self.cell, self.head = torch.nn.GRU(4, 6, batch_first=True), torch.nn.Linear(6, 3)

        def forward(self, images):
            return self.head(self.cell(images.flatten(1, 2))[0][:, -1])

    torch.manual_seed(0)
    network = Network(Recurrent(), (5, 4), 3)
    images = stream.normal(size=(8, 20)).astype(np.float32)
    example = network.images(torch.from_numpy(images[:2]))
    groups, graph = derive(network.module, example), Graph(network.module, example)
    a = {k: v.numpy() for k, v in network.module.state_dict().items()}
    planted = apply.random(groups, stream)
    b = apply.permute(a, groups, planted)
    moments = [StreamedMoments(network, graph, groups, p, images) for p in (a, b)]
    found = match(REGISTRY.build({"name": name}), a, b, groups, *moments)
    for group, p in planted.items():
        np.testing.assert_array_equal(found.permutations[group], np.argsort(p))


@pytest.mark.parametrize("name", MATCHING)
def test_frozen_groups_are_still_read_by_the_layers_above(name, noisy, stream):
    """The moments are those of all groups, also of those that are left alone."""
    case = Case("perceptron", noisy, stream)
    first, second = case.groups
    left = case.groups.without([first.name], "freeze")
    moments = case.moments(case.a), case.moments(case.b)
    found = match(REGISTRY.build({"name": name}), case.a, case.b, left, *moments)
    assert set(found.permutations) == {second.name}


def test_values_that_are_too_large_are_not_held_at_once(convnet, monkeypatch):
    """Nothing of an earlier batch is alive when the next one is computed."""
    monkeypatch.setattr(forward, "KEPT_BYTES", 0)
    monkeypatch.setattr(forward, "BATCH_FLOATS", 3 * convnet.network.floats_per_example)
    streamed, alive = convnet.moments(convnet.a), []
    for known in streamed._values(convnet.groups.groups[1].producers[0].input):
        assert all(reference() is None for reference in alive)
        alive.append(weakref.ref(known.popitem()[1]))
    assert len(alive) == 4 and not streamed._kept
