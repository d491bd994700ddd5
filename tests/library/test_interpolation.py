"""The line between two networks, and the check that a permutation left the function."""

import numpy as np
import pytest
import torch

from lmc_ot.connectivity import interpolation
from lmc_ot.errors import UserError
from lmc_ot.networks.network import stack
from support import mlp, network


def permuted(parameters, permutations):
    """An MLP whose hidden units are reordered: layer, from 0 -> index vector."""
    moved = {name: array.copy() for name, array in parameters.items()}
    for layer, p in permutations.items():
        for name in ("weight", "bias"):
            moved[f"layers.{layer}.{name}"] = moved[f"layers.{layer}.{name}"][p]
        above = f"layers.{layer + 1}.weight"
        moved[above] = moved[above][:, p]
    return moved


def random_permutations(parameters, stream):
    layers = range(len(parameters) // 2 - 1)
    return {l: stream.permutation(len(parameters[f"layers.{l}.bias"])) for l in layers}


def test_the_ends_are_the_networks_and_the_middle_is_their_mean(random_mlp):
    a, b = random_mlp([4, 3, 2]), random_mlp([4, 3, 2])
    for key in a:
        at = {t: interpolation.interpolate(a, b, t)[key] for t in (0.0, 0.25, 0.5, 1.0)}
        assert all(values.dtype == np.float32 for values in at.values())
        np.testing.assert_array_equal(at[0.0], a[key])
        np.testing.assert_array_equal(at[1.0], b[key])
        double = a[key].astype(np.float64), b[key].astype(np.float64)
        np.testing.assert_array_equal(at[0.5], ((double[0] + double[1]) / 2).astype(np.float32))
        np.testing.assert_allclose(at[0.25], 0.75 * double[0] + 0.25 * double[1], rtol=1e-6)


def test_interpolation_is_rounded_once():
    """In float32, (1 - t) a + t b of equal a and b is not always a."""
    a = {"w": np.random.default_rng(0).normal(size=(100, 100)).astype(np.float32)}
    for t in np.linspace(0, 1, 25).tolist():  # a float64 would make numpy compute in float64
        np.testing.assert_array_equal(interpolation.interpolate(a, a, t)["w"], a["w"])


def test_the_networks_are_not_changed(random_mlp):
    a, b = random_mlp([4, 3, 2]), random_mlp([4, 3, 2])
    interpolation.interpolate(a, b, 0.0)["layers.0.weight"][:] = 0
    assert a["layers.0.weight"].any()


def test_scalars_and_kernels_are_interpolated():
    a = {"scale": np.float32(1.0).reshape(()), "kernel": np.ones((2, 3, 1, 1), np.float32)}
    b = {name: 3 * array for name, array in a.items()}
    middle = interpolation.interpolate(a, b, 0.5)
    for name, array in a.items():
        assert np.shape(middle[name]) == array.shape and middle[name].dtype == np.float32
        np.testing.assert_array_equal(middle[name], 2 * array)


def test_a_path_is_evaluated_point_by_point(trained, clusters, run_mlp):
    network, a, b = trained
    t = np.linspace(0, 1, 7)
    images, labels = clusters.inputs("test"), clusters.test.labels
    loss, accuracy = interpolation.evaluate_path(network, a, b, t, images, labels)
    assert loss.shape == accuracy.shape == (7,)
    for i, x in enumerate(t):
        between = {key: (1 - x) * a[key] + x * b[key] for key in a}
        _, logits = run_mlp(between, images)
        logits -= logits.max(1, keepdims=True)
        chances = np.exp(logits)[range(30), labels] / np.exp(logits).sum(1)
        assert loss[i] == pytest.approx(-np.log(chances).mean(), rel=1e-3, abs=1e-5)
        assert accuracy[i] == pytest.approx((logits.argmax(1) == labels).mean())


def test_points_of_any_lines_are_evaluated_as_those_of_a_path(trained, clusters):
    network, a, b = trained
    data = clusters.inputs("test"), clusters.test.labels
    points = [(a, a, 0.0), (a, b, 0.5), (b, b, 0.0)]
    found = interpolation.evaluate_points(network, points, *data)
    path = interpolation.evaluate_path(network, a, b, np.array([0.0, 0.5, 1.0]), *data)
    np.testing.assert_array_equal(found, path)


def test_a_permuted_network_passes_as_the_same_function(trained, clusters, stream):
    network, a, _ = trained
    same = permuted(a, random_permutations(a, stream))
    interpolation.check_same_function(network, a, same, clusters.inputs("test"), "the pair")


def test_another_function_is_refused_in_one_line(trained, clusters, one_line):
    network, a, b = trained
    with pytest.raises(UserError) as error:
        interpolation.check_same_function(network, a, b, clusters.inputs("test"), "the pair")
    one_line(error, "the pair", "another function")


@pytest.mark.parametrize("broken", ["rows alone", "a bias", "a logit", "not finite"])
def test_a_small_fault_of_a_permutation_is_noticed(trained, clusters, broken):
    network, a, _ = trained
    other = permuted(a, {0: np.roll(np.arange(16), 1)})
    if broken == "rows alone":
        other["layers.1.weight"] = a["layers.1.weight"]
    elif broken == "a bias":
        other["layers.0.bias"] = a["layers.0.bias"]
    elif broken == "a logit":
        other["layers.2.bias"][0] += 0.02
    else:
        other["layers.2.bias"][0] = np.nan
    with pytest.raises(UserError, match="another function"):
        interpolation.check_same_function(network, a, other, clusters.inputs("test"), "the pair")


def test_networks_of_large_logits_are_compared_by_their_size(random_mlp, stream):
    """Logits of 1e6 differ by float32 rounding alone, by more than any absolute tolerance."""
    a = random_mlp([8, 64, 3])
    a["layers.1.weight"] *= 1e6
    same = permuted(a, random_permutations(a, stream))
    images = stream.normal(size=(50, 8)).astype(np.float32)
    interpolation.check_same_function(mlp((8,), 3, [64]), a, same, images, "the pair")


def test_a_point_for_which_memory_does_not_suffice_is_one_line(
    trained, clusters, monkeypatch, one_line
):
    network, a, b = trained

    def hungry(*_):
        raise torch.OutOfMemoryError("CUDA out of memory.")

    monkeypatch.setattr(interpolation, "evaluate", hungry)
    t, test = np.linspace(0, 1, 3), clusters.test
    with pytest.raises(UserError) as error:
        interpolation.evaluate_path(network, a, b, t, clusters.inputs("test"), test.labels)
    one_line(error, "not enough memory", "points of the path")


def test_statistics_are_recomputed_at_every_point_of_any_module(clusters):
    """A network of torch's own layers with a batch norm, against the same layers by hand."""
    built = network("module", clusters.shape, clusters.classes, target="support:small_module")
    assert built.statistics == ["1.running_mean", "1.running_var"]
    a, b = (built.initial(1, 0.1, number) for number in range(2))
    t, (train, test) = np.linspace(0, 1, 3), (clusters.inputs(name) for name in ("train", "test"))
    loss, _ = interpolation.evaluate_path(built, a, b, t, test, clusters.test.labels, "cpu", train)
    for i, x in enumerate(t):
        between = interpolation.interpolate(a, b, x)
        state = {name: torch.from_numpy(array) for name, array in between.items()}
        module = built.module
        state |= {"1.num_batches_tracked": torch.tensor(0)}
        module.load_state_dict(state)
        images = [torch.from_numpy(v).view(-1, 1, 4, 4) for v in (train, test)]
        with torch.no_grad():
            outputs = module[0](images[0])
            module[1].running_mean.copy_(outputs.mean((0, 2, 3)))
            module[1].running_var.copy_(outputs.var((0, 2, 3), correction=0))
            labels = torch.from_numpy(clusters.test.labels)
            expected = torch.nn.functional.cross_entropy(module(images[1]), labels)
        assert loss[i] == pytest.approx(expected.item(), rel=1e-5)


def test_without_images_batch_norm_is_refused_in_one_line(clusters, one_line):
    built = network("module", clusters.shape, clusters.classes, target="support:small_module")
    a = built.initial(1, 0.1, 0)
    images, labels = clusters.inputs("test"), clusters.test.labels
    for given in (None, images[:0]):
        with pytest.raises(UserError) as error:
            interpolation.evaluate_path(built, a, a, [0.0], images, labels, "cpu", given)
        one_line(error, "batch norm", "training images")
    with pytest.raises(UserError) as error:
        built.with_recomputed_statistics(stack([a]), None)
    one_line(error, "batch norm")
