"""Sends that the adapter cuts, coalesced receives, split headers: figures of runs against what is counted by hand."""

from __future__ import annotations

from fractions import Fraction
from typing import Any

import pytest

from hwmodel import Result, limits, simulate
from hwmodel.analytic.sends import receives_of, send_of
from hwmodel.config import Config, config_from_mapping
from hwmodel.config.check_sends import check_segments, check_sends
from hwmodel.config.workload import lengths_of_send
from hwmodel.results import check_balance
from tests.config_cases import complaints
from tests.run_cases import measured

GEN2_X8 = {"pcie": {"generation": 2, "lanes": 8}, "nic": {"vfs": 2}, "run": {"duration": "2ms", "clocks": "exact"}}
SENDS = {"workload.segment_bytes": "64KiB", "workload.pattern": "to_wire"}


def config(changes: dict[str, Any]) -> Config:
    return config_from_mapping(GEN2_X8, changes)


def run(changes: dict[str, Any]) -> Result:
    result = measured(config(changes))
    assert check_balance(result) == []
    return result


def written_bytes(result: Result, name: str) -> float:
    """Return the bytes of a kind on the way up, of a received frame."""
    return getattr(result.pcie.up.bytes, name) / result.window_frames


# ---- 64 KiB at MSS 1448 over MPS 256, MRRS 512: 65,602 B in memory, 66 of them headers. ----

N_FRAMES = 46  # 45 * 1448 = 65,160 and 376
N_DESCRIPTORS = 6  # a context, four of 16 KiB, and 66 B
N_READS = 129  # 128 * 512 and 66
UP = 24 + N_READS * 24 + (24 + 96)  # a request for the descriptors, those for the payload, a write-back
DOWN = (24 + 4) + (20 + 96) + 257 * 20 + 65604  # a doorbell, descriptors, completions of 256 B and one of 66


def test_limits_count_what_a_send_takes() -> None:
    found = limits(config(SENDS)).lone_send
    assert found is not None
    assert found == (N_FRAMES, N_DESCRIPTORS, 1, N_READS, 65602, UP, DOWN)
    assert lengths_of_send(65536, 1448, 66) == [(1518, 45), (446, 1)]


def test_a_run_takes_what_the_closed_form_says() -> None:
    """Up to the sends that are cut as the window begins and ends, one of each VM."""
    found, expected = run(SENDS), limits(config(SENDS))
    counts = found.segments
    n = counts["sends"]
    assert counts["descriptors"] == N_DESCRIPTORS * n
    assert counts["frames"] == pytest.approx(N_FRAMES * n, abs=2 * N_FRAMES)
    assert counts["payload_reads"] == pytest.approx(N_READS * n, abs=2 * N_READS)
    assert counts["doorbells"] == pytest.approx(n, abs=2)
    frames = found.window_frames
    payload = found.pcie.down.bytes.payload / frames
    assert payload == pytest.approx(65604 / N_FRAMES, rel=0.01)
    assert float(expected.down_bytes) == pytest.approx(
        sum(
            getattr(found.pcie.down.bytes, name)
            for name in ("payload", "tlp_overhead", "descriptor", "doorbell", "dllp")
        )
        / frames,
        rel=0.01,
    )
    assert found.wire.tx_gbps == pytest.approx(float(expected.gbps), rel=1e-3)


def test_frames_behind_others_in_a_buffer_wait_for_no_descriptor() -> None:
    """Of 256 frames of 64 B 15 begin in a buffer at most, so that 18 take a descriptor."""
    small = {**SENDS, "workload.segment_bytes": "16KiB", "workload.mss": "64B", "workload.pattern": "pairs"}
    changes = {
        **small,
        "nic.preset": None,
        "driver.preset": None,
        "nic.rx_prefetch": 0,
        "nic.rsc": {"timeout": "100us"},
    }
    expected, alone = limits(config(changes)), limits(config({**changes, "nic.rsc": None}))
    on_demand, one_by_one = (
        next(one.frames_per_s for one in found.ceilings if one.resource == "rx.descriptors")
        for found in (expected, alone)
    )
    assert on_demand == one_by_one * Fraction(256, 18)
    assert one_by_one < 3e6 < run(changes).totals.mpps * 1e6 < expected.mpps * 1e6


@pytest.mark.parametrize(("shared", "fetch"), [(8, 1), (54, 4), (78, 8)])
def test_rings_that_share_their_descriptors_never_stop(shared: int, fetch: int) -> None:
    """Over and over: each VM posts some 280 sends, in a ring of 512, which is no multiple of their descriptors."""
    changes = {
        "nic.strict": False,
        "nic.shared_descriptor_cache": shared,
        "nic.fetch_batch": fetch,
        "pcie.generation": 3,
    }
    found = run({**SENDS, **changes, "workload.pattern": "pairs", "run.warmup": "8ms", "driver.preset": None})
    assert all(vm.tx_gbps > 5 for vm in found.vms)


