"""From two snapshots to a result: every figure of a small run worked out by hand.

A VM sends another frames of 64 B, one each 5.12 us from time 0 on: 20 frames in 102.3 us, each of which is through, and
its descriptor posted again, before the next comes. All batches are 1, the guests poll, the link has no DLLPs.
"""

from __future__ import annotations

import os
from types import SimpleNamespace

import numpy as np
import pytest

import hwmodel
from hwmodel.machine.tlp_kinds import PAYLOAD_COMPLETION, PAYLOAD_WRITE, RX_WRITEBACK
from hwmodel.rules.figures import rows_of
from hwmodel.rules.pcie_link import tlp_overhead_of
from hwmodel.simulation.figures.by_row import amount_of
from hwmodel.simulation.figures.counts import SERVER_COUNTS
from hwmodel.simulation.figures.observation import utilization_of
from hwmodel.simulation.figures.outcome import make_result
from hwmodel.simulation.figures.span import Span
from hwmodel.simulation.run.host_run import describe_host_run
from hwmodel.simulation.run.run import Run
from hwmodel.version import model_version
from hwmodel.workload import build_workload
from tests.simulation_cases import config_of, simulated

N = 20
PREFETCHED = 3 * 8  # Rx descriptors that three functions fetch at the start, one by one
WINDOW_NS = 102_300  # nearly 20 periods: one frame more than fits would be no rate
RUN = {"duration": f"{WINDOW_NS}ns"}
FS_PER_BYTE = 500_000 * 1538 / 1534  # Gen2 x4
FLOW = {"pattern": "flows", "flows": [["vf0", "vf1", "100Mbps"]], "arrivals": "periodic"}


@pytest.fixture(scope="module")
def result():
    return simulated(pcie={"dllp_model": "none"}, workload=FLOW, run=RUN)


def test_window_and_totals(result):
    assert (result.window.start_ns, result.window.end_ns) == (0, WINDOW_NS)
    assert (result.window.vm_frames, result.window.wire_frames) == (N, 0)
    totals = result.totals
    assert (totals.offered_frames, totals.delivered_frames, totals.dropped_frames, totals.in_flight_frames) == (
        N,
        N,
        0,
        0,
    )
    assert (totals.copies_made, totals.copies_delivered, totals.copies_in_flight) == (N, N, 0)
    assert totals.gbps == pytest.approx(N * 64 * 8 / WINDOW_NS)
    assert totals.mpps == pytest.approx(N * 1e3 / WINDOW_NS)


def test_bytes_by_purpose(result):
    """L = 60 B: a write, a read, two descriptor reads, two write-backs up; two completions and two doorbells down."""
    up, down = result.pcie.up.bytes, result.pcie.down.bytes
    assert (up.payload, up.tlp_overhead, up.read_request) == (60 * N, 24 * N, 24 * N)
    assert (up.descriptor, up.writeback, up.interrupt, up.doorbell, up.dllp) == (
        24 * (2 * N + PREFETCHED), 2 * 40 * N, 0, 0, 0,
    )  # fmt: skip
    assert (down.payload, down.tlp_overhead, down.read_request, down.interrupt) == (60 * N, 20 * N, 0, 0)
    assert (down.descriptor, down.writeback, down.doorbell, down.dllp) == (36 * (2 * N + PREFETCHED), 0, 2 * 28 * N, 0)


def test_clock_skips_are_a_share_of_the_window(result):
    """2 B a nanosecond, 4 of each 1538 symbols, busy or not."""
    assert result.pcie.up.bytes.skp == result.pcie.down.bytes.skp == round(2 * WINDOW_NS * 4 / 1538)


@pytest.mark.parametrize("direction", ["up", "down"])
def test_utilization_is_the_time_of_all_bytes_and_of_clock_skips(result, direction):
    """An idle link sends skips too."""
    side = getattr(result.pcie, direction)
    n_bytes = sum(
        getattr(side.bytes, name)
        for name in (
            "payload",
            "tlp_overhead",
            "read_request",
            "descriptor",
            "writeback",
            "interrupt",
            "doorbell",
            "dllp",
        )
    )
    busy = n_bytes * FS_PER_BYTE / (WINDOW_NS * 10**6)
    assert side.utilization == pytest.approx(busy + (1 - busy) * 4 / 1538, rel=1e-6)
    assert result.utilization[f"pcie.{direction}"] == side.utilization


def test_vms_and_flows(result):
    sender, receiver = result.vms
    assert (sender.name, receiver.name) == ("vf0", "vf1")  # the PF takes no part
    rate = N * 64 * 8 / WINDOW_NS
    assert (sender.tx_gbps, sender.rx_gbps) == (pytest.approx(rate), 0)
    assert (receiver.tx_gbps, receiver.rx_gbps) == (0, pytest.approx(rate))
    assert receiver.rx_mpps == pytest.approx(N * 1e3 / WINDOW_NS)
    (flow,) = result.flows
    assert (flow.from_, flow.to, flow.offered, flow.delivered) == ("vf0", "vf1", N, N)
    assert flow.gbps == pytest.approx(rate)
    assert result.fairness_jain == 1.0


