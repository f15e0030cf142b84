"""Whatever the window: no rate above the closed form, bytes a frame as of a long run, and what is not known is None."""

from __future__ import annotations

from dataclasses import replace
from types import SimpleNamespace

import pytest

from hwmodel.analytic import limits
from hwmodel.config import Config, config_from_mapping, load_config
from hwmodel.results import Latency, Result
from hwmodel.results.reading import headline
from hwmodel.simulation import simulate
from hwmodel.simulation.figures.figure_intervals import Estimate
from hwmodel.simulation.figures.intervals import Sureness
from hwmodel.simulation.figures.window_checks import burst_frames, precision_not_met, unsure_figures, why_no_rates
from tests.config_cases import CONFIGS
from tests.run_cases import frame, measured, write_capture
from tests.sample_result import sample_result
from tests.simulation_cases import config_of

FRAMES = (1, 2, 3, 5, 8, 10, 15, 20, 30, 50, 80, 100, 150, 200, 300, 500, 800, 1000, 1500, 2000, 2500, 3000, 4000, 5000)
MOST_OFF = 1.0
LONG = 30_000
TIMERS = {"nic.writeback_timeout": "10us", "driver.moderation": "20us"}
DPDK = {"nic.preset": "82599", "driver.preset": "dpdk", "pcie.lanes": 8, "nic.vfs": 4}

# Name -> a shipped configuration, changes, and whether the closed form's bytes a frame are exact for it; None: chance,
# or timers, make those of each window others (tests/test_simulation_frame_bytes.py has what holds of them).
CASES = {
    "demo": ("sriov_10g_gen2x4", {}, True),
    "64 B": ("sriov_10g_gen2x4", {"workload.frame_bytes": 64}, True),
    "x8": ("sriov_10g_gen2x8", {}, True),
    "40G, uniform": ("sriov_40g_gen3x8", {}, True),
    "ideal": ("sriov_ideal", {}, True),
    "jumbo": ("sriov_jumbo", {}, False),
    "to_wire": ("sriov_10g_gen2x8", {"workload.pattern": "to_wire"}, True),
    "incast": ("sriov_10g_gen2x4", {"workload.pattern": "incast"}, True),
    "broadcast": ("sriov_10g_gen2x4", {"workload.pattern": "broadcast"}, True),
    "light": ("sriov_10g_gen2x4", {"workload.load": 0.1, **TIMERS}, None),
    "light, poisson": ("sriov_10g_gen2x4", {"workload.load": 0.3, "workload.arrivals": "poisson"}, False),
    "polled": (None, {**DPDK, "workload.pattern": "pairs", "workload.frame_bytes": 256}, False),
    "wire and VMs": ("sriov_10g_gen2x4", {"workload.load": 0.3, "workload.external": {"rate": "2Gbps"}}, None),
    "wire alone": ("wire_only", {"driver.rx_interrupt_batch": 4}, False),
    "half to the wire": ("sriov_10g_gen2x4", {"workload.wire_share": 0.4}, None),
    "mix": ("sriov_imix", {"driver.rx_interrupt_batch": 4}, None),
    "VN-tag": ("switch_vn_tag", {}, False),
}


def config_with(case: str, n_frames: int) -> Config:
    base, changes, _ = CASES[case]
    changes = {**changes, "run.frames": n_frames, "run.duration": "10s"}
    return load_config(CONFIGS / f"{base}.yaml", changes) if base else config_from_mapping({}, changes)


def frame_bytes_of(result: Result) -> dict[str, float] | None:
    found = {"up": result.pcie.up.per_frame, "down": result.pcie.down.per_frame}
    assert (found["up"] is None) == (found["down"] is None)
    return None if found["up"] is None else {name: sum(purposes.values()) for name, purposes in found.items()}


def rates_of(result: Result) -> list[float | None]:
    rates = [result.totals.gbps, result.totals.mpps, result.wire.tx_gbps, result.wire.rx_gbps]
    rates += [rate for vm in result.vms for rate in (vm.tx_gbps, vm.rx_gbps, vm.rx_mpps)]
    return rates + [rate for flow in result.flows for rate in (flow.gbps, flow.mpps)]