def test_frames_for_groups_are_not_coalesced_in_the_closed_form_either() -> None:
    """Of a broadcast each of two others gets 46 frames, by a write-back of 16 B each, in groups or not."""
    changes = {**SENDS, "workload.pattern": "broadcast", "nic.vfs": 2, "nic.rsc": {}, "host.buffer_bytes": "2KiB"}
    found, single = run(changes), limits(config({**changes, "nic.rsc": None}))
    expected = limits(config(changes))
    assert found.segments["receives"] == found.segments["received_frames"] > 1000
    assert expected.up_bytes == single.up_bytes and expected.mpps == single.mpps
    assert not any("coalesced" in note for note in expected.notes)
    with_unicast = limits(config({**changes, "workload.external": {"rate": "1Gbps", "frame_bytes": 1518}}))
    assert any("coalesced" in note for note in with_unicast.notes)


def test_a_full_wire_takes_few_doorbells_and_little_of_the_senders_core() -> None:
    whole, one_by_one = run(SENDS), run({"workload.pattern": "to_wire"})
    for each in (whole, one_by_one):
        assert each.wire.utilization > 0.999
    a_send, a_frame = whole.segments["doorbells"] / whole.segments["frames"], 1  # of this driver: one for each frame
    assert a_send <= 0.05 * a_frame
    assert whole.utilization["driver.tx"] <= 0.1 * one_by_one.utilization["driver.tx"]
    assert whole.cpu.cores_busy <= 0.1 * one_by_one.cpu.cores_busy


def test_a_guarantee_is_kept_frame_by_frame() -> None:
    """The lowest port would have all; a send of 64 KiB of it keeps the others waiting no longer than a frame."""
    stations = [{"name": "vf1", "min_rate": "1Gbps"}, {"name": "vf2", "min_rate": "500Mbps"}]
    found = run({**SENDS, "nic.vfs": 3, "switch.scheduler": "strict", "switch.ports": stations, "run.duration": "10ms"})
    sent = {vm.name: vm.tx_gbps for vm in found.vms}
    assert sent["vf1"] == pytest.approx(1, rel=0.01) and sent["vf2"] == pytest.approx(0.5, rel=0.02)
    assert sum(sent.values()) == pytest.approx(found.wire.tx_gbps, rel=1e-3)


def test_rings_count_the_frames_of_sends_and_their_bytes() -> None:
    """From the first frame of the run on; between the two there are few."""
    found = simulate(config({**SENDS, "workload.pattern": "pairs"}), counters=True)
    assert found.counters is not None
    for sender, receiver in (("vf0", "vf1"), ("vf1", "vf0")):
        sent, received = found.counters[sender].ethtool, found.counters[receiver].ethtool
        assert sent["tx_queue_0_packets"] == sent["tx_packets"] > 1000
        assert sent["tx_queue_0_bytes"] == sent["tx_bytes"]
        assert sent["tx_bytes"] / sent["tx_packets"] == pytest.approx(65536 / N_FRAMES + 66, rel=0.01)
        lost = found.counters[receiver].ip.rx.dropped  # no descriptor
        assert 0 <= sent["tx_packets"] - received["rx_queue_0_packets"] - lost < 400
        assert received["rx_bytes"] / received["rx_packets"] == pytest.approx(65536 / N_FRAMES + 66, rel=0.01)


def test_a_send_for_a_dead_wire_drops_with_all_its_frames() -> None:
    down = {"port.count": 2, "port.down": ["p1"], "workload.load": "2Gbps", "nic.tx_ring": 512}
    found = run({**SENDS, **down})
    flows = {flow.from_: flow for flow in found.flows}
    assert found.drops == {"LINK_DOWN": flows["vf1"].offered} and flows["vf1"].offered % N_FRAMES == 0
    assert flows["vf1"].offered > 0 and flows["vf0"].delivered > 0


def test_what_a_core_spends_is_what_its_keys_say() -> None:
    """At one send in 100 us, 900 ns and 6 times 50 ns are 1.2 % of a core."""
    times = {"driver.preset": None, "driver.send_time": "900ns", "driver.descriptor_time": "50ns"}
    rate = {"workload.load": "5.506Gbps", "workload.arrivals": "periodic", "nic.vfs": 1, "nic.tx_ring": 512}
    found = run({**SENDS, **times, **rate, "driver.tx_interrupt_batch": 0, "run.duration": "10ms"})
    assert found.segments["sends"] == pytest.approx(100, abs=1)
    assert found.cpu.cores_busy == pytest.approx(0.012, rel=0.02)


