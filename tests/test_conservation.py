"""Whatever the configuration, nothing gets lost, nothing is counted twice, and what was taken comes back."""

from __future__ import annotations

import tempfile
from fractions import Fraction
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from hwmodel.results import Result
from tests.drawn_machines import MACHINE, WORKLOAD
from tests.journey_runs import JourneyRun, check_journeys, check_time_in_the_machine
from tests.run_cases import BROADCAST, OUTSIDE, Held, finished, frame, merged, write_capture

# Drawing a whole configuration takes many choices.
SETTINGS = settings(suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large])
RUN = {"run": {"warmup": "10us", "duration": "240us"}}


# Symbol rate less the line code: 8b/10b, 8b/10b, 128b/130b (PCI Express Base Specification 3.0).
LANE_BPS = {1: 2 * 10**9, 2: 4 * 10**9, **{n: Fraction(2**n * 10**9 * 128, 130) for n in (3, 4, 5)}}


def numbers_in(value, path=""):
    """Give all numbers of a result with their dotted names."""
    if isinstance(value, dict):
        for key, item in value.items():
            yield from numbers_in(item, f"{path}.{key}")
    elif isinstance(value, list):
        for i, item in enumerate(value):
            yield from numbers_in(item, f"{path}.{i}")
    elif isinstance(value, int | float):
        yield path, value


def check_figures(result: Result) -> None:
    """Check what holds of every result."""
    totals = result.totals
    assert totals.offered_frames == totals.delivered_frames + totals.dropped_frames + totals.in_flight_frames
    assert totals.copies_made == totals.copies_delivered + totals.copies_dropped + totals.copies_in_flight
    assert totals.mirrored_made == totals.mirrored + totals.mirrored_dropped + totals.mirrored_in_flight
    assert totals.mirrored_dropped == sum(result.mirrored_drops.values())
    assert totals.mirrored == sum(vm.mirrored for vm in result.vms)
    document = result.to_mapping(include_host_run=False)
    del document["config"]
    assert [name for name, number in numbers_in(document) if number < 0] == []
    assert [flow for flow in result.flows if flow.delivered > flow.offered] == []
    check_rates(result)
    assert [vm for vm in result.vms if vm.latency_ns.count > totals.copies_delivered] == []
    shares = [result.pcie.up.utilization, result.pcie.down.utilization, result.wire.utilization]
    assert max([*shares, *result.utilization.values()]) <= 1
    assert result.cpu.cores_busy <= result.config["host"]["cores"] + 1e-9


def check_rates(result: Result) -> None:
    """Check that rates add up, or that there is none and a warning says why."""
    totals, wire = result.totals, result.wire
    rates = [totals.gbps, totals.mpps, wire.tx_gbps, wire.rx_gbps]
    rates += [rate for vm in result.vms for rate in (vm.tx_gbps, vm.rx_gbps, vm.rx_mpps)]
    rates += [rate for flow in result.flows for rate in (flow.gbps, flow.mpps)]
    if None in rates:
        assert {*rates, result.fairness_jain} == {None}
        assert any("rates" in warning for warning in result.warnings)
        return
    assert sum(vm.rx_gbps for vm in result.vms) == pytest.approx(totals.gbps, abs=1e-6)
    assert sum(vm.rx_mpps for vm in result.vms) == pytest.approx(totals.mpps, abs=1e-6)
    if result.config["switch"]["mode"] == "veb":
        for vm in result.vms:
            assert vm.rx_gbps >= sum(flow.gbps for flow in result.flows if flow.to == vm.name) - 1e-6


