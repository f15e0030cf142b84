"""What the laws of arrivals say of a window: how far its load is from the mean, and so how long queues may get."""

from __future__ import annotations

from dataclasses import replace
from math import inf, sqrt

import numpy as np
import pytest

from hwmodel.config import config_from_mapping
from hwmodel.simulation import simulate
from hwmodel.simulation.figures.intervals import sureness_of
from hwmodel.simulation.figures.machine_known import Arrivals, MachineKnown
from hwmodel.simulation.run.offered import workload_of
from hwmodel.workload.traffic import ON_OFF, PERIODIC, POISSON, Records, Source, Workload
from tests.simulation_cases import config_of
from tests.test_simulation_intervals import N_MARKS, PORTS, STEADY, STEP_FS, hand_made_marks, result_with

LENGTH_FS = STEP_FS * (N_MARKS - 1)
ADAPTIVE = {"nic": {"preset": "X550", "vfs": 2}, "workload": {"load": "4Gbps", "arrivals": "poisson"}}


def workload_with(*sources):
    return Workload(sources=list(sources), templates=[], records=Records())


def counts_in(length, n_runs, mean_burst, gap, off, draws):
    """Draw how many frames of bursts come in a time; in a second way: one cycle after the other, for each run."""
    found = []
    for _ in range(n_runs):
        now, n = draws.exponential(off), 0
        while now < length:
            burst = draws.geometric(1 / mean_burst)
            n += min(burst, int((length - now) // gap) + 1)
            now += burst * gap + draws.exponential(off)
        found.append(n)
    return np.array(found)


@pytest.mark.parametrize(("mean_burst", "gap", "off"), [(8, 10, 240), (20, 10, 100), (2, 5, 400)])
def test_bursts_vary_as_their_law_says(mean_burst, gap, off):
    source = Source("vf0", ON_OFF, peak_gap_fs=gap, mean_burst_frames=mean_burst, mean_off_fs=off)
    law = Arrivals.of(workload_with(source))
    length = 150_000
    drawn = counts_in(length, 500, mean_burst, gap, off, np.random.default_rng(3))
    assert drawn.mean() == pytest.approx(law.mean_per_fs * length, rel=0.02)
    assert drawn.var() == pytest.approx(law.variance_per_fs * length, rel=0.2)  # of 500 runs, known to 6 %
    assert law.half_share(length) == pytest.approx(1.96 * drawn.std() / drawn.mean(), rel=0.1)


def test_sources_add_up_and_what_has_no_law_has_none():
    poisson, periodic = Source("vf0", POISSON, mean_gap_fs=10), Source("vf1", PERIODIC, mean_gap_fs=5)
    assert Arrivals.of(workload_with(poisson, periodic))[:2] == pytest.approx((0.3, 0.1))
    for other in (Source("vf1", "closed"), replace(poisson, cut_lengths=(100,))):
        assert Arrivals.of(workload_with(poisson, other)) is None
    config = config_of(workload={"load": "512Mbps", "arrivals": "poisson"})  # two VMs, 64 B: a million frames a second
    assert Arrivals.of(workload_of(config)).mean_per_fs * 1e15 == pytest.approx(2e6, rel=1e-3)


def test_a_window_that_was_offered_too_little_says_how_long_queues_are_at_the_mean_load():
    """4,000 frames came of 4,200 that come on average: the resource that was 90 % busy is 94.5 % busy as a rule.

    5.5 % of headroom in place of 10 %: queues are 10 / 5.5 times as long, give or take what the load is not known by,
    which by the law is 1 / sqrt(4200) over the headroom: a gamma distribution's point.
    """
    marks, base = hand_made_marks(STEADY, [500.0, 900.0] * 2000), result_with(STEADY, [500.0, 900.0] * 2000)
    limit = replace(base.bottleneck, resource="offered_load", utilization=0.9)
    base = replace(base, bottleneck=limit)

    def high_of(n_expected):
        arrivals = Arrivals(n_expected / LENGTH_FS, n_expected / LENGTH_FS)
        known = MachineKnown(arrivals=arrivals)
        return sureness_of(base, marks, PORTS, 1, known).intervals["latency_ns.mean"][1]

    def least_of(relative_error):
        variance = relative_error**2 / (1 + relative_error**2)
        return np.quantile(np.random.default_rng(1).gamma(1 / variance, variance, 10**6), 0.025)

    assert high_of(4200) == pytest.approx(500 + 200 * 10 / 5.5 / least_of(1 / sqrt(4200) / 0.055), rel=0.01)
    assert high_of(4000) == pytest.approx(500 + 200 / least_of(1 / sqrt(4000) / 0.1), rel=0.01)
    assert high_of(8000) < 710, "half of the senders are off: the law is of another load"


def test_the_mean_of_a_queue_near_saturation_is_known_as_a_brownian_motion_is():
    """M/D/1 at a load of 0.9, by Lindley's recursion: sqrt(2) times the spread of the arrivals over the headroom."""
    draws, n_runs, n, load = np.random.default_rng(11), 600, 12_000, 0.9
    waits, sums = np.zeros(n_runs), np.zeros(n_runs)
    for at in range(-3_000, n):
        waits = np.maximum(0.0, waits + load - draws.exponential(1.0, n_runs))
        sums += waits * (at >= 0)
    means = sums / n
    relative = means.std() / means.mean()
    assert relative == pytest.approx(sqrt(2) / sqrt(n) / (1 - load), rel=0.25)
    assert relative > 1.15 / sqrt(n) / (1 - load), "the arrivals' spread over the headroom alone is too narrow"


def test_interrupts_that_adapt_in_levels_are_tried_with_other_seeds():
    for driver, has_levels in (({"preset": "kernel"}, True), ({"preset": "dpdk"}, False)):
        config = config_from_mapping({**ADAPTIVE, "driver": driver})
        assert MachineKnown.of(config, workload_of(config)).hangs_on_phases(gets_through=True) is has_levels
    still = config_from_mapping({**ADAPTIVE, "driver": {"preset": "kernel", "adaptive_moderation": False}})
    assert not MachineKnown.of(still, workload_of(still)).hangs_on_phases(gets_through=True)


def test_bursts_that_meet_are_fewer_than_bursts():
    """Each sender is in a burst for a quarter of the time: one burst in four begins in one of the other's."""
    burst = Source("vf0", ON_OFF, mean_burst_frames=10, peak_gap_fs=10, mean_off_fs=300)
    found = Arrivals.of(workload_with(burst, replace(burst, port="vf1")))
    assert found.n_bursts(400 * 100) == pytest.approx(100 / 4)
    assert Arrivals.of(workload_with(burst)).meetings_per_fs == inf, "alone, it meets none"
    beside = Source("vf1", POISSON, mean_gap_fs=10)
    assert Arrivals.of(workload_with(burst, beside)).meetings_per_fs == inf, "it always sends"


def test_a_window_in_which_few_bursts_meet_says_so():
    """Some 5 of 36 bursts meet as a rule: the mean latency was 1.75 us in one window, and is 3.8 in the long run."""
    load = {"pattern": "pairs", "frame_bytes": 256, "load": "1500Mbps", "arrivals": "on_off", "mean_burst": 200}
    result = simulate(config_from_mapping({
        "pcie": {"generation": 2, "lanes": 4}, "nic": {"vfs": 2}, "driver": {"preset": "dpdk"},
        "workload": load | {"peak_rate": "6Gbps"}, "run": {"duration": "5ms", "seed": 7},
    }))  # fmt: skip
    assert any("few bursts" in text for text in result.warnings)
    low, high = result.intervals["totals.gbps"]
    assert low < 3.0 < high
