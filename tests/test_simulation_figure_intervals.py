"""Intervals by standardized time series: scale, sums that are known, and how often they hold of known queues."""

from __future__ import annotations

from math import sqrt

import numpy as np
import pytest

from benches.known_queues import coverage, known_queues
from hwmodel.results.student_t import student_t_975
from hwmodel.simulation.figures.figure_intervals import (
    LEAST_WEIGHTS,
    N_WEIGHTS,
    Found,
    Ratio,
    Wanted,
    gamma_ends,
    ratio_estimate,
    with_few_events,
)

N_SLICES = 80
AT = np.arange(N_SLICES + 1.0)


def cumulative(slices):
    return np.concatenate(([0.0], np.cumsum(slices)))


def estimate(slices):
    return ratio_estimate(AT, cumulative(slices), AT)


@pytest.mark.parametrize("k", [1, 2, 5, 12])
def test_a_cosine_is_its_own_sum_alone(k):
    """By hand: the mean square of twelve sums of which one is a / sqrt(2), each with the variance of the mean."""
    wave = 3 * np.cos(np.pi * k * (np.arange(N_SLICES) + 0.5) / N_SLICES)
    found = estimate(100 + wave)
    all_twelve = student_t_975(N_WEIGHTS) * 3 / sqrt(2) / sqrt(N_WEIGHTS)
    if k > N_WEIGHTS // 2:
        assert found.half_width == pytest.approx(all_twelve)
        assert found.memory == pytest.approx(0, abs=1e-9)
    else:
        n_slow = 3 if k <= 3 else 6
        assert found.half_width == pytest.approx(student_t_975(n_slow) * 3 / sqrt(2) / sqrt(n_slow))
        assert found.memory > 1e9
    assert (found.trend > 1e9) == (k == 1)


def test_a_straight_rise_is_told_with_its_height():
    rising = estimate(100 + np.linspace(-4, 4, N_SLICES))
    assert rising.rise == pytest.approx(8, rel=0.02)
    assert rising.trend > 500
    assert estimate(100 - np.linspace(-4, 4, N_SLICES)).rise == pytest.approx(-8, rel=0.02)


def test_chance_is_no_trend_and_no_memory():
    draws = np.random.default_rng(3)
    found = [estimate(draws.normal(10, 1, N_SLICES)) for _ in range(500)]
    assert sum(one.trend > 25 for one in found) <= 2
    assert sum(one.memory > 8 for one in found) <= 15
    covered = np.mean([abs(draws.normal(0, 1 / sqrt(N_SLICES))) <= one.half_width for one in found])
    assert 0.93 <= covered <= 0.99


def test_a_constant_rate_is_known_exactly():
    assert ratio_estimate(AT, 7 * AT, AT).half_width == 0
    assert ratio_estimate(AT, AT / 3, AT).half_width == 0, "but for the last digits"


def test_too_few_marks_or_nothing_below_give_no_interval():
    n = 2 * LEAST_WEIGHTS
    assert ratio_estimate(AT[:n], AT[:n], AT[:n]) is None
    assert ratio_estimate(AT[: n + 1], AT[: n + 1], AT[: n + 1]) is not None
    assert ratio_estimate(AT, AT, np.zeros(len(AT))) is None


def test_the_interval_scales_with_the_figure_and_forgets_what_was_before():
    slices = np.random.default_rng(5).exponential(10, N_SLICES)
    one, thousand = estimate(slices), estimate(1000 * slices)
    assert thousand.half_width == pytest.approx(1000 * one.half_width)
    assert (thousand.memory, thousand.trend) == pytest.approx((one.memory, one.trend))
    later = ratio_estimate(AT + 1e9, cumulative(slices) + 1e6, AT + 5e5)
    assert later.half_width == pytest.approx(one.half_width, rel=1e-6)


def test_a_ratio_of_two_random_amounts_is_covered():
    """Frames of random sizes in random numbers: bytes a frame, whose numerator and denominator hang together."""
    n_covered = 0
    for seed in range(200):
        draws = np.random.default_rng(seed)
        counts = draws.poisson(30, N_SLICES)
        sums = np.array([draws.exponential(10, n).sum() for n in counts])
        found = ratio_estimate(AT, cumulative(sums), cumulative(counts))
        n_covered += abs(sums.sum() / counts.sum() - 10) <= found.half_width
    assert 180 <= n_covered <= 199


@pytest.mark.parametrize("name", ["M/M/1 waits, load 0.5", "AR(1), 0.99", "M/D/1 waits, load 0.8"])
def test_known_queues_are_covered(name):
    """A window of 20 to 80 relaxation times; the percentiles' ends are buckets, so they hold a little more often."""
    (known,) = [one for one in known_queues() if one.name == name]
    for figure, share in coverage(known, 120, seed=7).items():
        assert share >= 0.89, figure
        if figure == "mean":
            assert share <= 0.995


@pytest.mark.parametrize("variance", [0.02, 0.2, 0.6])
def test_the_points_of_a_gamma_distribution(variance):
    drawn = np.random.default_rng(1).gamma(1 / variance, variance, 10**6)
    assert gamma_ends(variance) == pytest.approx(tuple(np.quantile(drawn, [0.025, 0.975])), rel=0.15)


def mean_of_few(seed, n_events):
    """Return the mean of a window of bursts whose excess goes by the square of their length, and its interval.

    The interval that the request comes with has no width: what is left is what the number of events widens it by.
    """
    drawn = np.random.default_rng(seed)
    n = drawn.poisson(n_events)
    frames, excess = np.full(N_SLICES, 100.0), np.zeros(N_SLICES)
    np.add.at(excess, drawn.integers(0, N_SLICES, n), drawn.exponential(30, n) ** 2)
    mean = float((excess + 10 * frames).sum() / frames.sum())
    times = Ratio(cumulative(excess + 10 * frames), cumulative(frames))
    plain = Wanted((times,), lambda _: iter([Found("latency_ns.mean", mean, (mean, mean), 0.0)]))
    (found,) = with_few_events(plain, times, 10.0, 1.0).found_from([None])
    return mean, found.ends


@pytest.mark.parametrize("n_events", [20, 60])
def test_a_mean_that_few_bursts_make_is_known_as_few_are(n_events):
    truth = 10 + n_events * 2 * 30**2 / (100 * N_SLICES)
    held = [low <= truth <= high for _, (low, high) in (mean_of_few(seed, n_events) for seed in range(400))]
    assert sum(held) >= 0.88 * len(held)


def test_a_mean_that_all_the_window_makes_is_not_widened():
    times = Ratio(cumulative([1500.0] * N_SLICES), cumulative([100.0] * N_SLICES))
    plain = Wanted((times,), lambda _: iter([Found("latency_ns.mean", 15.0, (14.0, 16.0), 0.0)]))
    (found,) = with_few_events(plain, times, 10.0, 1.0).found_from([None])
    assert found.ends == (14.0, 16.0)