def check_state(run: JourneyRun, result: Result) -> None:
    """Check counters and journeys against a recount of the queues, and each level against its limit."""
    nic, held = run.state[0], Held(run)
    check_journeys(run, held)
    assert not nic.clock.overflow
    assert held.frames() == result.totals.in_flight_frames
    assert len(held.copies) == result.totals.copies_in_flight
    assert len(held.mirrored) == result.totals.mirrored_in_flight
    accounts = np.concatenate([held.copies, held.mirrored])
    assert nic.groups.n_free + len(np.unique(accounts[accounts >= 0])) == len(nic.groups.free)
    assert held.tx_buffer_bytes() == nic.counts.tx_buffer.level <= nic.params.tx_buffer_bytes
    assert held.rx_buffer_bytes() == nic.counts.rx_buffer.level <= nic.params.rx_buffer_bytes
    free = nic.pcie[0].tags.free[: nic.pcie[0].tags.n_free].tolist()
    assert len(set(free)) == len(free) <= nic.pcie[0].tags.params.n_tags == run.config.pcie.tags
    for credit in nic.pcie[0].credits:
        most = credit.params
        for used, limit in ((credit.headers_used, most.headers_limit), (credit.data_used, most.data_limit)):
            assert used >= 0
            assert used <= limit or limit == 0
    sending, taking = held.tx_queues, held.rx_queues
    assert (sending.reserved - sending.freed).sum() == nic.ledger.counts.tx_ring.level
    assert rises(sending.freed, sending.picked, sending.rung, sending.posted, sending.reserved)
    assert rises(sending.reserved - sending.freed, run.config.nic.tx_ring - 1)
    assert rises(sending.cached + sending.requested, run.config.nic.descriptor_cache)
    most = run.config.nic.rx_ring - 1
    in_use = most - (taking.known + taking.requested + taking.cached)
    assert in_use.sum() == nic.ledger.counts.rx_ring.level
    assert rises(0, in_use, taking.highest, most)
    assert rises(0, taking.known) and rises(0, taking.requested) and rises(0, taking.cached)
    assert rises(taking.cached + taking.requested, run.config.nic.descriptor_cache)
    assert rises(taking.taken, taking.visible, taking.started)


def rises(*columns) -> bool:
    """Tell whether no queue has less in a column than in the one before."""
    return all(np.all(low <= high) for low, high in pairwise(columns))


def check_all_is_back(run: JourneyRun, result: Result) -> None:
    """Check that the machine is as it was: no frame in it, all room free, all tags and credits and descriptors back."""
    check_time_in_the_machine(run)
    nic, held = run.state[0], Held(run)
    assert result.totals.in_flight_frames == result.totals.copies_in_flight == 0
    assert held.frames() == len(held.copies) == len(held.mirrored) == 0
    assert nic.counts.tx_buffer.level == nic.counts.rx_buffer.level == nic.counts.wire_waiting.level == 0
    assert nic.pcie[0].tags.n_free == nic.pcie[0].tags.params.n_tags
    assert nic.groups.n_free == len(nic.groups.free)
    limited = [credit for credit in nic.pcie[0].credits if credit.params.headers_limit or credit.params.data_limit]
    assert [(credit.headers_used, credit.data_used) for credit in limited] == [(0, 0)] * len(limited)
    for link in (nic.pcie[0].up, nic.pcie[0].down):
        assert not link.is_busy
        assert (link.first.head, link.second.head) == (link.first.tail, link.second.tail)
    for queue in held.tx_queues:
        assert queue.known == queue.requested == queue.cached == queue.held.n_descriptors == 0
        assert queue.written_back == queue.held.written == queue.reserved
        assert queue.reserved - queue.freed < max(1, run.config.driver.tx_interrupt_batch)
        if not run.config.driver.masks:
            assert queue.reserved - queue.freed == queue.counted
    for queue in held.rx_queues:
        assert queue.requested == queue.held.n_descriptors == 0
        assert queue.is_masked == queue.is_polled == queue.entry_fs == 0
        assert queue.returned <= queue.told
        assert queue.taken == queue.visible == queue.started
        assert queue.known + queue.cached + queue.since_refill == run.config.nic.rx_ring - 1


def check_reasons(result: Result, n_frames: int) -> None:
    """Check that each lost frame or copy has a reason, a group frame that lost each of its copies one for each."""
    totals = result.totals
    assert totals.offered_frames == n_frames
    assert "NONE" not in result.drops
    n_reasons = sum(result.drops.values())
    assert totals.dropped_frames <= n_reasons <= totals.dropped_frames + totals.copies_dropped
    assert n_reasons >= totals.copies_dropped
    if all(flow.to not in ("broadcast", "multicast") for flow in result.flows) and not totals.copies_dropped:
        assert n_reasons == totals.dropped_frames


