"""Whatever the window: no rate above the closed form, bytes a frame as of a long run, and what is not known is None."""

from __future__ import annotations

from dataclasses import replace
from types import SimpleNamespace

import pytest

from hwmodel.analytic import limits
from hwmodel.config import Config, config_from_mapping, load_config
from hwmodel.results import Latency, Result
from hwmodel.simulation import simulate
from hwmodel.simulation.intervals import Sureness
from hwmodel.simulation.window_checks import burst_frames, doubtful_intervals, precision_not_met, why_no_rates
from tests.config_cases import CONFIGS
from tests.sample_result import sample_result
from tests.simulation_cases import config_of

FRAMES = (1, 2, 3, 5, 8, 10, 15, 20, 30, 50, 80, 100, 150, 200, 300, 500, 800, 1000, 1500, 2000, 2500, 3000, 4000, 5000)
MOST_ABOVE, MOST_OFF = 0.01, 1.0
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


@pytest.mark.parametrize("case", CASES)
def test_no_window_is_too_short_to_be_right(case):
    _, _, is_exact = CASES[case]
    form = limits(config_with(case, LONG))
    long = simulate(config_with(case, LONG))
    expected = frame_bytes_of(long)
    n_copies = (form.mpps * 1e6) / float(form.frames_per_s)
    if is_exact:
        copies = {"up": form.up_bytes / n_copies, "down": form.down_bytes / n_copies}
        if case != "broadcast":  # there the closed form's rate is of copies to VMs, and one goes to the wire too
            assert expected == pytest.approx(copies, abs=0.1)
    n_with_rates = 0
    for n_frames in FRAMES[list(CASES).index(case) % 3 :: 3]:
        result = simulate(config_with(case, n_frames))
        assert len({rate is None for rate in rates_of(result)}) == 1, "some rates are known"
        found = frame_bytes_of(result)
        if is_exact is not None and found is not None:
            assert found == pytest.approx(expected, abs=MOST_OFF), n_frames
        if result.totals.gbps is None:
            assert any("rates" in warning for warning in result.warnings)
            assert result.fairness_jain is None
            continue
        n_with_rates += 1
        assert result.totals.gbps <= (1 + MOST_ABOVE) * form.gbps, n_frames
        assert result.totals.mpps <= (1 + MOST_ABOVE) * form.mpps, n_frames
        if not result.totals.gbps:
            assert result.wire.tx_gbps <= (1 + MOST_ABOVE) * form.gbps, n_frames
    if case not in ("light", "light, poisson", "wire and VMs", "wire alone", "mix"):  # random: off by chance alone
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

    def __init__(self, n, fs, n_receiving=1, n_bytes=None, n_dropped=0, n_offered=0, backlog_growth=0):
        self.frames, self.fs, self.n_receiving, self.backlog_growth = n, fs, n_receiving, backlog_growth
        self._counts = {
            "vm_copies": n,
            "delivered_to_wire": 0,
            "delivered_bytes": 64 * n if n_bytes is None else n_bytes,
            "offered": n_offered,
            "delivered": n,
            "dropped": n_dropped,
            "copies_dropped": n_dropped,
            "mirrored_dropped": 0,
        }

    def count(self, name):
        return self._counts[name]


CEILING = SimpleNamespace(mpps=1.0, gbps=0.512, limited_by="up", frames_per_s=10**6)
OFFERED = SimpleNamespace(mpps=1.0, gbps=0.512, limited_by="offered_load", frames_per_s=10**6)


@pytest.mark.parametrize(
    ("window", "words"),
    [
        (Window(0, 10**12), "No frame was delivered"),
        (Window(9, 9 * 10**9), "holds 9 frames, too few for rates"),
        (Window(1, 10**9), "holds 1 frame, too few"),
        (Window(19, 19 * 10**9, n_receiving=2), "it takes 20 frames or more"),
        (Window(10, 10 * 10**9), None),
        (Window(1000, 991 * 10**9), None),
        (Window(1000, 989 * 10**9), "caught 1.1 % more than the closed form's 1 Mpps, by the bursts"),
        (Window(190, 188 * 10**9, n_dropped=50), "caught 1.1 %"),  # two frames more: its two ends may hold them
        (Window(1000, 900 * 10**9, n_dropped=50), None),  # 100 more: beside what is dropped
        (Window(1000, 1000 * 10**9, n_bytes=65 * 1000), "caught 1.6 % more than the closed form's 0.512 Gb/s"),
    ],
)
def test_why_a_window_gives_no_rates(window, words):
    found = why_no_rates(config_of(nic={"rx_writeback_batch": 1}), window, CEILING)
    assert found is None if words is None else words in found


@pytest.mark.parametrize(
    ("window", "words"),
    [
        (Window(1000, 1009 * 10**9), None),
        (Window(1000, 1011 * 10**9), "caught 1.1 % less than the closed form's 1 Mpps, by chance"),
        (Window(1000, 989 * 10**9), "caught 1.1 % more than the closed form's 1 Mpps, by chance"),
        (
            Window(1000, 1000 * 10**9, n_bytes=63 * 1000, n_offered=1000),
            "caught 1.6 % less than the closed form's 0.512 Gb/s",
        ),
        (Window(1000, 1011 * 10**9, n_dropped=1), None),  # no chance: frames are lost
        (Window(1000, 1012 * 10**9, n_offered=1007), None),  # nor here: of the 12 that are missing seven came
        (Window(1000, 1012 * 10**9, n_offered=1006), "less than"),
        (Window(1000, 1012 * 10**9, n_offered=1006, backlog_growth=1), None),  # it waits before the ring
        (Window(6000, 6600 * 10**9), None),
    ],
)
def test_a_short_window_is_as_wrong_below_the_load_as_above_it(window, words):
    config = config_of(nic={"rx_writeback_batch": 1}, workload={"load": "5Mbps", "arrivals": "poisson"})
    found = why_no_rates(config, window, OFFERED)
    assert found is None if words is None else words in found


