"""The load that a configuration asks for is the load that comes: how much, when, of what length, from whom to whom.

Counts are compared with what the words of docs/loads.md say. Chance is given 5 standard deviations, seeds are fixed.
"""

from __future__ import annotations

import json
import math
import subprocess
import sys
from collections import Counter

import numpy as np
import pytest

from hwmodel.config import config_from_mapping
from hwmodel.simulation.figures.setting_warnings import burst_warnings
from tests.run_cases import (
    BATCHES_OF_ONE,
    BROADCAST,
    POLLED,
    frame,
    logged,
    merged,
    result_of,
    write_capture,
)

# A link with room to spare, so that what is offered is delivered.
WIDE = {"nic": {"strict": False}, "pcie": {"generation": 3, "lanes": 16}, "host": {"read_latency": "100ns"}}
SIGMAS = 5


def from_start(duration: str) -> dict[str, dict[str, str]]:
    return {"run": {"warmup": "0us", "duration": duration}}


def offered_by(result) -> dict[tuple[str, str], int]:
    return {(flow.from_, flow.to): flow.offered for flow in result.flows}


def near(count: float, expected: float, deviation: float) -> bool:
    return abs(count - expected) <= SIGMAS * deviation


# ---- How much ----


@pytest.mark.parametrize(
    ("load", "frames_a_second"),
    [
        ("1Gbps", 1e9 / (600 * 8)),  # each VM, frame bits with FCS
        (0.6, 0.6 * 10e9 / (620 * 8) / 4),  # of the port, all VMs together, 20 B more a frame
        (1.5, 1.5 * 10e9 / (620 * 8) / 4),
        ("0.2Mpps", 0.2e6),
    ],
)
def test_periodic_rates_are_exact(load, frames_a_second):
    workload = {"load": load, "arrivals": "periodic", "frame_bytes": 600}
    result = result_of(WIDE, POLLED, {"nic": {"vfs": 4}, "workload": workload}, from_start("2ms"))
    offered = offered_by(result)
    assert set(offered) == {("vf0", "vf1"), ("vf1", "vf0"), ("vf2", "vf3"), ("vf3", "vf2")}
    for count in offered.values():
        assert abs(count - frames_a_second * 2e-3) <= 1


def test_flows_have_rates_of_their_own():
    flows = [
        ["vf0", "vf1", "1Gbps"],
        ["vf1", "uplink", "500Mbps"],
        ["uplink", "vf2", "700Mbps"],
        ["pf", "vf0", "2Gbps"],
    ]
    workload = {"pattern": "flows", "flows": flows, "arrivals": "periodic", "frame_bytes": 1000}
    result = result_of(WIDE, BATCHES_OF_ONE, {"nic": {"vfs": 4}, "workload": workload}, from_start("4ms"))
    offered = offered_by(result)
    assert set(offered) == {tuple(ends) for *ends, _ in flows}
    for source, target, rate in flows:
        expected = {"1Gbps": 500, "500Mbps": 250, "700Mbps": 350, "2Gbps": 1000}[rate]
        assert abs(offered[source, target] - expected) <= 1
    rates = {(flow.from_, flow.to): flow.gbps for flow in result.flows}
    assert rates["vf0", "vf1"] == pytest.approx(1, abs=0.005)
    assert {vm.name for vm in result.vms} == {"pf", "vf0", "vf1", "vf2", "vf3"}
    assert result.totals.from_wire == offered["uplink", "vf2"]
    assert abs(result.totals.delivered_to_wire - 250) <= 2


def test_weights_divide_the_load_between_the_senders():
    workload = {"load": "500Kpps", "weights": {"vf0": 4, "vf2": 0}, "arrivals": "periodic", "frame_bytes": 600}
    result = result_of(WIDE, POLLED, {"nic": {"vfs": 4}, "workload": workload}, from_start("3ms"))
    # 2 M frames a second in all, in parts of 4, 1 and 1 (vf1 and vf3 are not named): 6 ms * 1/3 M frames for each part.
    expected = {("vf0", "vf1"): 4000, ("vf1", "vf0"): 1000, ("vf3", "vf2"): 1000}
    assert {ends: round(count, -1) for ends, count in offered_by(result).items() if count} == expected