@pytest.mark.parametrize("mss", ["1448B", "1400B"])
def test_an_mss_larger_than_the_send_is_one_frame(mss: str) -> None:
    changes = {**SENDS, "workload.segment_bytes": "1400B", "workload.mss": mss}
    send = send_of(config(changes))
    assert send is not None
    assert (send.n_frames, send.n_descriptors, send.picks) == (1, 2, ((0, 1466),))
    counts = run(changes).segments
    assert counts["frames"] == pytest.approx(counts["sends"], abs=2)


def test_small_frames_are_read_by_the_request_and_not_one_by_one() -> None:
    """600 B with 66 B of headers at MSS 64: reads of 512 B and 154 B, the first of which brings six frames whole."""
    send = send_of(config({**SENDS, "workload.segment_bytes": "600B", "workload.mss": "64B"}))
    assert send is not None
    assert (send.n_frames, send.picks) == (10, ((0, 512), (512, 666)))


def test_a_context_that_stays_is_written_once() -> None:
    found = run({**SENDS, "driver.tso_context": "changed"}).segments
    assert found["descriptors"] == pytest.approx(5 * found["sends"], abs=2)


# ---- Receives ----

BETWEEN = {**SENDS, "workload.pattern": "pairs", "host.buffer_bytes": "4KiB"}


def test_coalescing_saves_descriptors_and_core() -> None:
    """A send of 64 KiB is two receives, since 65,535 B end the first; with time enough for all of it."""
    plain, merged = run(BETWEEN), run({**BETWEEN, "nic.rsc": {"timeout": "100us"}})
    counts = merged.segments
    walked = receives_of(config({**BETWEEN, "nic.rsc": {}}), [1518] * 45 + [446])
    assert walked is not None
    assert walked.descriptors == (16, 1)
    assert counts["received_frames"] / counts["receives"] == pytest.approx(N_FRAMES / 2, rel=0.1)
    assert written_bytes(merged, "writeback") < 0.6 * written_bytes(plain, "writeback")
    assert merged.utilization["driver.rx"] < plain.utilization["driver.rx"]


def test_the_timer_ends_a_receive() -> None:
    """Of frames that are 1230.4 ns apart four begin in the 5 us behind the first."""
    frames = {"nic.rsc": {"timeout": "5us"}, "nic.vfs": 1, "workload.pattern": "none", "workload.external.to": ["vf0"]}
    rate = {"workload.external.rate": "9.86Gbps", "workload.external.arrivals": "periodic"}
    counts = run({**frames, **rate, "workload.external.frame_bytes": 1518, "workload.segment_bytes": None}).segments
    assert counts["received_frames"] / counts["receives"] == pytest.approx(5, abs=0.1)


def test_a_receive_of_one_descriptor_has_what_fits_into_its_buffer() -> None:
    """4,096 B: 1,514 and 1,448, then 1,134 are left, too few for the next."""
    walked = receives_of(config({**BETWEEN, "nic.rsc": {"descriptors": 1}}), [1518] * 45 + [446])
    assert walked is not None
    assert walked.descriptors[:2] == (1, 1)
    assert walked.writes[:3] == ((0, 1514), (1514, 1448), (0, 1514))


def test_a_header_goes_by_itself_into_its_buffer() -> None:
    """66 B and 1,448 B in place of 1,514 B: a TLP more, and as many bytes but for what fills double words."""
    plain, split = run(BETWEEN), run({**BETWEEN, "nic.header_split": "128B"})
    found = receives_of(config({**BETWEEN, "nic.header_split": "128B"}), [1518])
    assert found is not None
    assert found.writes == ((0, 66), (0, 1448))
    more = written_bytes(split, "tlp_overhead") - written_bytes(plain, "tlp_overhead")
    assert more == pytest.approx(24, rel=0.02)


def test_a_longer_header_is_not_split_off() -> None:
    changes = {**BETWEEN, "nic.header_split": "64B"}
    assert receives_of(config(changes), [1518]) is None
    assert run(changes).pcie.up.bytes == run(BETWEEN).pcie.up.bytes


def test_frames_of_two_senders_in_turns_are_not_coalesced() -> None:
    """Another flow's frame closes what is open: of two senders that share one receiver little is left."""
    alone = run({**BETWEEN, "nic.rsc": {}}).segments
    shared = run({**BETWEEN, "nic.rsc": {}, "nic.vfs": 3, "workload.pattern": "incast"}).segments
    assert shared["received_frames"] / shared["receives"] < 0.2 * alone["received_frames"] / alone["receives"]


# ---- In scenarios and systems ----