def test_short_windows_with_rates_lean_to_neither_side():
    rated = {"workload": {"load": "500Mbps", "arrivals": "poisson"}, "run": {"duration": "1ms"}}
    found = [simulate(config_of(**rated | {"run": rated["run"] | {"seed": seed}})) for seed in range(1, 61)]
    rates = [one.totals.mpps / one.closed_form.mpps - 1 for one in found if one.totals.mpps is not None]
    n_low, n_high = sum(off < 0 for off in rates), sum(off > 0 for off in rates)
    # Of 2,000 frames a standard deviation is 2.2 %: a third of the windows lies within 1 %.
    assert 10 <= len(rates) <= 35
    assert max(abs(off) for off in rates) <= 0.01
    assert min(n_low, n_high) >= 4


def test_where_nobody_sends_the_rates_are_none_at_all():
    silent = simulate(config_of(workload={"load": 0}, run={"duration": "1ms"}))
    assert (silent.totals.gbps, silent.totals.mpps, silent.vms) == (0.0, 0.0, silent.vms)
    assert {rate for rate in rates_of(silent) if rate} == set()
    assert silent.warnings == ()
    # A frame every 100 ms: in a window of 1 ms there is none, and the rate is not 0.
    rare = simulate(config_of(workload={"load": "5120bps"}, run={"duration": "1ms"}))
    assert rare.totals.gbps is None
    assert rare.warnings[0].startswith("No frame was delivered in the window")


def test_a_long_window_is_believed():
    # What is above the closed form there is no matter of the window's ends: it must be seen.
    assert why_no_rates(config_of(), Window(20_000, 15_000 * 10**9), CEILING) is None


def test_a_doubtful_interval_is_told_where_it_is_wide():
    result = replace(
        sample_result(),
        latency_ns=Latency(min=1.0, mean=100.0, p50=100.0, p99=200.0, max=300.0, count=1000),
        intervals={"latency_ns.mean": (99.5, 100.5), "latency_ns.p99": (150.0, 260.0), "vms.vf0.rx_gbps": (0.0, 9.0)},
    )
    wide = ("latency_ns.mean", "latency_ns.p99", "vms.vf0.rx_gbps")
    (warning,) = doubtful_intervals(result, Sureness(result.intervals, correlated=wide))
    assert "interval of latency_ns.p99 is widened" in warning
    (warning,) = doubtful_intervals(result, Sureness(result.intervals, few_bursts=wide))
    assert "few of the bursts that make latency_ns.p99" in warning, "the mean is known to 1 %"
    wider = result.intervals | {"latency_ns.mean": (95.0, 105.0)}
    (warning,) = doubtful_intervals(result, Sureness(wider, few_bursts=("latency_ns.p99",)))
    assert "few of the bursts that make latency_ns.mean and latency_ns.p99" in warning
    (warning,) = doubtful_intervals(result, Sureness(result.intervals, correlated=wide, few_bursts=wide))
    assert "is widened" in warning, "one word for one figure"
    both = {"latency_ns.mean": (98.0, 102.0), "latency_ns.p99": (150.0, 260.0), "totals.gbps": (1.0, 99.0)}
    (warning,) = doubtful_intervals(result, Sureness(both, correlated=("latency_ns.mean",)))
    assert "of latency_ns.mean and latency_ns.p99 are widened" in warning, "they are of the same queues"
    assert (
        list(doubtful_intervals(result, Sureness(result.intervals, ("latency_ns.mean",), ("latency_ns.mean",)))) == []
    )
    # The farther end counts.
    lower = Sureness({"latency_ns.p99": (150.0, 201.0)}, few_bursts=("latency_ns.p99",))
    assert len(list(doubtful_intervals(result, lower))) == 1


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


def test_a_run_that_is_not_steady_at_its_end_says_so():
    # The ring fills all through the window: the wire takes half of what is offered.
    slow = {"pattern": "to_wire", "frame_bytes": 1518, "load": "8Gbps"}
    found = warnings_of(nic={"tx_ring": 4096, "vfs": 2}, workload=slow, run={"warmup": "100us", "duration": "5ms"})
    assert any("not steady at its end" in text and "Tx rings" in text for text in found)


def test_a_batch_that_a_timer_ends_is_no_batch_that_only_frames_fill():
    rated = {
        "workload": {"pattern": "pairs", "frame_bytes": 64, "load": "50Mbps"},
        "run": {"warmup": "0ns", "duration": "5ms"},
    }
    both = {"nic": {"rx_writeback_batch": 8, "writeback_timeout": "50us"}}
    assert not any("only later" in text for text in warnings_of(**both, driver={"rx_interrupt_batch": 1}, **rated))
    (told,) = [text for text in warnings_of(**both, driver={"rx_interrupt_batch": 16}, **rated) if "only later" in text]
    assert told.endswith("fill: driver.rx_interrupt_batch is 16 without a timer (driver.moderation).")
