"""Intervals of a run: their names, and those of marks made by hand."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from hwmodel.config import config_from_mapping
from hwmodel.results import Latency, VmResult, Wire
from hwmodel.simulation import simulate
from hwmodel.simulation.figures.counts import GAUGE_WORDS, LATENCY_PLACES
from hwmodel.simulation.figures.figure_intervals import SampleCounts
from hwmodel.simulation.figures.intervals import sureness_of, too_wide
from hwmodel.simulation.figures.machine_known import MachineKnown
from hwmodel.simulation.figures.marks import COUNTED, MarkTable
from hwmodel.simulation.figures.span import Span
from tests.journey_runs import bucket_of
from tests.run_cases import logged
from tests.sample_result import sample_result
from tests.simulation_cases import config_of, simulated

NS = 1_000_000
N_MARKS = 41
STEP_FS = 1000 * NS
FRAME_BYTES = 1000
NO_LATENCY = Latency()


PORTS = {"vf0": 1, "vf1": 2}


def hand_made_marks(frames, waits_ns):
    """Return marks of equal steps; `frames`: in each step, `waits_ns`: of each frame, all in order, all for vf1."""
    times = [round(wait * NS) for wait in waits_ns]
    buckets = [bucket_of(time) for time in times]
    n = np.cumsum([0, *frames])
    steps, nothing = STEP_FS * np.arange(len(n)), 0 * n
    figures = {
        "now_fs": steps,
        **dict.fromkeys(COUNTED, n),
        "totals.gbps": n * FRAME_BYTES,
        "totals.mpps": n,
        **dict.fromkeys(("delivered_to_wire", "wire.tx_gbps", "wire.rx_gbps", "outside_bytes"), nothing),
        "up.busy_fs": steps // 2,
        "down.busy_fs": steps // 4,
        "tx_gbps": np.stack((nothing, n * FRAME_BYTES), axis=1),
        "rx_gbps": np.stack((nothing, n * FRAME_BYTES), axis=1),
        "rx_mpps": np.stack((nothing, n), axis=1),
        **{f"{name}.{each}": nothing for name in LATENCY_PLACES for each in ("n", "sum_fs")},
        "delivery.n": n,
        "delivery.sum_fs": np.array([float(sum(times[:each])) for each in n]),
        **{f"{name}.area": nothing for name in GAUGE_WORDS},
    }
    none = [(0, np.zeros(0, np.int32))] * len(n)
    delivery = [row_of(buckets[:each]) for each in n]
    return MarkTable(figures, dict.fromkeys(LATENCY_PLACES, none) | {"delivery": delivery})


def row_of(buckets):
    """Return a histogram's row: its first column, and the counts from there on."""
    first = min(buckets, default=0)
    return first, np.bincount(buckets)[first:].astype(np.int32) if buckets else np.zeros(0, np.int32)