RANDOM = ("light", "light, poisson", "wire and VMs", "wire alone", "mix")
FETCH_BYTES = 8 * 16 + 20  # the completion with a batch of descriptors


@pytest.mark.a_third_by_day
@pytest.mark.parametrize("case", CASES)
def test_no_window_is_too_short_to_be_right(case):
    _, _, is_exact = CASES[case]
    form = limits(config_with(case, LONG))
    long = measured(config_with(case, LONG))
    expected = frame_bytes_of(long)
    n_copies = (form.mpps * 1e6) / float(form.frames_per_s)
    if is_exact:
        copies = {"up": form.up_bytes / n_copies, "down": form.down_bytes / n_copies}
        if case != "broadcast":  # there the closed form's rate is of copies to VMs, and one goes to the wire too
            assert expected == pytest.approx(copies, abs=0.1)
    n_with_rates = 0
    for n_frames in FRAMES[list(CASES).index(case) % 3 :: 3]:
        result = measured(config_with(case, n_frames))
        assert len({rate is None for rate in rates_of(result)}) == 1, "some rates are known"
        found = frame_bytes_of(result)
        if is_exact is not None and found is not None:
            # Random loads: at each end of the window the fetch of a batch may be on its other side.
            off = max(MOST_OFF, 2 * FETCH_BYTES / n_frames) if case in RANDOM else MOST_OFF
            assert found == pytest.approx(expected, abs=off), n_frames
        if result.totals.gbps is None:
            assert any("rates" in warning for warning in result.warnings)
            assert result.fairness_jain is None
            continue
        n_with_rates += 1
        for name, ceiling in (("totals.gbps", form.gbps), ("totals.mpps", form.mpps)):
            low, high = result.intervals.get(name, (0.0, 0.0))  # none of a window of fewer than eight slices
            chance = (
                high - low if case in RANDOM else 0.0
            )  # of what came in this window, in one of twenty more than that
            assert low - chance <= 1.002 * ceiling, (n_frames, name)
    if case not in RANDOM:  # off by chance alone
        assert n_with_rates


def test_a_burst_is_the_larger_of_the_batches_that_hide_frames():
    batches = [(1, 0), (8, 0), (1, 32), (8, 4)]
    found = [
        burst_frames(config_of(nic={"rx_writeback_batch": told}, driver={"rx_interrupt_batch": raised}))
        for told, raised in batches
    ]
    assert found == [1, 8, 32, 8]


class Window:
    """A span of so many frames in so much time."""

    def __init__(self, n, n_receiving=1):
        self.frames, self.n_receiving = n, n_receiving
        self._counts = {"offered": n, "delivered": n}
        self.end = SimpleNamespace(count={"offered": n + 1}.get)

    def count(self, name):
        return self._counts[name]


@pytest.mark.parametrize(
    ("window", "words"),
    [
        (Window(0), "No frame was delivered"),
        (Window(4), "holds 4 frames, too few for rates: frames become visible in bursts of up to 1 for a VM"),
        (Window(5), None),
        (Window(9, n_receiving=2), "it takes 10 frames or more"),
        (Window(10, n_receiving=2), None),
    ],
)
def test_why_a_window_gives_no_rates(window, words):
    found = why_no_rates(config_of(nic={"rx_writeback_batch": 1}, driver={"rx_interrupt_batch": 0}), window)
    assert found is None if words is None else words in found


def test_a_silent_window_of_nobody_has_rates():
    assert why_no_rates(config_of(), Window(0), sends=False) is None


def test_rates_of_short_windows_of_a_random_load_lean_to_neither_side():
    """All are given, whatever the closed form says: 2,000 frames each, 2.2 % of standard deviation, 60 windows."""
    rated = {"workload": {"load": "500Mbps", "arrivals": "poisson"}, "run": {"duration": "1ms"}}
    found = [measured(config_of(**rated | {"run": rated["run"] | {"seed": seed}})) for seed in range(1, 61)]
    off = [one.totals.mpps / one.closed_form.mpps - 1 for one in found]
    assert abs(sum(off) / len(off)) < 3 * 0.022 / 60**0.5
    n_covered = sum(
        low <= one.closed_form.mpps <= high for one in found for low, high in [one.intervals["totals.mpps"]]
    )
    assert n_covered >= 53