@pytest.mark.parametrize("silent", [{"pattern": None}, {"pattern": "none"}, {"load": 0}], ids=["null", "none", "load"])
def test_only_the_wire_sends(silent):
    workload = {**silent, "frame_bytes": 600, "external": {"rate": "5Gbps", "arrivals": "periodic"}}
    result = result_of(WIDE, POLLED, {"nic": {"vfs": 4}, "workload": workload}, from_start("3ms"))
    assert {source for (source, _), count in offered_by(result).items() if count} == {"uplink"}
    assert abs(result.totals.offered_frames - 5e9 / 4800 * 3e-3) <= 1
    assert result.totals.from_wire == result.totals.offered_frames
    assert all(vm.tx_gbps == 0 and vm.rx_gbps > 1 for vm in result.vms)


def test_with_a_load_of_nothing_nothing_happens():
    result = result_of(WIDE, POLLED, {"nic": {"vfs": 4}, "workload": {"load": 0}}, from_start("1ms"))
    assert (result.totals.offered_frames, result.totals.gbps or 0, result.latency_ns.p50) == (0, 0, None)


def test_a_load_beyond_the_link_waits_or_drops():
    narrow = {"pcie": {"generation": 1, "lanes": 1}, "nic": {"vfs": 2, "tx_ring": 64}, "driver": {"preset": "dpdk"}}
    load = {"load": "6Gbps", "frame_bytes": 600}
    settled = {"run": {"warmup": "5ms", "duration": "25ms"}}
    waits = result_of(narrow, {"workload": {**load, "on_full": "wait"}}, settled)
    drops = result_of(narrow, {"workload": {**load, "on_full": "drop"}}, settled)
    assert waits.drops == {}
    assert set(drops.drops) == {"TX_RING_FULL"}
    assert [set(vm.drops) for vm in drops.vms] == [{"TX_RING_FULL"}] * 2
    assert sum(vm.drops["TX_RING_FULL"] for vm in drops.vms) == drops.drops["TX_RING_FULL"]
    # All that came is counted; what is neither delivered nor dropped is in a ring or, as a copy, behind the switch.
    expected = 2 * 6e9 * 30e-3 / 4800
    assert near(drops.totals.offered_frames, expected, math.sqrt(expected))
    assert drops.totals.in_flight_frames - drops.totals.copies_in_flight <= 2 * 63
    # The link is full both ways. Who waits posts as many frames as a write-back frees, with one doorbell; who drops
    # takes what is free at each arrival and rings for that alone.
    assert min(waits.pcie.down.utilization, drops.pcie.down.utilization) > 0.99
    assert drops.pcie.down.bytes.doorbell > 2 * waits.pcie.down.bytes.doorbell
    assert 0.9 * waits.totals.gbps < drops.totals.gbps < waits.totals.gbps


# ---- When ----

SPARSE = {"nic": {"vfs": 4}, "workload": {"load": "100Mbps", "frame_bytes": 600}, "run": {"warmup": "0us"}}
MEAN_GAP_NS = 48_000  # 4800 bits at 100 Mb/s


def gaps_ns(arrivals, duration, **workload):
    """Return the gaps between the frames of each VM; so few are under way that deliveries show arrivals."""
    machine = {"workload": {"arrivals": arrivals, **workload}, "run": {"duration": duration}}
    _, _, rows = logged(WIDE, BATCHES_OF_ONE, SPARSE, machine)
    return [np.diff(rows.at_fs[rows.egress_port == port]) / 1e6 for port in (2, 3, 4, 5)]


def test_periodic_frames_come_evenly_and_not_in_step():
    for gaps in gaps_ns("periodic", "20ms"):
        assert len(gaps) > 400
        assert np.abs(gaps - MEAN_GAP_NS).max() < 100  # what else is on the link delays a frame a little
    _, _, rows = logged(
        WIDE, BATCHES_OF_ONE, SPARSE, {"workload": {"arrivals": "periodic"}, "run": {"duration": "1ms"}}
    )
    # Four VMs, a quarter of a gap apart.
    assert np.abs(np.diff(rows.at_fs / 1e6)[:40] - MEAN_GAP_NS / 4).max() < 100


def test_poisson_gaps_are_exponential():
    gaps = np.concatenate(gaps_ns("poisson", "200ms"))
    n = len(gaps)
    assert near(n, 4 * 200e6 / MEAN_GAP_NS, math.sqrt(n))
    assert near(gaps.mean(), MEAN_GAP_NS, MEAN_GAP_NS / math.sqrt(n))
    for quarter in (0.25, 0.5, 0.75):
        share = (gaps > -math.log(quarter) * MEAN_GAP_NS).mean()
        assert near(share, quarter, math.sqrt(quarter * (1 - quarter) / n))