def result_with(frames, waits_ns):
    """Return a result of these frames: figures computed from the samples themselves."""
    n, total_ns = sum(frames), STEP_FS * (N_MARKS - 1) / NS
    mpps = n / total_ns * 1e3
    gbps = n * FRAME_BYTES * 8 / total_ns
    values = np.sort(np.array(waits_ns))
    at = {
        name: float(values[max(0, -(-n * share // 1000) - 1)])
        for name, share in [("p50", 500), ("p99", 990), ("p999", 999)]
    }
    latency = Latency(
        min=float(values[0]), max=float(values[-1]), mean=float(values.mean()), count=n,
        p50=at["p50"], p99=at["p99"] if n >= 100 else None, p999=at["p999"] if n >= 1000 else None,
    )  # fmt: skip
    base = sample_result()
    return replace(
        base,
        totals=replace(base.totals, gbps=gbps, mpps=mpps),
        vms=(
            VmResult(name="vf0", tx_gbps=0.0, rx_gbps=0.0, rx_mpps=0.0),
            VmResult(name="vf1", tx_gbps=0.0, rx_gbps=gbps, rx_mpps=mpps),
        ),
        latency_ns=latency,
        latency_from_doorbell_ns=NO_LATENCY,
        latency_to_guest_ns=NO_LATENCY,
        sender_wait_ns=NO_LATENCY,
        wire=Wire(),
    )


def intervals_of(frames, waits_ns, burst_frames=1):
    return sureness_of(result_with(frames, waits_ns), hand_made_marks(frames, waits_ns), PORTS, burst_frames)


STEADY = [100] * (N_MARKS - 1)


def test_the_mean_excess_over_a_level_is_that_of_the_samples_above_it():
    waits = [100.0] * 90 + [1000.0] * 6 + [2000.0] * 4
    counts = SampleCounts(hand_made_marks([0, *[10] * 10], waits).histograms["delivery"])
    assert counts.mean_excess_ns(counts.column(0.9)) == pytest.approx(1400 - 100, rel=0.01)
    assert counts.mean_excess_ns(counts.column(1.0)) == 0


def test_what_does_not_vary_is_known_to_a_burst_and_half_a_bucket():
    found = intervals_of(STEADY, [500.0] * 4000, burst_frames=8).intervals
    # 4000 frames in 40 us; one burst of eight more or less.
    assert found["totals.mpps"] == pytest.approx((100 - 0.2, 100 + 0.2))
    assert found["totals.gbps"] == pytest.approx((800 - 1.6, 800 + 1.6))
    assert found["vms.vf1.rx_mpps"] == found["totals.mpps"]
    assert found["vms.vf1.rx_gbps"] == found["totals.gbps"]
    assert "vms.vf0.rx_gbps" not in found, "of what was not seen once there is no interval"
    assert found["pcie.up.utilization"][0] <= found["pcie.up.utilization"][1]
    assert found["latency_ns.mean"] == (500 - 500 / 4000, 500 + 500 / 4000)
    for name in ("p50", "p99", "p999"):
        low, high = found.get(f"latency_ns.{name}", (500, 500))
        assert 500 * (1 - 1 / 128) < low <= 500 <= high < 500 * (1 + 1 / 128)


def test_a_tail_that_comes_in_all_batches_alike_is_known():
    waits = [10_000.0 if i % 50 == 0 else 100.0 for i in range(4000)]
    found = intervals_of(STEADY, waits).intervals
    assert found["latency_ns.p99"] == pytest.approx((10_000, 10_000), rel=0.01)
    assert found["latency_ns.p50"] == pytest.approx((100, 100), rel=0.01)


def test_a_tail_that_comes_in_some_batches_is_not():
    # 1.2 % of all frames are slow, but they come in three of forty steps: nobody knows whether p99 is slow.
    waits = [10_000.0 if i // 100 in (3, 17, 31) and i % 100 < 16 else 100.0 for i in range(4000)]
    low, high = intervals_of(STEADY, waits).intervals["latency_ns.p99"]
    assert low < 101
    assert high > 9900


def test_percentiles_of_random_times_are_covered():
    # Exponential: p50 is ln 2 and p99 is ln 100 times the mean.
    covered = {"mean": 0, "p50": 0, "p99": 0}
    truth = {"mean": 1000, "p50": 693.147, "p99": 4605.17}
    for seed in range(100):
        draws = np.random.default_rng(seed)
        frames = draws.poisson(100, N_MARKS - 1).tolist()
        found = intervals_of(frames, draws.exponential(1000, sum(frames)).tolist()).intervals
        for name, known in truth.items():
            low, high = found[f"latency_ns.{name}"]
            covered[name] += low <= known <= high
    assert all(n >= 90 for n in covered.values()), covered  # ends are buckets: a percentile's hold a little more often


def test_of_few_samples_the_tail_has_a_wide_interval():
    """200 samples, two of them above p99: its upper end lies beyond the largest, as the tail's slope says."""
    waits = np.random.default_rng(4).exponential(1000, 200)
    low, high = intervals_of([5] * (N_MARKS - 1), waits.tolist()).intervals["latency_ns.p99"]
    assert low < 4605 < high
    assert high > max(waits)


def test_one_frame_alone_says_nothing_of_how_others_differ():
    found = intervals_of([0] * 20 + [1] + [0] * (N_MARKS - 22), [500.0]).intervals
    assert "totals.gbps" in found and not any(name.startswith("latency_ns.") for name in found)


def test_a_figure_without_a_value_has_no_interval():
    result = replace(result_with(STEADY, [500.0] * 4000), totals=replace(sample_result().totals, gbps=None, mpps=None))
    found = sureness_of(result, hand_made_marks(STEADY, [500.0] * 4000), PORTS, 1).intervals
    assert "totals.gbps" not in found and "totals.mpps" not in found


def test_a_rate_that_sinks_slowly_is_a_trend():
    frames = [round(100 + 40 * np.cos(i / 13)) for i in range(N_MARKS - 1)]
    found = intervals_of(frames, [500.0] * sum(frames)).estimates
    assert found["totals.mpps"].trend > 25 and found["totals.mpps"].rise < -50
    assert found["latency_ns.mean"].trend == 0


def test_a_tail_that_one_burst_makes_is_hardly_known():
    # Of 4000 waits 60 are long: all in one step of the window, or spread over all steps.
    together, spread = [500.0] * 4000, [500.0] * 4000
    together[1000:1060] = [9000.0 + 200 * i for i in range(60)]
    spread[::66] = [9000.0 + 200 * (i * 37 % 61) for i in range(61)]
    low, high = intervals_of(STEADY, together).intervals["latency_ns.p99"]
    assert low < 505 and high > 20_000
    low, high = intervals_of(STEADY, spread).intervals["latency_ns.p99"]
    assert low > 9000 and high < 21_000


def test_a_load_that_is_hardly_known_makes_waits_hardly_known():
    """The load is known to 3.2 %, as below; 10 % of headroom may be 7 or 13 %, and queues go by its reciprocal.

    A queue in heavy traffic is a Brownian motion: sqrt(2) times that, by a gamma distribution's points.
    """
    offered = np.random.default_rng(5).poisson(100, N_MARKS - 1)
    waits = [500.0] * 2000 + [900.0] * 2000
    marks = hand_made_marks(STEADY, [500.0, 900.0] * 2000)
    marks = replace(marks, figures={**marks.figures, "offered": np.cumsum([0, *offered])})
    base = result_with(STEADY, waits)

    def ends_of(resource, utilization):
        limit = replace(base.bottleneck, resource=resource, utilization=utilization)
        return sureness_of(replace(base, bottleneck=limit), marks, PORTS, 1).intervals["latency_ns.mean"]

    low, high = ends_of("offered_load", 0.9)
    variance = 2 * (0.032 / 1.96 / 0.1) ** 2
    points = np.quantile(np.random.default_rng(1).gamma(1 / variance, variance, 10**6), [0.025, 0.975])
    high_end, low_end = 500 + 200 / points  # of the 200 ns above the fastest frame's
    assert low == pytest.approx(low_end, abs=20) and high == pytest.approx(high_end, abs=40)
    assert ends_of("pcie.up", 1.0)[1] < 705, "a full resource has no headroom to know"


def test_a_mean_is_known_no_better_than_one_burst_at_the_ends_makes_it():
    waits = [500.0, 900.0] * 2000
    for burst in (1, 32):
        low, high = intervals_of(STEADY, waits, burst).intervals["latency_ns.mean"]
        least = max(burst * 400, 900) / 4000 * 0.999
        assert high - 700 >= least and 700 - low >= least


@pytest.fixture(scope="module")
def result():
    load = {"pattern": "pairs", "frame_bytes": 64, "load": "1Gbps", "arrivals": "poisson", "wire_share": 0.3}
    return simulated(workload=load, run={"warmup": "100us", "duration": "5ms"})


def test_each_interval_is_of_a_figure_of_the_result_and_round_it(result):
    scalars = result.scalars() | {
        f"vms.{vm.name}.{name}": getattr(vm, name) for vm in result.vms for name in ("tx_gbps", "rx_gbps", "rx_mpps")
    }
    assert set(result.intervals) <= set(scalars)
    for name, (low, high) in result.intervals.items():
        assert 0 <= low <= scalars[name] <= high


def test_all_headline_figures_have_one(result):
    rates = {"totals.gbps", "totals.mpps", "wire.tx_gbps", "pcie.up.utilization", "pcie.down.utilization"}
    latencies = {f"{place}.{name}" for place in LATENCY_PLACES.values() for name in ("mean", "p50", "p99")}
    assert rates | latencies <= set(result.intervals)


def asked(precision):
    return config_of(run={"precision": precision} if precision else {})


def test_what_is_too_wide_for_the_precision_asked():
    result = replace(
        sample_result(),
        totals=replace(sample_result().totals, gbps=10.0),
        latency_ns=Latency(min=1.0, mean=100.0, p50=100.0, p99=200.0, max=300.0, count=1000),
        intervals={"totals.gbps": (9.9, 10.1), "latency_ns.mean": (98.0, 102.0)},
    )
    assert too_wide(asked(None), result) == ()
    assert too_wide(asked("1.1%"), result) == ("latency_ns.mean", "latency_ns.p99")
    assert too_wide(asked("2.1%"), result) == ("latency_ns.p99",)
    assert too_wide(asked("0.5%"), result) == ("totals.gbps", "latency_ns.mean", "latency_ns.p99")


def test_a_rate_is_known_no_better_than_what_was_offered():
    # The server is full and passes on the same number in each step; more come in some steps than in others.
    offered = np.random.default_rng(5).poisson(100, N_MARKS - 1)
    marks = hand_made_marks(STEADY, [500.0] * 4000)
    marks = replace(marks, figures={**marks.figures, "offered": np.cumsum([0, *offered])})
    found = sureness_of(result_with(STEADY, [500.0] * 4000), marks, PORTS, 1).intervals["totals.mpps"]
    # By hand: 40 steps of 100 +/- 10 frames, so 4000 +/- 63; two standard deviations are 3.2 %.
    assert (found[1] - found[0]) / (found[1] + found[0]) == pytest.approx(0.032, rel=0.3)
    # In a closed loop they come when others have left: what leaves is all that there is to know.
    found = sureness_of(result_with(STEADY, [500.0] * 4000), marks, PORTS, 1, MachineKnown(is_open=False)).intervals[
        "totals.mpps"
    ]
    assert (found[1] - found[0]) / (found[1] + found[0]) < 0.001


def test_figures_are_known_no_better_than_the_clocks_that_they_hang_on():
    marks, result = hand_made_marks(STEADY, [500.0, 900.0] * 2000), result_with(STEADY, [500.0, 900.0] * 2000)
    low, high = sureness_of(result, marks, PORTS, 1, MachineKnown(clock_share=0.01)).intervals["totals.mpps"]
    assert (low, high) == pytest.approx((99.0, 101.0))


def test_a_full_link_is_known_though_slots_come_free_in_bursts():
    """Rings get 32 slots at once, of one VM after the other; the link is full all the time."""
    config = config_from_mapping({
        "nic": {"vfs": 8}, "workload": {"pattern": "broadcast"}, "run": {"warmup": "10ms", "duration": "10ms"},
    })  # fmt: skip
    result = simulate(config)
    assert result.pcie.up.utilization > 0.99
    low, high = result.intervals["totals.gbps"]
    burst_gbps = config.driver.rx_interrupt_batch * 1518 * 8 / 10e6
    assert (high - low) / 2 <= max(burst_gbps, 0.02 * result.totals.gbps)


def test_what_is_not_known_is_not_precise():
    nothing = replace(
        sample_result(), totals=replace(sample_result().totals, gbps=None), latency_ns=Latency(), intervals={},
        window=replace(sample_result().window, vm_frames=0, wire_frames=0),
    )  # fmt: skip
    assert too_wide(asked("10%"), nothing) == ("totals.gbps", "latency_ns.mean", "latency_ns.p99")
    few = replace(nothing, latency_ns=Latency(min=1.0, mean=100.0, p50=100.0, max=300.0, count=50))
    assert "latency_ns.p99" in too_wide(asked("10%"), few), "of fewer than 100 samples there is none"


def test_a_run_whose_first_window_delivers_nothing_goes_on():
    slow = {"pattern": "pairs", "frame_bytes": 64, "load": "0.2Mbps"}
    run = {"warmup": "0ns", "duration": "20us", "precision": "30%"}
    result = simulated(workload=slow, run=run)
    assert result.latency_ns.count > 10, "780 frames a second of two VMs, in the 20 ms that are a thousand windows"
    assert any("precision 30 % was not met" in text for text in result.warnings)
    silent = simulated(workload=slow | {"load": 0}, run=run)
    assert silent.window.duration_ns == 20e3 and silent.warnings == ()


def test_of_a_load_to_the_wire_the_wire_counts():
    base = sample_result()
    result = replace(
        base,
        totals=replace(base.totals, gbps=0.0),
        wire=Wire(tx_gbps=10.0),
        latency_ns=NO_LATENCY,
        intervals={"wire.tx_gbps": (9.0, 11.0), "totals.gbps": (0.0, 0.0)},
    )
    assert too_wide(asked("5%"), result) == ("wire.tx_gbps",)
    assert too_wide(asked("11%"), result) == ()


def test_what_leaves_over_a_bridge_has_an_interval_as_what_leaves_by_a_wire_has():
    """Few bursts in a window: the rate outward is as uncertain as the frames that came."""
    bursts = {"pattern": "to_wire", "arrivals": "on_off", "load": "2Gbps", "peak_rate": "8Gbps", "mean_burst": 40}
    blocks = {"workload": bursts, "nic": {"vfs": 2}, "run": {"warmup": "200us", "duration": "20ms"}}
    by_wire, over_bridge = (simulate(config_of(**blocks, **more)) for more in ({}, {"bridge": {}}))
    low, high = over_bridge.intervals[over_bridge.outside_rate()]
    assert low < over_bridge.outside_gbps() < high
    own_low, own_high = by_wire.intervals["wire.tx_gbps"]
    assert high - low == pytest.approx(own_high - own_low, rel=0.5)
    asks = config_of(**{**blocks, "bridge": {}, "run": {**blocks["run"], "precision": "1%"}})
    assert too_wide(asks, over_bridge)[0] == over_bridge.outside_rate()


def test_a_window_of_slow_frames_is_no_bound_where_the_warm_up_had_faster_ones():
    ring = {"nic": {"vfs": 2, "tx_ring": 512}, "workload": {"pattern": "pairs"}}
    blocks = {**ring, "pcie": {"lanes": 1}, "run": {"warmup": "5ms", "duration": "200us"}}
    run, result, _ = logged(blocks)
    sureness = run.figures(Span(run.start, run.end))[1]
    assert 0 < sureness.least_ns["latency_ns"] < result.latency_ns.min / 100, "the ring was empty, and then full"