def test_rates_of_long_bursts_lean_to_neither_side():
    """Bursts of 200 with the window's two ends at times of their own: a window behind a burst's frame has too many."""
    bursts = {"frame_bytes": 1518, "load": "1Gbps", "arrivals": "on_off", "peak_rate": "4Gbps", "mean_burst": 200}
    blocks = {"workload": {"pattern": "pairs"} | bursts, "nic": {"vfs": 2}, "run": {"duration": "20ms"}}
    rates = []
    for seed in range(1, 61):
        result = measured(config_of(**blocks | {"run": blocks["run"] | {"seed": seed}}))
        assert result.totals.gbps is not None and "totals.gbps" in result.intervals
        rates.append(result.totals.gbps / result.closed_form.gbps)
    mean = sum(rates) / len(rates)
    spread = (sum((rate - mean) ** 2 for rate in rates) / (len(rates) - 1) / len(rates)) ** 0.5
    assert abs(mean - 1) < 3 * spread < 0.25


def test_where_nobody_sends_the_rates_are_none_at_all():
    silent = simulate(config_of(workload={"load": 0}, run={"duration": "1ms"}))
    assert (silent.totals.gbps, silent.totals.mpps, silent.vms) == (0.0, 0.0, silent.vms)
    assert {rate for rate in rates_of(silent) if rate} == set()
    assert silent.warnings == ()
    # A frame every 100 ms: in a window of 1 ms there is none, and the rate is not 0.
    rare = simulate(config_of(workload={"load": "5120bps"}, run={"duration": "1ms"}))
    assert rare.totals.gbps is None
    assert rare.warnings[0].startswith("No frame was offered by the end of the run")
    # Who sends all it can keeps its first frame for a dead wire: more time brings none.
    kept = simulate(config_of(workload={"pattern": "to_wire"}, port={"down": ["p0"]}, run={"duration": "1ms"}))
    assert (kept.totals.offered_frames, kept.totals.gbps, kept.wire.tx_gbps) == (0, 0.0, 0.0)
    assert [text[:32] for text in kept.warnings] == ["The wire of p0 is dead (port.dow"]


HELD = {"totals.gbps": (9.0, 11.0), "latency_ns.mean": (90.0, 110.0), "sender_wait_ns.mean": (40.0, 60.0)}

MIDDLES = {name: sum(ends) / 2 for name, ends in HELD.items()}


def unsure(is_open=True, n_bursts=100.0, load_known=0.0, mean_ns=100.0, **estimates):
    base = sample_result()
    result = replace(base, latency_ns=Latency(min=1.0, mean=mean_ns, p50=100.0, max=300.0, count=1000))
    named = {name.replace("__", "."): one for name, one in estimates.items()}
    found = unsure_figures(result, Sureness(MIDDLES, HELD, named, n_bursts, load_known), is_open=is_open)
    return [one.text for one in found]


def test_a_figure_that_grows_is_named_with_its_rise():
    grows = Estimate(1.0, memory=1.0, trend=400.0, rise=2500.0)
    (warning,) = unsure(sender_wait_ns__mean=grows, latency_ns__mean=Estimate(1.0))
    assert warning.startswith("Not steady in the window: sender_wait_ns rose by 2.50 us. It is of this window alone")
    (warning,) = unsure(totals__gbps=grows._replace(rise=-3.25), latency_ns__mean=grows)
    assert "totals.gbps fell by 3.25 Gb/s and latency_ns rose by 2.50 us. These are" in warning
    # Where frames wait ever longer rings fill, and then senders wait, though not yet in this window.
    follows = unsure(latency_ns__mean=grows, sender_wait_ns__mean=Estimate(1.0))
    assert len(follows) == 2 and "how far off sender_wait_ns is" in follows[1]
    assert unsure(sender_wait_ns__mean=grows._replace(rise=0.9)) == [], "less than 2 % of it"
    assert unsure(sender_wait_ns__mean=grows._replace(trend=20.0)) == [], "chance"