def check_link_bytes(result: Result) -> None:
    """Check that bytes by purpose are what the utilization says.

    The window ends on an idle link. A request or doorbell sent at time 0, 32 B at most, has left before it begins.
    """
    pcie = result.config["pcie"]
    raw_bytes_a_ns = Fraction(LANE_BPS[pcie["generation"]]) * pcie["lanes"] / 8 / 10**9
    carried = float(raw_bytes_a_ns) * result.window.duration_ns
    for direction in (result.pcie.up, result.pcie.down):
        # Durations are cut to whole femtoseconds, shares to nine decimals, DLLP and SKP bytes to whole ones.
        assert direction.bytes.total == pytest.approx(direction.utilization * carried, abs=34 + 1e-8 * carried)


@SETTINGS
@given(MACHINE, WORKLOAD, st.integers(1, 10**9), st.sampled_from(["0us", "100us"]))
def test_balances_hold_in_every_run(machine, workload, seed, warmup):
    run, result = finished(machine, {"workload": workload}, RUN, {"run": {"seed": seed, "warmup": warmup}})
    check_figures(result)
    check_state(run, result)


# ---- Frames of many Rx descriptors ----

JUMBO_LENGTHS = st.sampled_from(
    [{"frame_bytes": 9018}, {"frame_bytes": 4000}, {"sizes": [[64, 7], [1518, 3], [9018, 2]]}]
)


def with_jumbo_frames(machine, workload, lengths, buffer_bytes, ring):
    """Let all stations send and receive 9018 B, into buffers that are small, by rings that can hold such frames."""
    switch = dict(machine["switch"])
    named = {port["name"]: port for port in switch.get("ports", [])}
    vfs = machine["nic"].get("vfs", {"82576": 6}.get(machine["nic"]["preset"], 8))
    stations = ["pf", *(f"vf{k}" for k in range(vfs))]
    switch["ports"] = [{"name": name, **named.get(name, {}), "max_frame": "9018B"} for name in stations]
    if "acl" in switch:  # a bucket holds a frame
        switch["acl"] = [{**entry, **({"burst": "16KiB"} if "burst" in entry else {})} for entry in switch["acl"]]
    nic = {"rx_ring": ring, "descriptor_cache": 64, "tx_buffer": "16KiB", "rx_buffer": "10KiB"}
    workload = {key: value for key, value in workload.items() if key not in ("frame_bytes", "sizes")}
    return merged(machine, {"nic": nic, "host": {"buffer_bytes": buffer_bytes}}) | {
        "switch": switch, "workload": {**workload, **lengths},
    }  # fmt: skip


@SETTINGS
@given(
    MACHINE, WORKLOAD, JUMBO_LENGTHS, st.sampled_from(["256B", "512B", "2KiB"]), st.sampled_from([128, 224]),
    st.integers(1, 99),
)  # fmt: skip
def test_balances_hold_with_jumbo_frames(machine, workload, lengths, buffer_bytes, ring, seed):
    jumbo = with_jumbo_frames(machine, workload, lengths, buffer_bytes, ring)
    run, result = finished(jumbo, RUN, {"run": {"seed": seed}})
    check_figures(result)
    check_state(run, result)


# ---- A capture that is replayed to its end leaves nothing behind. ----

STATIONS = ["vf0", "vf1", "vf2", "pf"]
FRAMES = st.lists(
    st.tuples(
        st.integers(0, 30_000),
        st.sampled_from([*STATIONS, OUTSIDE]),
        st.sampled_from([*STATIONS, OUTSIDE, BROADCAST, "03:00:00:00:00:01", "01:80:c2:00:00:0e"]),
        st.sampled_from([60, 64, 300, 1000, 1514, 1515, 4000, 14, 12]),
        st.sampled_from([None, None, None, 1, 10, 0xA001, 4095]),
        st.integers(1, 40),
    ),
    min_size=1,
    max_size=30,
).map(lambda bursts: [burst for *burst, n_frames in bursts for _ in range(n_frames)])