def test_frames_of_a_send_are_accounted_for_as_a_function_goes_in_its_midst() -> None:
    events = [{"at": "150us", "reset": "vf0"}, {"at": "400us", "reset": "vf1"}]
    found = simulate(config({**BETWEEN, "nic.rsc": {}, "scenario": events, "run.warmup": "100us"}))
    assert check_balance(found) == []
    assert found.drops["FUNCTION_RESET"] > N_FRAMES
    assert found.segments["sends"] >= 5


def test_servers_send_to_each_other_over_a_bridge() -> None:
    servers = {"servers": [{"name": "a"}, {"name": "b"}], "workload.pattern": "flows"}
    flows = {"workload.flows": [["a.vf0", "b.vf0"], ["b.vf1", "a.vf1"]]}
    found = run({**servers, **flows, "workload.segment_bytes": "64KiB", "nic.rsc": {}, "run.duration": "1ms"})
    for adapter in found.servers:  # frames come 1230.4 ns apart, and a receive is open for 6144 ns
        counts = adapter.segments
        assert counts["received_frames"] / counts["receives"] == pytest.approx(5, rel=0.1)
    assert found.totals.gbps == pytest.approx(2 * 9.868, rel=0.01)


# ---- Bad input: one line ----

BAD = [
    ("workload: {segment_bytes: 64KiB, mss: 0B}", "1:39: workload.mss: 0B is out of range; 64B to 64KiB"),
    ("workload: {segment_bytes: 65KiB}", "1:27: workload.segment_bytes: 65KiB is out of range; 1B to 64KiB"),
    (
        "workload: {segment_bytes: 64KiB}\nnic: {tso: false}",
        "1:27: workload.segment_bytes: the adapter cuts no sends (nic.tso: false); workload.frame_bytes: 1518 sends "
        "frame by frame",
    ),
    (
        "workload: {segment_bytes: 64KiB, mss: 64KiB}",
        "1:39: workload.mss: a payload of 65536 B makes frames of 65606 B, with header and FCS; the longest has 9728 B",
    ),
    (
        "workload: {segment_bytes: 64KiB, frame_bytes: 1000}",
        "1:47: workload.frame_bytes: segment_bytes, mss and header_bytes say how long frames are; write neither "
        "frame_bytes nor sizes beside",
    ),
    (
        "workload: {mss: 1448B}",
        "1:17: workload.mss: mss is of sends that the adapter cuts; it needs segment_bytes, like segment_bytes: 64KiB",
    ),
    (
        "workload: {segment_bytes: 64KiB}\nnic: {preset: null, tx_ring: 8, descriptor_cache: 8, rx_prefetch: 8}",
        "2:51: nic.descriptor_cache: a send takes 6 descriptors, and with 5 of them cached the next 8 "
        "(nic.fetch_batch) are not fetched into 8; 13 or more are enough",
    ),
    # Three functions have a Tx and an Rx ring each: 6 * (6 - 1 + 8).
    (
        "nic: {preset: null, vfs: 2, shared_descriptor_cache: 77}\nworkload: {segment_bytes: 64KiB}",
        "1:54: nic.shared_descriptor_cache: a send takes 6 descriptors, and with 5 of them cached the next 8 "
        "(nic.fetch_batch) are not fetched into the 12 that each of 6 rings may have; 78 or more are enough",
    ),
    (
        "nic: {preset: 82576, rsc: {}}",
        "1:27: nic.rsc: receives of several frames (RSC); the 82576 has none (Linux igb: no LRO of the hardware's; "
        "ixgbe has IXGBE_FLAG2_RSC_CAPABLE); nic.strict: false or nic.preset: null permits it",
    ),
    (
        "nic: {header_split: 128B}\nhost: {iotlb: {entries: 4, miss: 300ns}}",
        "1:21: nic.header_split: buffers with several frames, or with headers alone, are not modelled with an IOMMU; "
        "host.iotlb: null",
    ),
    ("nic: {rsc: {descriptors: 17}}", "1:26: nic.rsc.descriptors: 17 is not one of 1, 4, 8, 16"),
]


@pytest.mark.parametrize(("text", "line"), BAD)
def test_bad_input_is_named_in_a_line(text: str, line: str) -> None:
    assert f"c.yaml:{line}" in complaints(text)


def test_what_is_right_has_no_findings() -> None:
    class Nothing:
        def add(self, message: str, *_: object, **__: object) -> None:
            raise AssertionError(message)

    right = config({**BETWEEN, "nic.rsc": {}, "nic.header_split": "128B"})
    check_sends(right, Nothing())  # type: ignore[arg-type]
    check_segments(right, Nothing())  # type: ignore[arg-type]