def test_a_window_short_beside_its_memory_says_of_what():
    slow = Estimate(10.0, memory=21.0)
    (warning,) = unsure(latency_ns__mean=slow, totals__gbps=Estimate(0.1))
    assert "short beside the memory of the queues: it does not tell how far off latency_ns is" in warning
    assert unsure(latency_ns__mean=slow._replace(half_width=4.0)) == [], "less than 5 %"
    assert unsure(latency_ns__mean=slow._replace(memory=19.0)) == []


def test_a_window_of_few_latencies_or_of_a_load_near_saturation_is_short():
    calm = {"latency_ns__mean": Estimate(1.0), "totals__gbps": Estimate(0.1)}
    duration_ns = sample_result().window.duration_ns
    assert unsure(**calm) == [] and unsure(**calm, load_known=0.9) == []
    for found in (unsure(**calm, mean_ns=duration_ns / 4), unsure(**calm, load_known=1.1)):
        assert len(found) == 1 and "how far off latency_ns is" in found[0]
    assert unsure(**calm, mean_ns=duration_ns / 4, is_open=False) == [], "a ring that is kept full"


@pytest.mark.parametrize(("load_known", "has_interval"), [(1.5, True), (3.0, False)])
def test_where_the_load_may_be_far_more_than_fits_not_even_a_wide_interval_is_given(load_known, has_interval):
    wide, named = {"latency_ns.mean": (50.0, 500.0)}, {"latency_ns.mean": Estimate(10.0, memory=21.0)}
    result = replace(sample_result(), latency_ns=Latency(min=1.0, mean=100.0, p50=100.0, max=300.0, count=1000))
    sureness = Sureness({"latency_ns.mean": 100.0}, wide, named, 100.0, load_known)
    (found,) = unsure_figures(result, sureness, is_open=True)
    assert (found.places == frozenset()) == has_interval
    assert found.text.startswith("Known roughly") == has_interval


def test_a_window_of_few_bursts_says_so_once():
    (warning,) = unsure(n_bursts=4.2, load_known=0.9, latency_ns__mean=Estimate(10.0, memory=21.0))
    assert "few bursts: what came, or queues where bursts meet, vary as much as with 4 independent ones" in warning


def test_a_latency_whose_window_does_not_tell_how_far_off_it_is_has_no_interval():
    """Two senders of 300 Mb/s in bursts of some 64 frames: 5 ms hold two such bursts, 1 s holds hundreds."""
    load = {"load": "300Mbps", "arrivals": "on_off", "mean_burst": 64, "peak_rate": "1200Mbps", "frame_bytes": 1518}
    short, long = (
        simulate(config_of(workload={"pattern": "pairs", **load}, nic={"vfs": 4}, run={"duration": duration}))
        for duration in ("5ms", "1s")
    )
    assert any(text.startswith("The window holds few bursts") for text in short.warnings)
    assert "totals.gbps" in short.intervals and not any("_ns." in name for name in short.intervals)
    assert {"latency_ns.mean", "latency_ns.p99", "totals.gbps"} <= set(long.intervals)


def test_in_a_few_latencies_time_even_a_wide_interval_of_a_wait_need_not_hold():
    """Frames wait 1.1 ms in a full Rx buffer, and senders ever less for some 20 ms: 24.1 ns in 1 ms, then 23.0.

    A wide interval reached from 23.3 to 58 ns: up, to what a longer queue would give. It held in 3 of 19 seeds.
    """
    load = {"load": "93% of ceiling", "arrivals": "periodic", "frame_bytes": 64}
    blocks = {"pcie": {"generation": 2, "lanes": 4}, "nic": {"vfs": 2}, "driver": {"preset": "dpdk"}}
    result = simulate(
        config_from_mapping(
            blocks | {"workload": {"pattern": "pairs", **load}, "run": {"duration": "1ms", "seed": 232900}}
        )
    )
    assert result.latency_ns.mean > 0.9 * result.window.duration_ns
    assert not any("_ns." in name for name in result.intervals) and "totals.gbps" in result.intervals
    assert any("how far off" in text and "sender_wait_ns" in text for text in result.warnings)