PCAP_TIME = st.sampled_from(["file", "asap"])
BUFFER_BYTES = st.sampled_from(["2KiB", "1KiB", "256B"])  # a frame may take several descriptors


def replayed(machine, frames, pcap_time, buffer_bytes):
    """Replay frames to the end, on a machine that holds nothing back for a batch that will not come."""
    nic = dict(machine["nic"])
    if "writeback_timeout" not in nic:
        nic |= {"tx_writeback_batch": 1, "rx_writeback_batch": 1}
    nic |= {key: "8KiB" for key in ("tx_buffer", "rx_buffer") if key in nic}  # as small as the frames allow
    with tempfile.TemporaryDirectory() as folder:
        raw = [(at, frame(*ends, n_bytes, c_tag=tag)[:n_bytes]) for at, *ends, n_bytes, tag in frames]
        capture = write_capture(Path(folder, "in.pcap"), raw)
        workload = {"workload": {"pcap": str(capture), "pcap_time": pcap_time}, "host": {"buffer_bytes": buffer_bytes}}
        return finished(machine, {"nic": {**nic, "vfs": 4}}, workload, {"run": {"duration": "1s", "frames": 10_000}})


def check_replay(machine, frames, pcap_time, buffer_bytes) -> Result:
    run, result = replayed(machine, frames, pcap_time, buffer_bytes)
    check_figures(result)
    check_state(run, result)
    check_all_is_back(run, result)
    check_reasons(result, len(frames))
    check_link_bytes(result)
    return result


TIGHT = {"nic": {"preset": None, "rx_ring": 16, "tx_ring": 16, "rx_buffer": "8KiB"}}
TO_ONE = [(i * 100, f"vf{i % 3}", "vf3", 60 + 350 * (i % 5), None) for i in range(300)]
FROM_WIRE = [(i * 100, OUTSIDE, f"vf{i % 2}", 1514, None) for i in range(300)]
TO_ALL = [(i * 300, f"vf{i % 2}", BROADCAST, 60 + 350 * (i % 5), None) for i in range(200)]
SELF = [(i * 10, "vf0", "vf0", 60, None) for i in range(200)]


@pytest.mark.parametrize("buffer_bytes", ["2KiB", "256B"])
@pytest.mark.parametrize(
    ("machine", "frames", "reason"),
    [
        ({"driver": {"frame_time": "4us"}}, TO_ONE, "NO_DESCRIPTOR"),
        ({"driver": {"frame_time": "4us"}}, TO_ALL, "NO_DESCRIPTOR"),
        ({"driver": {"moderation": "40us"}}, TO_ALL, "NO_DESCRIPTOR"),
        ({"pcie": {"lanes": 1}}, FROM_WIRE, "RX_BUFFER_FULL"),
        ({"nic": {"drop_enable": False}, "driver": {"frame_time": "2us"}}, FROM_WIRE + TO_ALL, "RX_BUFFER_FULL"),
        ({"workload": {"on_full": "drop"}}, SELF, "TX_RING_FULL"),
    ],
)
def test_a_machine_under_pressure_leaves_nothing_behind(machine, frames, reason, buffer_bytes):
    driver = {"driver": {"preset": None, "rx_interrupt_batch": 1, "tx_interrupt_batch": 0, "refill_batch": 4}}
    result = check_replay(merged(TIGHT, driver, machine), sorted(frames), "file", buffer_bytes)
    assert result.drops[reason] > 10


@SETTINGS
@given(MACHINE, FRAMES, PCAP_TIME, BUFFER_BYTES)
@example(
    {"pcie": {}, "host": {}, "nic": {"preset": None}, "driver": {"preset": None}, "switch": {"mode": "vn_tag"}},
    [[0, "02:aa:00:00:00:01", "ff:ff:ff:ff:ff:ff", 60, None]], "file", "2KiB",
)  # fmt: skip
def test_a_replayed_capture_leaves_nothing_behind(machine, frames, pcap_time, buffer_bytes):
    check_replay(machine, frames, pcap_time, buffer_bytes)
