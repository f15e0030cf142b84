"""What a window's load says of its queues: beside windows of M/D/1, by Lindley's recursion, whose mean is known."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from hwmodel.results.student_t import NORMAL_975
from hwmodel.simulation.figures.intervals import OfferedRate, load_known
from tests.sample_result import sample_result

N_WINDOWS = 300
RESULT = sample_result()


def windows_of(load: float, n_services: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Return the mean wait in each of consecutive windows, in service times, and how many came in it."""
    gaps = np.random.default_rng(seed).exponential(1 / load, int((N_WINDOWS + 20) * n_services * load * 1.02))
    at, steps = np.cumsum(gaps), np.concatenate([[0.0], np.cumsum(1 - gaps[1:])])
    waits = steps - np.minimum.accumulate(steps)
    window = (at / n_services).astype(int) - 20  # the first twenty fill the queue
    of = window[(window >= 0) & (window < N_WINDOWS)]
    came = np.bincount(of, minlength=N_WINDOWS)
    return np.bincount(of, waits[(window >= 0) & (window < N_WINDOWS)], N_WINDOWS) / came, came


def ends_of(busy: float, mean_over_came: float, half_share: float, full: str = "offered_load") -> tuple[float, float]:
    limit = replace(RESULT.bottleneck, resource=full, also=(), utilization=busy)
    offered = OfferedRate(half_share, mean_over_came=mean_over_came, is_by_law=True)
    return load_known(replace(RESULT, bottleneck=limit), offered).ends()


@pytest.mark.parametrize(("load", "n_services"), [(0.9, 1000), (0.9, 20_000), (0.95, 5000), (0.97, 5000)])
def test_the_law_holds_where_a_queue_is_known_and_is_not_wider_than_it_must(load: float, n_services: int) -> None:
    """From windows shorter than the queue's memory to long ones: 93 % or more hold, at 1.25 times what is needed."""
    truth = load / 2 / (1 - load)
    means, came = windows_of(load, n_services, seed=3)
    half_share = NORMAL_975 / np.sqrt(load * n_services)
    held, reach = 0, []
    for mean, n in zip(means, came, strict=True):
        low, high = ends_of(min(1.0, n / n_services), load * n_services / n, half_share)
        held += min(low, 1.0) * mean <= truth <= max(high, 1.0) * mean
        reach.append((high - low) / 2 * mean)
    assert held / N_WINDOWS >= 0.93
    assert np.median(reach) < 1.25 * NORMAL_975 * means.std()


def test_a_window_that_was_offered_too_much_says_so_of_its_queues() -> None:
    """10 % of headroom, 5 % too many: queues of the mean load are about half as long, and the law knows it."""
    low, high = ends_of(0.945, 1 / 1.05, 0.02)
    assert low < 0.55 < high < 1.0


def test_a_resource_that_is_full_by_chance_has_shorter_queues_in_the_long_run() -> None:
    """5 % too many came, and the link was full: at the mean load 4.8 % of it are free; overloaded, it stays full."""
    low, high = ends_of(1.0, 1 / 1.05, 0.03, "pcie.up")
    assert low < 0.2 and high < 1.0
    assert ends_of(1.0, 1.05, 0.03, "pcie.up") == (1.0, 1.0)