def test_latency_is_that_of_a_frame_alone(result):
    """Doorbell 28 B, descriptor 24 and 36, payload 24 and 80, write 84, write-back 40 and 900 ns in the host.

    Up, the read of the Rx descriptor that makes up for the one in use takes its turn between write and write-back.
    """
    expected_ns = 900 + (28 + 24 + 36 + 24 + 80 + 84 + 24 + 40) * FS_PER_BYTE / 10**6
    for latency in (result.latency_ns, result.vms[1].latency_ns, result.flows[0].latency_ns):
        assert latency.count == N
        assert latency.min == pytest.approx(expected_ns, abs=1e-3)
        # The first frame meets the descriptors that are fetched ahead; all others are alone.
        assert latency.mean == pytest.approx(((N - 1) * expected_ns + latency.max) / N, abs=1e-3)
        assert latency.p50 == pytest.approx(expected_ns, rel=0.004)
        assert latency.p99 is None
    assert result.latency_from_doorbell_ns.max == result.latency_ns.max
    assert result.vms[0].latency_ns.count == 0
    assert sum(count for _, count in result.latency_histogram) == N


def test_cores_and_resources(result):
    """20 ns for each frame at each end."""
    assert result.cpu.cores_busy == pytest.approx(2 * N * 20 / WINDOW_NS)
    # The busiest core is the sender's or the receiver's: both work as much.
    busy = result.utilization["driver.tx"] + result.utilization["driver.rx"]
    assert busy == pytest.approx(N * 20 / WINDOW_NS)
    assert (result.utilization["wire.tx"], result.utilization["nic.pipeline"]) == (0, 0)
    assert set(result.queues) >= {"tx_ring", "rx_ring", "tx_buffer", "rx_buffer", "tags"}
    assert result.queues["tx_buffer"].max == result.queues["rx_buffer"].max == 60
    assert 0 < result.queues["tags"].mean < 1
    assert result.drops == {}


def test_an_rx_ring_is_as_deep_as_its_descriptors_are_in_use(result):
    """From the write (84 B; the read of another descriptor, 24 B; 40 B) by the guest's 20 ns to the doorbell's 28 B."""
    in_use_ns = 20 + (84 + 24 + 40 + 28) * FS_PER_BYTE / 10**6
    assert result.queues["rx_ring"].max == 1
    assert result.queues["rx_ring"].mean == pytest.approx(N * in_use_ns / WINDOW_NS, rel=1e-6)


@pytest.mark.parametrize(("frame_bytes", "refill_batch", "expected"), [(64, 8, 8), (9018, 8, 10), (9018, 1, 5)])
def test_the_deepest_rx_ring_is_told(frame_bytes, refill_batch, expected):
    """Each frame is through before the next comes: as many descriptors as make a refill, by whole frames."""
    ports = [{"name": name, "max_frame": "9018B"} for name in ("pf", "vf0", "vf1")]
    driver = {"refill_batch": refill_batch}
    deep = simulated(driver=driver, switch={"ports": ports}, workload={**FLOW, "frame_bytes": frame_bytes},
                     nic={"rx_ring": 64}, run={"duration": "20ms"})  # fmt: skip
    assert deep.totals.delivered_frames > 8
    assert deep.queues["rx_ring"].max == expected


def test_an_rx_ring_that_frames_drop_at_is_full():
    workload = {"pattern": "flows", "flows": [["uplink", "vf0", "1Gbps"]]}
    slow = simulated(driver={"frame_time": "40us"}, nic={"rx_ring": 16}, workload=workload)
    assert slow.drops["NO_DESCRIPTOR"] > 0
    assert slow.queues["rx_ring"].max == 15


def test_a_load_at_times_of_its_own_is_its_own_limit(result):
    """Flows with rates are an open load, whatever `load` says of those without."""
    assert result.bottleneck.resource == "offered_load"


def test_flows_without_a_rate_saturate():
    closed = simulated(workload={"pattern": "flows", "flows": [["vf0", "vf1", "10Mbps"], ["vf1", "vf0"]]})
    assert closed.bottleneck.resource != "offered_load"


def test_how_the_run_ran():
    result = simulated(pcie={"dllp_model": "none"}, workload=FLOW, run=RUN)  # just now: memory is the process's
    host_run = result.host_run
    assert host_run.frames == N
    assert host_run.events > N
    assert host_run.frames_per_s == pytest.approx(N / host_run.wall_s)
    assert {"python", "numpy", "numba"} <= set(host_run.versions)
    assert host_run.versions["hwmodel"] == hwmodel.__version__
    with open("/proc/self/status", encoding="utf-8") as status:
        (line,) = [line for line in status if line.startswith("VmHWM")]
    peak_mb = int(line.split()[1]) * 1024 / 1e6  # the kernel's kB are KiB
    assert host_run.peak_rss_mb == pytest.approx(peak_mb, rel=0.02)
    assert str(os.cpu_count()) in host_run.machine


