"""Intervals by batch means: Student's t beside its density integrated, and how often they cover what is known."""

from __future__ import annotations

from itertools import pairwise
from math import atan, lgamma, log, pi, sqrt

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hwmodel.results.student_t import student_t_975, student_t_below
from hwmodel.simulation.batch_means import NUMBERS_OF_BATCHES, boundaries, ratio_estimate

N_MARKS = 161
SEEDS = 200


def share_within(t, degrees):
    """Return the probability that Student's t lies between -t and t: Simpson's rule over its density."""
    points = np.linspace(0, t, 20_001)
    constant = lgamma((degrees + 1) / 2) - lgamma(degrees / 2) - 0.5 * log(degrees * pi)
    density = np.exp(constant - (degrees + 1) / 2 * np.log1p(points**2 / degrees))
    weights = np.ones(len(points))
    weights[1:-1:2], weights[2:-1:2] = 4, 2
    return 2 * float((weights * density).sum()) * t / 20_000 / 3


@pytest.mark.parametrize("degrees", [*range(1, 41), 60, 100, 159, 1000, 10**6])
def test_students_t(degrees):
    t = student_t_975(degrees)
    assert share_within(t - 1e-6, degrees) < 0.95 < share_within(t + 1e-6, degrees)


@pytest.mark.parametrize("t", [-3.0, -0.2, 0.0, 0.5, 1.0, 4.0])
def test_the_share_below_is_that_of_the_density_and_of_closed_forms(t):
    """One degree of freedom is Cauchy's distribution; two have t / sqrt(2 + t^2)."""
    assert student_t_below(t, 1) == pytest.approx(0.5 + atan(t) / pi, abs=1e-12)
    assert student_t_below(t, 2) == pytest.approx(0.5 + t / sqrt(2 + t * t) / 2, abs=1e-12)
    for degrees in (3, 8, 31, 400):
        assert student_t_below(t, degrees) == pytest.approx(0.5 + share_within(t, degrees) / 2, abs=1e-9)


def test_students_t_is_that_of_the_tables():
    """NIST/SEMATECH e-Handbook of Statistical Methods, 1.3.6.7.2."""
    table = {1: 12.706, 2: 4.303, 3: 3.182, 4: 2.776, 5: 2.571, 9: 2.262, 30: 2.042, 100: 1.984}
    assert {degrees: round(student_t_975(degrees), 3) for degrees in table} == table


def test_one_sample_has_no_interval():
    with pytest.raises(ValueError, match="two samples"):
        student_t_975(0)


def test_students_t_falls():
    values = [student_t_975(degrees) for degrees in range(1, 200)]
    assert all(later < earlier for earlier, later in pairwise(values))


@given(st.lists(st.integers(1, 1000), min_size=1, max_size=200), st.sampled_from([2, 10, 20, 40]))
def test_boundaries_are_those_nearest_to_equal_parts(gaps, n_batches):
    at_fs = np.cumsum([0, *gaps]).astype(float)
    found = boundaries(at_fs, n_batches)
    wanted = [at_fs[0] + (at_fs[-1] - at_fs[0]) * i / n_batches for i in range(n_batches + 1)]
    nearest = [min(abs(at_fs - time)) for time in wanted]
    if found is None:
        # Too few marks, or one of them is the nearest to two boundaries.
        holders = {int(np.argmin(abs(at_fs - time))) for time in wanted}
        assert len(at_fs) <= n_batches or len(holders) <= n_batches
    else:
        assert found[0] == 0 and found[-1] == len(at_fs) - 1
        assert (np.diff(found) > 0).all()
        assert abs(at_fs[found] - wanted) == pytest.approx(nearest, abs=1e-6)


def test_equal_marks_are_cut_equally():
    assert boundaries(np.arange(161.0), 40).tolist() == list(range(0, 161, 4))
    assert boundaries(np.arange(11.0), 10).tolist() == list(range(11))
    assert boundaries(np.arange(10.0), 10) is None


def marks_of(samples, per_mark):
    """Return time, sum and count at marks after every `per_mark` samples, one sample each time unit."""
    sums = np.concatenate(([0.0], np.cumsum(samples)))[::per_mark]
    at = np.arange(len(sums)) * float(per_mark)
    return at, sums, at.copy()


def noise(n, correlation, seed):
    values = np.random.default_rng(seed).exponential(size=n) - 1
    for i in range(1, n) if correlation else ():
        values[i] += correlation * values[i - 1]
    return 10 + values


def covered(truth, estimates):
    """Return the share of (figure, estimate) whose interval covers what is known, and the share that is doubted."""
    holds = [abs(figure - truth) <= found.half_width for figure, found in estimates]
    return np.mean(holds), np.mean([not found.is_independent for _, found in estimates])