def test_on_off_frames_come_in_bursts():
    mean_burst, peak_gap_ns = 8, 960
    gaps = np.concatenate(gaps_ns("on_off", "400ms", peak_rate="5Gbps", mean_burst=mean_burst))
    n = len(gaps)
    n_bursts = int((gaps > 2 * peak_gap_ns).sum())
    # The number of frames is that of a sum of geometric bursts at random times.
    variance_of_burst = mean_burst * (mean_burst - 1)
    expected = 4 * 400e6 / MEAN_GAP_NS
    assert near(n, expected, math.sqrt(expected / mean_burst * (variance_of_burst + mean_burst**2)))
    assert near(n / n_bursts, mean_burst, math.sqrt(variance_of_burst / n_bursts))
    within = gaps[gaps < 2 * peak_gap_ns]
    assert np.median(within) == pytest.approx(peak_gap_ns, abs=1)


def test_bursts_of_a_fixed_length_have_just_so_many_frames():
    burst, peak_gap_ns = 8, 960
    for gaps in gaps_ns("on_off", "40ms", peak_rate="5Gbps", mean_burst=burst, burst_length="fixed"):
        ends = np.flatnonzero(gaps > 2 * peak_gap_ns)  # two bursts run into one where a pause is short
        lengths = np.diff(ends)
        assert len(lengths) > 50 and set(lengths % burst) == {0}
        assert (lengths == burst).mean() > 0.9
        # The mean rate comes out: pauses are exponential, one for each burst.
        expected = 40e6 / MEAN_GAP_NS
        assert near(len(gaps), expected, math.sqrt(expected / burst) * burst)


def test_a_core_that_cannot_post_a_burst_so_fast_is_told_of():
    """250 ns a frame and nothing else: 4 M frames/s; 64 B at 5 Gb/s are 5e9 / 512 = 9.77 M."""
    core = {"driver": {"preset": None, "frame_time": "250ns", "doorbell_time": "0ns", "rx_interrupt_batch": 0,
                       "tx_interrupt_batch": 0}}  # fmt: skip
    load = {"workload": {"arrivals": "on_off", "load": "100Mbps", "frame_bytes": 64, "peak_rate": "5Gbps"}}
    (found,) = burst_warnings(config_from_mapping(merged(core, load)))
    servers = {"servers": [{"name": name} for name in "abc"]}
    assert [*burst_warnings(config_from_mapping(merged(core, load, servers)))] == [f"a, b and c: {found}"]
    assert "asks each VM for 9.77 M frames/s, and its core posts at most 4 M (2.05 Gb/s of frames)" in found
    assert found in result_of(core, load, from_start("200us")).warnings
    for workload in ({**load["workload"], "peak_rate": "2Gbps"}, {"load": "100Mbps", "frame_bytes": 64}):
        assert not list(burst_warnings(config_from_mapping(merged(core, {"workload": workload}))))


def test_a_source_that_begins_at_time_0_goes_on(tmp_path):
    """The first frame of a capture comes at time 0; with nothing else to do, the machine sleeps until the next."""
    frames = [(i * 10**6, frame("vf0", "vf1")) for i in range(5)]
    capture = write_capture(tmp_path / "in.pcap", frames)
    _, result, rows = logged(BATCHES_OF_ONE, {"workload": {"pcap": str(capture)}, "run": {"duration": "1s"}})
    assert result.totals.delivered_frames == 5
    assert np.abs(np.diff(rows.at_fs) - 10**12).max() < 10**9


# ---- Whom ----

MODERATE = {"nic": {"vfs": 4}, "workload": {"load": "1Gbps", "frame_bytes": 600}}


def test_uniform_is_even():
    offered = offered_by(result_of(WIDE, POLLED, MODERATE, {"workload": {"pattern": "uniform"}}, from_start("20ms")))
    names = ["vf0", "vf1", "vf2", "vf3"]
    assert set(offered) == {(a, b) for a in names for b in names if a != b}
    expected = 4 * 1e9 * 20e-3 / 4800 / 12
    assert all(near(count, expected, math.sqrt(expected)) for count in offered.values())