def test_a_percentile_beyond_which_few_bursts_reach_has_no_interval():
    """Four senders in bursts of some 16 frames: in 10 ms 48 meet another: of two windows one has none beyond p99."""
    load = {"load": "800Mbps", "arrivals": "on_off", "mean_burst": 16, "peak_rate": "3200Mbps", "frame_bytes": 1518}
    blocks = {"nic": {"vfs": 4}, "workload": {"pattern": "pairs", **load}}
    short, long = (simulate(config_of(**blocks, run={"duration": duration})) for duration in ("10ms", "1s"))
    known = [{name.rpartition(".")[2] for name in one.intervals if "latency_ns." in name} for one in (short, long)]
    assert known == [{"mean", "p50"}, {"mean", "p50", "p99", "p999"}]
    assert any("few bursts that reach beyond p99 and p99.9" in one for one in short.warnings)
    assert not any("reach beyond" in one for one in long.warnings)
    # Frames that come one by one are no bursts: a thousand of them tell of the slowest of a hundred.
    single = {"nic": {"vfs": 4}, "workload": {"pattern": "pairs", "load": "800Mbps", "arrivals": "poisson"}}
    assert "latency_ns.p99" in simulate(config_of(**single, run={"duration": "10ms"})).intervals


def test_a_goal_of_frames_gives_several_servers_intervals_too():
    """They stop at times alone: the slices of a window of 20 ms that ends after 1 ms would be too few for any."""
    run = {"warmup": "200us", "duration": "20ms", "frames": 2000}
    blocks = {"servers": [{"name": "a"}, {"name": "b"}], "nic": {"vfs": 2}, "bridge": {"kind": "learning"}, "run": run}
    result = simulate(config_from_mapping(blocks))
    assert result.window_frames < 2200 and result.window.duration_ns < 2e6
    assert {"totals.gbps", "latency_ns.mean"} <= set(result.intervals)


def test_a_window_as_long_as_its_capture_asks_for_a_longer_one(tmp_path):
    """The first frame of a core's sleep waits least; all are delivered, whatever their latencies did."""
    path = tmp_path / "in.pcap"
    write_capture(path, [(5_000 * k, frame("vf0", "vf1", 1514)) for k in range(300)])
    own = {"workload": {"pcap": str(path)}, "driver": {"preset": "kernel", "moderation": "2us"}}
    run = {"warmup": "0ns", "duration": "10ms"}
    played = simulate(config_from_mapping({**own, "nic": {"preset": "82599", "vfs": 2}, "run": run}))
    (warning,) = [one for one in played.warnings if "Not steady" in one]
    assert played.totals.in_flight_frames == 0
    assert "a longer capture gives others" in warning and "delivered" not in warning
    cut = simulate(config_from_mapping({**own, "nic": {"preset": "82599", "vfs": 2}, "run": run | {"duration": "1ms"}}))
    assert any("a longer run.duration" in one for one in cut.warnings)


def test_a_precision_that_was_not_met_is_told():
    config = config_of(run={"precision": "0.1%"})
    (warning,) = precision_not_met(config, sample_result(), ("totals.gbps",))
    assert warning.startswith("run.precision 0.1 % was not met for totals.gbps")
    assert list(precision_not_met(config, sample_result(), ())) == []


def warnings_of(**blocks):
    return simulate(config_of(**blocks)).warnings


def test_frames_that_wait_for_others_are_told_with_the_key_that_makes_them_wait():
    rated = {
        "workload": {"pattern": "pairs", "frame_bytes": 64, "load": "5Mbps"},
        "run": {"warmup": "0ns", "duration": "1ms"},
    }
    waiting = {"rx_writeback_batch": 48}
    nothing, *_, why = warnings_of(nic=waiting, **rated)
    assert nothing.startswith("No frame was delivered")
    assert "none was delivered: nic.rx_writeback_batch is 48 without nic.writeback_timeout" in why
    assert not any("without" in text for text in warnings_of(nic={**waiting, "writeback_timeout": "5us"}, **rated))