def test_coverage_of_independent_samples():
    runs = []
    for seed in range(SEEDS):
        samples = noise(160 * 25, 0, seed)
        runs.append((samples.mean(), ratio_estimate(*marks_of(samples, 25))))
    share, doubted = covered(10, runs)
    assert 0.90 <= share <= 0.99
    assert doubted < 0.05


def test_coverage_where_batches_are_long_beside_the_memory():
    runs = []
    for seed in range(SEEDS):
        samples = noise(160 * 50, 0.9, seed)
        runs.append((samples.mean(), ratio_estimate(*marks_of(samples, 50))))
    share, _ = covered(10, runs)
    assert 0.90 <= share <= 0.99


def test_memory_that_only_long_batches_show_widens_the_interval():
    # A slow wave beside fast noise: neighbours of 40 batches hardly correlate, those of 10 do. By hand: the variance of
    # the mean is that of the wave's and the noise's sums.
    n_covered, truth = 0, 10.0
    for seed in range(SEEDS):
        fast, slow = noise(160 * 25, 0, seed) - truth, noise(160 * 25, 0.998, 10_000 + seed) - truth
        samples = truth + 8 * fast + 0.12 * slow
        found = ratio_estimate(*marks_of(samples, 25))
        n_covered += abs(samples.mean() - truth) <= found.half_width
    assert 0.90 <= n_covered / SEEDS <= 0.99


def test_batches_that_hang_together_are_doubted_and_widened():
    # The memory is 2.5 times as long as the largest batches.
    runs, n_wider = [], 0
    for seed in range(100):
        samples = noise(160 * 25, 0.999, seed)
        at, sums, counts = marks_of(samples, 25)
        found = ratio_estimate(at, sums, counts)
        runs.append((samples.mean(), found))
        if not found.is_independent:
            means = np.diff(sums[::4]) / np.diff(counts[::4])
            assert found.n_batches in NUMBERS_OF_BATCHES
            n_wider += found.half_width > 4 * student_t_975(39) * means.std(ddof=1) / sqrt(40)
    share, doubted = covered(10, runs)
    assert doubted > 0.6
    assert n_wider == round(100 * doubted)
    assert share > 0.75


def test_coverage_of_a_ratio_of_two_random_amounts():
    # Frames of random sizes in random numbers: bytes a frame, whose numerator and denominator hang together.
    runs = []
    for seed in range(SEEDS):
        draws = np.random.default_rng(seed)
        counts = draws.poisson(30, N_MARKS - 1)
        sums = np.array([draws.exponential(10, n).sum() for n in counts])
        above, below = np.concatenate(([0], np.cumsum(sums))), np.concatenate(([0], np.cumsum(counts)))
        runs.append((above[-1] / below[-1], ratio_estimate(np.arange(float(N_MARKS)), above, below.astype(float))))
    share, _ = covered(10, runs)
    assert 0.90 <= share <= 0.99


@pytest.mark.parametrize("burst", [1, 8, 32])
def test_a_periodic_count_in_bursts_is_covered(burst):
    # 1 frame a time unit, visible by the burst; marks at times of their own.
    for offset in np.linspace(0, burst, 10):
        at = np.linspace(0, 5000, N_MARKS) + offset
        frames = np.floor(at / burst) * burst
        found = ratio_estimate(at, frames, at)
        rate = (frames[-1] - frames[0]) / (at[-1] - at[0])
        assert abs(rate - 1) <= max(found.half_width, burst / 5000)
        assert found.half_width < 8 * burst / 5000


def test_a_constant_rate_is_known_exactly():
    at = np.arange(float(N_MARKS))
    found = ratio_estimate(at, 7 * at, at)
    assert (found.half_width, found.is_independent) == (0, True)
    assert found.n_batches == NUMBERS_OF_BATCHES[0]


def test_too_few_marks_or_samples_give_no_interval():
    at = np.arange(11.0)
    assert ratio_estimate(at[:10], at[:10], at[:10]) is None
    assert ratio_estimate(at, at, np.zeros(11)) is None
    assert ratio_estimate(at, at, at, least_below=2) is None
    assert ratio_estimate(at, at, at).n_batches == 10


def test_the_interval_scales_with_the_figure():
    samples = noise(4000, 0.5, 3)
    at, sums, counts = marks_of(samples, 25)
    one, thousand = ratio_estimate(at, sums, counts), ratio_estimate(at, 1000 * sums, counts)
    assert thousand.half_width == pytest.approx(1000 * one.half_width)
    assert thousand.n_batches == one.n_batches
    # What has been counted before the window does not matter.
    later = ratio_estimate(at + 1e9, sums + 1e6, counts + 5e5)
    assert later.half_width == pytest.approx(one.half_width, rel=1e-6)