def test_wire_share_leaves_by_the_wire():
    share = 0.25
    result = result_of(WIDE, POLLED, MODERATE, {"workload": {"wire_share": share}}, from_start("20ms"))
    offered = offered_by(result)
    for name in ("vf0", "vf1", "vf2", "vf3"):
        of_vm = sum(count for (source, _), count in offered.items() if source == name)
        assert near(offered[name, "uplink"], share * of_vm, math.sqrt(of_vm * share * (1 - share)))
    to_wire = sum(flow.delivered for flow in result.flows if flow.to == "uplink")
    assert result.totals.delivered_to_wire == to_wire
    assert result.wire.tx_gbps == pytest.approx(4 * share, rel=0.05)


def test_incast_is_from_all_others_to_one():
    machine = merged(WIDE, POLLED, MODERATE, {"workload": {"pattern": "incast", "incast_to": "vf2"}})
    result = result_of(machine, from_start("20ms"))
    offered = offered_by(result)
    assert set(offered) == {("vf0", "vf2"), ("vf1", "vf2"), ("vf3", "vf2")}
    assert all(near(count, 4166, math.sqrt(4166)) for count in offered.values())
    rates = {vm.name: vm.rx_gbps for vm in result.vms}
    assert rates["vf2"] == pytest.approx(3, rel=0.05)
    assert rates["vf0"] == rates["vf1"] == rates["vf3"] == 0


def test_saturated_incast_is_shared_fairly():
    machine = {"nic": {"vfs": 4}, "workload": {"pattern": "incast"}, "driver": {"preset": "dpdk"}}
    result = result_of(machine, {"run": {"warmup": "2ms", "duration": "4ms"}})
    assert result.fairness_jain == pytest.approx(1, abs=0.001)


# ---- Of what length ----


@pytest.mark.parametrize("load", ["saturate", "2Gbps"])
def test_imix_is_mixed_as_weighted(load):
    weights = {64: 7, 570: 4, 1518: 1}
    workload = {"sizes": [[length, weight] for length, weight in weights.items()], "load": load}
    _, _, rows = logged(WIDE, POLLED, {"nic": {"vfs": 4}, "workload": workload}, from_start("5ms"))
    lengths = Counter(rows.frame_bytes.tolist())
    assert set(lengths) == set(weights)
    for length, weight in weights.items():
        share = weight / 12
        assert near(lengths[length], share * len(rows), math.sqrt(len(rows) * share * (1 - share)))


def test_a_broadcast_is_read_once_and_written_to_each(tmp_path):
    capture = write_capture(tmp_path / "in.pcap", [(i * 5000, frame("vf0", BROADCAST, 1000)) for i in range(10)])
    result = result_of(
        BATCHES_OF_ONE, {"nic": {"vfs": 4}, "workload": {"pcap": str(capture)}, "run": {"duration": "1s"}}
    )
    assert result.pcie.down.bytes.payload == 10 * 1000
    assert result.pcie.up.bytes.payload == 10 * 1000 * 4  # pf, vf1, vf2, vf3
    assert result.totals.copies_made == 10 * 5  # and the wire
    assert result.totals.delivered_frames == result.totals.delivered_to_wire == 10


# ---- How the state of a long run grows: not at all ----


@pytest.mark.slow
@pytest.mark.nightly
def test_memory_does_not_grow_with_the_run():
    def peak_rss_mb(duration):
        code = (
            "import json, sys\n"
            "from hwmodel import simulate\n"
            "from hwmodel.config import config_from_mapping\n"
            "from tests.run_cases import POLLED, merged\n"
            "machine = {'nic': {'vfs': 4}, 'workload': {'frame_bytes': 64}}\n"
            "machine = merged(POLLED, machine, {'run': {'warmup': '0us', 'duration': sys.argv[1]}})\n"
            "result = simulate(config_from_mapping(machine))\n"
            "print(json.dumps([result.totals.delivered_frames, result.host_run.peak_rss_mb]))"
        )
        done = subprocess.run([sys.executable, "-c", code, duration], capture_output=True, text=True, check=True)
        return json.loads(done.stdout)

    n_frames, short = peak_rss_mb("20ms")
    n_more, long = peak_rss_mb("80ms")
    assert n_frames > 150_000, "every ring of the state has gone round"
    assert n_more > 3.9 * n_frames
    assert long <= 1.03 * short