def test_no_batch_keeps_frames_that_have_not_come_to_a_ring():
    saturated = {"workload": {"pattern": "pairs"}, "run": {"warmup": "0ns", "duration": "1us"}}
    *_, why = warnings_of(nic={"rx_writeback_batch": 48}, **saturated)
    assert why.endswith("none was delivered: they are still on their way.")


def test_a_run_of_which_no_frame_came_to_its_end_names_no_limit():
    early, late = (
        simulate(config_of(workload={"pattern": "pairs"}, run={"warmup": warmup, "duration": "1us"}))
        for warmup in ("0ns", "1ms")
    )
    assert headline(early) == "Throughput VM to VM not measured; what limits it is not known"
    assert "so it does not show what limits" in early.bottleneck.why and not early.bottleneck.is_limit
    assert late.bottleneck.is_limit and "; limited by pcie.up (" in headline(late)


def test_a_run_that_is_not_steady_in_its_window_says_so():
    # The ring fills all through the window: the wire takes half of what is offered.
    slow = {"pattern": "to_wire", "frame_bytes": 1518, "load": "8Gbps"}
    found = warnings_of(nic={"tx_ring": 4096, "vfs": 2}, workload=slow, run={"warmup": "100us", "duration": "5ms"})
    assert any("Not steady in the window" in text and "latency_ns rose by" in text for text in found)


def test_in_an_open_overload_the_wait_that_grows_is_named():
    over = {"pattern": "to_wire", "frame_bytes": 1518, "load": "8Gbps", "arrivals": "poisson"}
    found = warnings_of(nic={"tx_ring": 64, "vfs": 2}, workload=over, run={"duration": "5ms"})
    assert any("Not steady in the window" in text and "sender_wait_ns rose by" in text for text in found)


def test_a_batch_that_a_timer_ends_is_no_batch_that_only_frames_fill():
    rated = {
        "workload": {"pattern": "pairs", "frame_bytes": 64, "load": "50Mbps"},
        "run": {"warmup": "0ns", "duration": "5ms"},
    }
    both = {"nic": {"rx_writeback_batch": 8, "writeback_timeout": "50us"}}
    assert not any("only later" in text for text in warnings_of(**both, driver={"rx_interrupt_batch": 1}, **rated))
    (told,) = [text for text in warnings_of(**both, driver={"rx_interrupt_batch": 16}, **rated) if "only later" in text]
    assert told.endswith("fill: driver.rx_interrupt_batch is 16 without a timer (driver.moderation).")


PAUSED = {
    "nic": {"strict": False, "vfs": 2, "drop_enable": False, "flow_control": {"mode": "pause"}},
    "pcie": {"generation": 3, "lanes": 8},
    "bridge": {"announce": True, "flow_control": {"mode": "pause"}},
    "servers": [{"name": "a", "set": {"pcie.lanes": 1}}, {"name": "b"}],
    "workload": {"pattern": "flows", "flows": [["b.vf0", "a.vf0", "4Gbps"], ["b.vf1", "a.vf1", "4Gbps"]]},
    "run": {"warmup": "5ms", "duration": "20ms"},
}


@pytest.mark.real_clocks
def test_what_a_full_link_lets_through_is_known_though_senders_are_stopped():
    """PAUSE makes rings take their frames in bursts, while the frames arrive evenly: the link's rate is that of a."""
    found = simulate(config_from_mapping(PAUSED, {"workload.frame_bytes": 1518}))
    low, high = found.intervals["totals.gbps"]
    most_gbps = limits(config_from_mapping(PAUSED, {"workload.frame_bytes": 1518})).gbps
    assert found.bottleneck.resource == "a.pcie.up"
    assert high - low < 0.04 * found.totals.gbps
    assert high > 0.98 * most_gbps and found.totals.gbps < 1.002 * most_gbps
    assert not any("few bursts" in text or "less was delivered than came" in text for text in found.warnings)
