"""The schedule at steps whose rates are known: the paper's run, 10 steps of warm-up of 6000."""

import math
from itertools import pairwise

import pytest

from lmc_ot.training.schedule import warmup_cosine

PEAK = 0.1


def rate(step, steps=6000, warmup_steps=10, **options):
    return warmup_cosine(step, PEAK, steps, warmup_steps, **options)


@pytest.mark.parametrize(
    ("step", "expected"),
    [
        (0, 1e-6),
        (5, (1e-6 + PEAK) / 2),
        (9, 1e-6 + 0.9 * (PEAK - 1e-6)),
        (10, PEAK),
        (10 + 5990 / 3, 0.75 * PEAK),
        (3005, PEAK / 2),
        (10 + 5990 * 2 / 3, 0.25 * PEAK),
        (6000, 0),
    ],
)
def test_named_steps(step, expected):
    assert rate(step) == pytest.approx(expected, rel=1e-12, abs=1e-18)


def test_it_rises_to_the_peak_and_then_falls():
    rates = [rate(step) for step in range(6001)]
    assert all(a < b for a, b in pairwise(rates[:11]))
    assert all(a > b for a, b in pairwise(rates[10:]))
    assert max(rates) == rates[10] == PEAK


def test_the_last_step_that_is_taken_is_small_but_not_zero():
    expected = PEAK * math.sin(math.pi / 2 / 5990) ** 2
    assert rate(5999) == pytest.approx(expected, rel=1e-6)
    assert 0 < expected < 1e-7 * PEAK


def test_without_warm_up_it_begins_at_the_peak():
    assert rate(0, warmup_steps=0) == PEAK


def test_the_initial_rate_is_an_option():
    assert rate(0, initial=0.05) == 0.05
    assert rate(5, initial=0.05) == pytest.approx(0.075)


def test_a_run_no_longer_than_its_warm_up_stays_on_the_line():
    rates = [rate(step, steps=10) for step in range(10)]
    assert rates == [rate(step) for step in range(10)]
    assert rate(10, steps=10) == PEAK


def test_beyond_the_end_it_stays_zero():
    assert rate(9000) == rate(6000) == 0
