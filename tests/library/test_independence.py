"""The diagnostic of independence: on layers whose neurons are, and are not, independent."""

import numpy as np
import pytest

from lmc_ot.connectivity import independence


def test_cosines_by_hand():
    x = np.array([[1.0, 0.0], [0.0, 2.0], [3.0, 3.0], [0.0, 0.0]])
    half = 0.5**0.5
    np.testing.assert_allclose(sorted(independence.cosines(x)), [0.0, half, half])
    np.testing.assert_allclose(independence.cosines(x[:1], x), [1.0, 0.0, half])


def test_a_reshuffled_layer_keeps_the_entries_along_every_component(stream):
    weight = stream.normal(size=(40, 6)) * [3, 2, 1, 1, 1, 0.1] @ stream.normal(size=(6, 6))
    for half, components in independence.halves(weight, stream):
        np.testing.assert_allclose(components @ components.T, np.eye(6), atol=1e-12)
        found = independence.reshuffled(half, components, stream)
        assert found.shape == half.shape == (20, 6)
        assert not np.allclose(found, half)
        np.testing.assert_allclose((found**2).sum(), (half**2).sum())
        np.testing.assert_allclose(
            np.sort(found @ components.T, 0), np.sort(half @ components.T, 0), atol=1e-9
        )


def test_halves_are_all_neurons_and_have_the_components_of_each_other(stream):
    weight = stream.normal(size=(11, 4))
    (a, of_b), (b, of_a) = independence.halves(weight, stream)
    assert sorted(map(tuple, np.concatenate([a, b]))) == sorted(map(tuple, weight))
    for half, components in ((a, of_a), (b, of_b)):
        scores = half @ components.T
        np.testing.assert_allclose(scores.T @ scores, np.diag((scores**2).sum(0)), atol=1e-9)


def _distances(weight, stream):
    half, components = independence.halves(weight, stream)[0]
    first, second = (
        independence.cosines(independence.reshuffled(half, components, stream)) for _ in "ab"
    )
    return independence.distance(independence.cosines(half), first), independence.distance(
        second, first
    )


@pytest.mark.parametrize(
    ("shape", "scale"), [((120, 30), 1.0), ((40, 60), 1.0), ((200, 20), [3.0] * 3 + [0.3] * 17)]
)
def test_independent_neurons_are_at_the_distance_of_two_reshufflings(shape, scale, stream):
    found, null = zip(
        *(_distances(stream.normal(size=shape) * scale, stream) for _ in range(40)), strict=True
    )
    difference = np.subtract(found, null)
    allowed = 4 * difference.std() / np.sqrt(len(difference)) + 0.1 * np.mean(null)
    assert abs(difference.mean()) < allowed


@pytest.mark.parametrize("kind", ["copies", "repelling"])
def test_neurons_that_depend_on_each_other_are_found(kind, stream):
    if kind == "copies":
        few = stream.normal(size=(6, 30)).repeat(10, axis=0)
        weight = few + 0.1 * stream.normal(size=few.shape)
    else:  # orthogonal directions: no two neurons look alike
        weight = np.linalg.qr(stream.normal(size=(120, 120)))[0]
    found, null = _distances(weight, stream)
    assert found > 2 * null


def test_the_distance_is_in_standard_deviations(stream):
    reference = 5.0 * stream.normal(size=1000)
    shifted = independence.distance(reference + 10.0, reference)
    assert shifted == pytest.approx(10.0 / reference.std())
    assert independence.distance(reference, reference) == 0


def test_too_few_neurons_have_no_distance(stream):
    for neurons in (1, 2):
        found = independence.cosines(stream.normal(size=(neurons, 3)))
        assert np.isnan(independence.distance(found, found))
    assert np.isnan(independence.distance(np.zeros(3), np.ones(3)))
