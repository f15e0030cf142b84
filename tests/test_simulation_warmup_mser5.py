"""MSER-5 beside its definition written out, and on series whose transient is known."""

from __future__ import annotations

from math import exp, sqrt

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hwmodel.simulation.run.warmup import LEAST_MEANS, MOST_CUT, OBSERVATIONS_A_MEAN, truncation

ENOUGH = OBSERVATIONS_A_MEAN * LEAST_MEANS
N = 400
WHOLE = st.integers(0, 1000)


def defined_cut(series):
    """Return the cut of the definition: White, Cobb and Spratt 2000, the least marginal standard error of means of 5.

    The sum of squares about the mean of what is kept, by the square of how many are kept; the last five do not count.
    """
    n = len(series) // 5
    means = [sum(series[len(series) - 5 * (n - i) : len(series) - 5 * (n - i - 1)]) / 5 for i in range(n)]
    errors = []
    for cut in range(n - 4):
        kept = means[cut:]
        mean = sum(kept) / len(kept)
        errors.append(sum((value - mean) ** 2 for value in kept) / len(kept) ** 2)
    return errors, n, means


def autoregressive(n, correlation, seed):
    """Return a first order autoregression with a standard deviation of 1."""
    noise = np.random.default_rng(seed).normal(size=n) * sqrt(1 - correlation**2)
    found = [noise[0] / sqrt(1 - correlation**2)]
    for one in noise[1:]:
        found.append(correlation * found[-1] + one)
    return np.array(found)


@given(st.lists(WHOLE, min_size=ENOUGH, max_size=120))
def test_the_cut_is_that_of_the_definition(series):
    errors, n, means = defined_cut(series)
    found = truncation(series)
    at = round(found.share * n)
    # Of two cuts that are as good, rounding chooses.
    assert errors[at] == pytest.approx(min(errors), rel=1e-9, abs=1e-9)
    assert found.mean == pytest.approx(sum(means[at:]) / (n - at), abs=1e-9)
    assert found.mean_behind_most == pytest.approx(np.mean(means[int(n * MOST_CUT) :]), abs=1e-9)


@pytest.mark.parametrize("length", [0, 1, ENOUGH - 1])
def test_a_short_series_says_nothing(length):
    assert truncation([1.0] * length) is None


def test_a_series_just_long_enough_says_something():
    assert truncation([1.0] * ENOUGH) is not None


@pytest.mark.parametrize("value", [0.0, 1.0, 1e15, 1 / 3])
def test_a_constant_keeps_its_mean(value):
    cut = truncation([value] * N)
    assert cut.mean == pytest.approx(value, rel=1e-15)
    assert not cut.moves_mean(1e-15 * value)


@pytest.mark.parametrize("length", [5, 40, 100])
def test_a_transient_of_known_length_is_cut_off(length):
    # Twenty standard deviations at first, a twentieth of one after three time constants.
    for seed in range(10):
        series = autoregressive(N, 0, seed) + [20 * exp(-6 * i / length) for i in range(N)]
        cut = truncation(series)
        assert length / 3 <= cut.share * N <= length + 40
        assert not cut.moves_mean(0.5)


def test_the_mean_behind_the_cut_is_free_of_the_transient():
    series = autoregressive(N, 0, 1) + [20 * exp(-i / 20) for i in range(N)]
    assert np.mean(series) > 0.8
    assert abs(truncation(series).mean) < 0.2


def test_a_transient_that_lasts_is_not_over():
    # A ring that fills through most of the series: more than a third would have to go, and that moves the mean.
    series = np.minimum(np.arange(N) / (0.8 * N), 1.0) * 100
    cut = truncation(series)
    assert cut.share > MOST_CUT
    assert cut.moves_mean(1)
    assert not cut.moves_mean(50)


def test_a_ramp_is_not_over_at_any_length():
    for n in (ENOUGH, 100, 1000):
        assert truncation(np.arange(n, dtype=float)).moves_mean(0.01 * n)


def test_a_saw_tooth_is_steady():
    # A deterministic machine beats against the slices in which it is looked at.
    for period in (2, 3, 7, 10, 13):
        series = [100 + i % period for i in range(N)]
        assert not truncation(series).moves_mean(1)