# ---- What is lost, and where ----


def test_drops_stand_at_the_port_where_they_happen():
    """An access list stops vf0; vf1's frames reach vf0, whose small buffer drops what comes from the wire too fast."""
    found = simulated(
        nic={"rx_buffer": "128B", "vfs": 2},
        workload={
            "load": 0.01,
            "arrivals": "periodic",
            "external": {"rate": "5Gbps", "frame_bytes": 64, "to": ["vf1"]},
        },
        switch={"acl": [{"port": "vf0", "action": "deny"}]},
    )
    drops = {vm.name: vm.drops for vm in found.vms}
    assert set(drops["vf0"]) == {"ACL_DENY"}
    assert set(drops["vf1"]) == {"RX_BUFFER_FULL"}
    assert found.drops == {**drops["vf0"], **drops["vf1"]}
    assert found.totals.dropped_frames == sum(found.drops.values())
    assert found.totals.from_wire > 100


def test_frames_to_the_wire():
    """Each 64 B frame takes 84 byte times of 0.8 ns; gbps counts VMs only."""
    workload = {"pattern": "to_wire", "load": 0.1, "arrivals": "periodic"}
    found = simulated(workload=workload, port={"rate": "10Gbps"}, run=RUN)
    n = found.window.wire_frames
    assert n == found.totals.delivered_to_wire > 50
    assert found.wire.tx_gbps == pytest.approx(n * 64 * 8 / WINDOW_NS)
    assert found.wire.utilization == pytest.approx(n * 67.2 / WINDOW_NS, abs=67.2 / WINDOW_NS)
    assert (found.totals.gbps, found.totals.mpps) == (0, 0)
    assert found.latency_ns.count == n
    assert {flow.to for flow in found.flows} == {"uplink"}


def test_copies_of_a_group_frame_are_counted_one_by_one():
    found = simulated(nic={"vfs": 3}, workload={"pattern": "broadcast", "load": 0.001, "arrivals": "periodic"})
    totals = found.totals
    assert totals.copies_made >= 3 * totals.delivered_frames > 0  # two VMs, the PF's host is a station too, the wire
    assert totals.copies_made == totals.copies_delivered + totals.copies_in_flight


# ---- The parts ----


@pytest.mark.parametrize(
    ("pcie", "expected"), [({}, (3 * 24, 2 * 20)), ({"address_bits": 32, "ecrc": True}, (3 * 24, 2 * 24))]
)
def test_payload_headers_are_counted_by_tlp(pcie, expected):
    """Three writes of 24 B and two completions of 20 B; with 32-bit addresses and ECRC 24 B each."""
    counts = np.zeros(1, SERVER_COUNTS)[0]
    counts.up.n_tlps[PAYLOAD_WRITE], counts.down.n_tlps[PAYLOAD_COMPLETION] = 3, 2
    counts.up.n_tlps[RX_WRITEBACK] = 9  # which do not count
    overhead = tlp_overhead_of(config_of(pcie=pcie).pcie)
    rows = [rows_of(f"pcie.{way}.bytes")["tlp_overhead"] for way in ("up", "down")]
    assert tuple(int(amount_of(row, counts, {}, overhead)) for row in rows) == expected


def test_shares_never_exceed_one():
    config = config_of(driver={"frame_time": "900ns"})
    run = Run(config, build_workload(config), lambda *_: None)
    for _ in run.pieces():
        pass
    found, _ = make_result(config, run.workload, run.book, Span(run.start, run.end))
    assert found.bottleneck.resource.startswith("driver.")
    assert all(0 <= share <= 1 for share in found.utilization.values())
    assert found.utilization == utilization_of(config, Span(run.start, run.end))


@pytest.mark.parametrize(("kernel_s", "frames_per_s"), [(2.0, 5.0), (0.0, 0.0)])
def test_the_speed_of_a_run_is_that_of_its_kernels(kernel_s, frames_per_s):
    machine = SimpleNamespace(kernel_s=kernel_s, n_threads=3)
    run = SimpleNamespace(machine=machine, compile_s=1.5, compiled_without="")
    found = describe_host_run(run, SimpleNamespace(count={"delivered": 10}.get, n_events=40))
    assert (found.frames_per_s, found.wall_s, found.compile_s) == (frames_per_s, kernel_s, 1.5)
    assert (found.threads, found.events, found.frames) == (3, 40, 10)
    assert found.versions["model"] == model_version()
