"""The time line, as Perfetto's own trace processor reads it, against the closed form; looking does not change a run."""

from __future__ import annotations

import json
import re
from collections import defaultdict

import pytest

from hwmodel.analytic.latency import frame_latency_steps
from hwmodel.config import config_from_mapping
from hwmodel.machine.tlp_kinds import OF_KIND
from hwmodel.rules.pcie_link import link_rate_of
from hwmodel.simulation import simulate
from hwmodel.simulation.run.machine import Machine
from hwmodel.simulation.run.trace import tracer
from hwmodel.simulation.run.trace.adapter_side import DROPS
from hwmodel.simulation.run.trace.frame_parts import MIRRORED, PARTS, n_stamped, real
from hwmodel.simulation.run.trace.host_side import IOMMU
from hwmodel.simulation.run.trace.link_tlps import DLLPS
from hwmodel.simulation.run.trace.stage import stage_of
from hwmodel.simulation.run.trace.timeline import Slice, Timeline, Track
from hwmodel.simulation.run.trace.tracer import Tracer
from hwmodel.units import FS_PER_NS, FS_PER_US
from hwmodel.wire.pcap import PcapWriter
from hwmodel.words.warnings import without_a_row
from hwmodel.workload import build_workload
from tests.trace_cases import COUNTERS, check_document, trace_of

SATURATED = {
    "nic": {"vfs": 2, "tx_ring": 64},
    "workload": {"frame_bytes": 1518, "load": "saturate"},
    "run": {"duration": "200us"},
}
# Everything that takes time on a frame's way, and both ends of the wire.
ALL_STATIONS = {
    "pcie": {"propagation": "30ns", "tags": 16, "credits": {"ph": 32, "pd": 256, "nph": 8, "cplh": 32, "cpld": 256}},
    "host": {"iotlb": {"entries": 8, "miss": "300ns"}, "jitter": {"kind": "uniform", "range": "200ns"}},
    "nic": {"vfs": 2, "max_pps": 3_000_000, "queues_per_vf": 2, "store_rate": "60Gbps"},
    "driver": {"preset": None, "rx_interrupt_batch": 4, "tx_interrupt_batch": 4, "moderation": "5us"},
    "switch": {"timing": "core"},
    "workload": {"pattern": "pairs", "load": "3Gbps", "frame_bytes": 700, "external": {"rate": "2Gbps"}},
    "run": {"duration": "150us", "warmup": "200us"},
}
# More comes from outside than the link takes, and who sends it is stopped; the other end stops the adapter too.
STOPPED = {
    "pcie": {"generation": 1, "lanes": 4},
    "nic": {"vfs": 2, "rx_buffer": "48KiB", "arbitration": {"classes": [{"percent": 50}, {"percent": 50}]},
            "flow_control": {"mode": "pfc", "received": [
                {"at": f"{at_us}us", "quanta": 200, "priorities": [0]} for at_us in range(210, 350, 20)]}},
    "driver": {"preset": None, "rx_interrupt_batch": 4, "tx_interrupt_batch": 4},
    "workload": {"pattern": "pairs", "wire_share": 0.5, "load": "1Gbps", "frame_bytes": 700,
                 "external": {"rate": "9Gbps"}},
    "run": {"duration": "150us", "warmup": "200us"},
}  # fmt: skip
MACHINES = {"saturated": SATURATED, "all stations": ALL_STATIONS, "stopped": STOPPED}


@pytest.fixture(scope="module", params=MACHINES)
def traced(request, tmp_path_factory):
    found = trace_of(tmp_path_factory.mktemp("trace"), config_from_mapping(MACHINES[request.param]))
    yield found
    found.reader.close()


def test_the_processor_takes_every_event_and_rows_have_one_slice_at_a_time(traced):
    check_document(traced)


def test_the_run_is_the_same_with_and_without_a_trace(traced):
    assert traced.result.to_json(include_host_run=False) == simulate(traced.config).to_json(include_host_run=False)


def test_tlps_take_their_bytes_and_add_up_to_the_links_counters(traced):
    rate = link_rate_of(traced.config.pcie)
    for direction in ("up", "down"):
        shown = traced.of("PCIe link", direction)
        tlps = [one for one in shown if one[3] != DLLPS]
        assert {one[3] for one in tlps} <= {about.words for about in OF_KIND.values()}
        for number, *_, length, _ in tlps:
            assert length == pytest.approx(rate.transfer_fs(traced.arguments[number]["bytes"]) / FS_PER_NS, abs=1)
        n_bytes = sum(traced.arguments[one[0]]["bytes"] for one in tlps)
        assert n_bytes == traced.document["otherData"]["link_bytes"][direction] > 10_000


def test_the_wire_is_as_busy_as_counted_control_frames_too(traced):
    shown, window = traced.of("Wire", "out"), traced.result.window
    busy_ns = sum(min(one[4] + one[5], window.end_ns) - max(one[4], window.start_ns) for one in shown)
    share = busy_ns / (window.end_ns - window.start_ns)
    assert share == pytest.approx(traced.result.utilization["wire.tx"], abs=1e-3)
    control = [one for one in shown if one[3] == "control frame"]
    assert (len(control) > 5) == (traced.config.nic.flow_control is not None)
    assert all(one[5] == pytest.approx(84 * 8e9 / traced.config.port.rate_bps, abs=1) for one in control)
    counters = {name.split(",")[0]: most for name, _, most, _ in traced.reader.rows(f"{COUNTERS} GROUP BY name")}
    stops = [counters.get(f"{name} classes", 0) for name in ("classes over their mark", "out: classes stopped")]
    assert all(most > 0 for most in stops) == (len(control) > 5)


def test_no_counter_is_negative_or_above_its_capacity(traced):
    counters = traced.reader.rows(f"{COUNTERS} GROUP BY name")
    names = {name for name, *_ in counters}
    assert {"Tx buffer", "Rx buffer", "tags in use", "vf0 Tx ring", "vf0 Rx ring"} <= {n.split(",")[0] for n in names}
    for name, least, most, n in counters:
        capacity = re.search(r", of (\d+) ", name)
        assert least >= 0 and n > 0 and (capacity is None or most <= int(capacity[1])), name


def test_arrows_lead_from_the_doorbell_to_the_guest_in_time_order(traced):
    driver = traced.config.driver
    assert not driver.polls
    whole = re.compile(
        "Tx doorbell>Tx descriptors>payload read>payload completion>(FRAME>){1,3}payload write>Rx write-back>"
        + ("((Rx|Tx) interrupt>)?" if driver.masks else "(Rx interrupt>)")  # a poll sees frames without one
        + "take FRAME$"
    )
    n_whole = n_told = 0
    for steps in traced.steps().values():
        starts = [one[4] for one in steps]
        assert starts == sorted(starts)
        frames = {traced.arguments[one[0]].get("frame") for one in steps} - {None}
        assert len(frames) == 1, steps
        (frame,) = frames
        found = whole.match(">".join(one[3].replace(frame, "FRAME") for one in steps))
        n_whole += found is not None
        n_told += found is not None and found[2] is not None
    assert n_whole > 10
    assert 0 < n_told < n_whole if driver.masks else n_told == n_whole


def test_a_read_holds_its_tag_for_the_hosts_answer(traced):
    host = traced.config.host
    answers = [one for one in traced.of("PCIe reads") if one[3] == "host"]
    assert len(answers) > 50
    most_fs = host.read_latency_fs + (host.jitter.range_fs or 0) + (host.iotlb.miss_fs if host.iotlb else 0)
    for one in answers:
        assert host.read_latency_fs / FS_PER_NS - 1 <= one[5] <= most_fs / FS_PER_NS + 1


def test_cores_do_one_frame_at_a_time(traced):
    driver, lengths = traced.config.driver, defaultdict(set)
    for one in traced.of("Host cores"):
        lengths[one[3].split()[0]].add(one[5])
    frame_fs = driver.frame_time_fs + (traced.config.workload.frame_bytes - 4) * driver.byte_time_fs
    times_fs = {"post": frame_fs, "take": frame_fs}
    if driver.masks:
        times_fs |= {"interrupt": driver.interrupt_time_fs, "register": driver.doorbell_time_fs}
    assert set(lengths) == set(times_fs)
    for name, time_fs in times_fs.items():
        assert lengths[name] <= {n + time_fs // FS_PER_NS for n in (0, 1)}


def test_what_serves_one_frame_at_a_time_takes_its_time(tmp_path):
    keys = ALL_STATIONS | {"host": {"iotlb": {"entries": 8, "miss": "300ns"}}}
    config = config_from_mapping(keys, {"workload.pattern": "to_wire"})
    traced = trace_of(tmp_path, config)
    wire_ns = (700 + 20) * 8 / (config.port.rate_bps / 10**9)
    times = {
        ("Wire", "in"): wire_ns,
        ("Wire", "out"): wire_ns,
        ("Switch", "pipeline"): 1e9 / config.nic.max_pps,
        ("Switch", "bus"): -(-696 // (config.switch.bus_bits // 8)) * 1e9 / config.switch.clock_hz,
    }
    for (group, row), length in times.items():
        shown = traced.of(group, row)
        assert shown and all(one[5] == pytest.approx(length, abs=1) for one in shown), row
    waits = [one[5] for one in traced.of(IOMMU.group, IOMMU.name)]
    assert waits and max(waits) == 300  # and less for who comes to a translation that is under way
    traced.reader.close()


def test_one_frame_alone_takes_the_steps_of_the_closed_form(tmp_path):
    keys = {
        "pcie": {"dllp_model": "none"},
        "nic": {"preset": None, "vfs": 2, "fetch_batch": 1, "rx_fetch_batch": 8, "rx_prefetch": 1,
                "tx_writeback_batch": 8, "rx_writeback_batch": 1, "writeback_timeout": None},
        "driver": {"preset": None, "tx_doorbell_batch": 1, "refill_batch": 8, "rx_interrupt_batch": 1,
                   "tx_interrupt_batch": 0, "frame_time": "20ns"},
        "run": {"warmup": "15us", "duration": "100us"},
        "workload": {"pcap": str(tmp_path / "one.pcap")},
    }  # fmt: skip
    with PcapWriter(tmp_path / "one.pcap") as writer:
        for at_ns, header, n_bytes in ((0, "02ff0000000202ff00000001", 60), (20_000, "020000000003020000000002", 1514)):
            writer.write(at_ns, bytes.fromhex(header + "88b5").ljust(60, b"\0"), n_bytes)
    config = config_from_mapping(keys)
    traced = trace_of(tmp_path, config)
    parts = {"doorbell": "Tx doorbell", "Tx descriptor fetch": "Tx descriptor read", "payload read": "payload read",
             "payload write": "payload write", "write-back": "Rx write-back", "interrupt": "Rx interrupt"}  # fmt: skip
    steps = {step.name: step.duration_fs / FS_PER_NS for step in frame_latency_steps(config, 1518)}
    shown = {one[2]: one for one in traced.slices if one[3] == "vf0.0/0" and one[2] in parts}
    assert {parts[row] for row in shown} == set(steps)
    for row, one in shown.items():
        assert traced.arguments[one[0]]["whole_ns"] == pytest.approx(steps[parts[row]], abs=1e-6)
        assert one[5] == pytest.approx(steps[parts[row]], abs=1)
    ends = [(one[4], one[4] + one[5]) for one in sorted(shown.values(), key=lambda one: one[4])]
    assert ends[-1][1] - ends[0][0] == pytest.approx(sum(steps.values()), abs=1)
    assert [[one[3] for one in steps] for steps in traced.steps().values()] == [[
        "Tx doorbell", "Tx descriptors", "payload read", "payload completion", "vf0.0/0", "payload write",
        "Rx write-back", "Rx interrupt", "take vf0.0/0",
    ]]  # fmt: skip
    traced.reader.close()


def test_start_and_length_are_kept_and_a_full_document_says_so(tmp_path, monkeypatch):
    config = config_from_mapping(SATURATED)
    traced = trace_of(tmp_path, config, trace_start_fs=50 * FS_PER_US, trace_length_fs=30 * FS_PER_US)
    facts, window = traced.document["otherData"], traced.result.window
    assert -1 < facts["start_ns"] - window.start_ns - 50_000 < 1000
    assert facts["end_ns"] == pytest.approx(window.start_ns + 80_000, abs=1)
    assert facts["start_ns"] <= min(one[4] for one in traced.of("PCIe link"))
    assert max(one[4] for one in traced.of("PCIe link")) <= facts["end_ns"] and facts["ended_early"] is None
    traced.reader.close()
    monkeypatch.setattr(tracer, "MOST_TLPS", 2000)
    long = config_from_mapping(SATURATED, {"run.duration": "2ms"})
    said: list[str] = []
    simulate(long, trace_path=str(tmp_path / "long.json"), trace_length_fs=1900 * FS_PER_US, note=said.append)
    facts = json.loads((tmp_path / "long.json").read_text())["otherData"]
    assert 2000 <= facts["tlps"] <= 2001 and "of the 1900.000 us asked for" in facts["ended_early"]
    assert said[0] == f"{tmp_path / 'long.json'}: {facts['ended_early']}"
    left_out = sum(facts["left_out"].values())
    assert len(said) == 1 + bool(left_out) and all(f"{left_out:,} slice" in text for text in said[1:])


def test_what_a_tag_or_a_wire_is_held_by_is_shown_whole(tmp_path):
    """Parts of frames are cut at the trace's begin (`check_document`); a read that has its tag then is not."""
    config = config_from_mapping(ALL_STATIONS, {"workload.external.rate": "9Gbps"})
    traced = trace_of(tmp_path, config, trace_start_fs=20 * FS_PER_US, trace_length_fs=50 * FS_PER_US)
    check_document(traced)
    start_ns = traced.document["otherData"]["start_ns"]
    reads = [one for one in traced.of("PCIe reads") if one[4] < start_ns and one[6] == 0]
    assert reads and min(one[5] for one in reads) > config.host.read_latency_fs / FS_PER_NS
    frames = [one for one in traced.of("Wire", "in") if one[4] < start_ns]
    assert [one[5] for one in frames] == [pytest.approx((700 + 20) * 8 / 10, abs=1)]
    traced.reader.close()


def test_a_trace_that_the_run_ends_before_says_so(tmp_path):
    where, said = tmp_path / "late.json", []
    config = config_from_mapping(SATURATED)
    asked = {"trace_start_fs": 150 * FS_PER_US, "trace_length_fs": 100 * FS_PER_US}
    result = simulate(config, trace_path=str(where), **asked, note=said.append)
    facts, left_us = json.loads(where.read_text())["otherData"], result.window.duration_ns / 1000 - 150
    assert facts["end_ns"] == int(result.window.end_ns) and left_us < 60
    assert facts["ended_early"] == f"the run ended after {left_us:.3f} us of the 100.000 us asked for"
    assert said[0] == f"{where}: {facts['ended_early']}"


def test_one_of_something_is_said_in_the_singular(tmp_path):
    assert without_a_row(1, 16) == "1 slice found none of the 16 rows of its track free"
    assert without_a_row(1200, 16).startswith("1,200 slices found none of the 16 rows of their tracks")
    one = config_from_mapping(SATURATED, {"pcie.tags": 1, "run.duration": "20us"})
    simulate(one, trace_path=str(tmp_path / "one.json"))
    document = json.loads((tmp_path / "one.json").read_text())
    assert document["otherData"]["capacities"]["tags in use, of 1 tag"] == 1
    units = {
        unit for event in document["traceEvents"] if event["name"] == "tags in use, of 1" for unit in event["args"]
    }
    assert units == {"tag"}


def test_a_trace_that_begins_behind_the_window_says_so(tmp_path):
    said: list[str] = []
    late, where = config_from_mapping(SATURATED, {"run.duration": "50us"}), str(tmp_path / "late.json")
    simulate(late, trace_path=where, trace_start_fs=900 * FS_PER_US, note=said.append)
    assert said == [f"{where}: the run ended before the time line began"]


BY_32 = {
    "driver.preset": None, "driver.refill_batch": 32, "driver.rx_interrupt_batch": 32, "driver.tx_interrupt_batch": 32,
}  # fmt: skip


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({**BY_32, "driver.frame_time": "400ns", "nic.rx_ring": 64, "driver.tx_doorbell_batch": 32}, "NO_DESCRIPTOR"),
        ({"nic.strict": False, "switch.acl": [{"port": "vf0", "action": "deny"}]}, "ACL_DENY"),
    ],
)
def test_what_is_dropped_has_the_ids_of_its_frames(tmp_path, changes, reason):
    base = {
        "nic": {"vfs": 3},
        "workload": {"pattern": "incast", "incast_to": "vf2", "frame_bytes": 64, "load": "2Gbps"},
        "run": {"duration": "30us", "warmup": "60us"},
    }
    where = tmp_path / "drops.json"
    result = simulate(config_from_mapping(base, changes), trace_path=str(where))
    events = json.loads(where.read_text())["traceEvents"]
    drops = [event["args"] for event in events if event.get("name") == f"dropped: {reason}"]
    assert drops and result.drops[reason] >= sum(args["frames"] for args in drops) > 20
    ids = [args["frame"] for args in drops if "frame" in args]
    assert len(ids) == len(set(ids)) == sum(args["frames"] for args in drops if args["frames"] == 1)
    # Each was read, and none has come to a guest: told by other tracks, which know nothing of drops.
    named = {event["args"]["frame"] for event in events if "frame" in event.get("args", {}) and event["ph"] == "X"}
    taken = {event["args"].get("frame") for event in events if event.get("name", "").startswith("waits for the guest")}
    assert len(set(ids) & named) > 10 and not set(ids) & taken


def one_server(config):
    workload = build_workload(config)
    return stage_of(Machine(config, workload, 1), workload)


def test_a_run_that_ends_before_the_trace_begins_leaves_a_document_that_says_so():
    config = config_from_mapping(SATURATED)
    document = json.loads(Tracer(one_server(config), start_fs=1).to_json())
    assert "before the time line began" in document["otherData"]["ended_early"] and document["traceEvents"] == []


def test_further_rows_hold_what_overlaps_and_the_rest_is_counted():
    timeline = Timeline()
    for number in range(20):
        timeline.add_overlapping(Slice(IOMMU, str(number), number, 100, {}))
    document = json.loads(timeline.to_json({}))
    assert len({event["tid"] for event in document["traceEvents"] if event["ph"] == "X"}) == 16
    assert document["otherData"]["left_out"] == {f"{IOMMU.group}: {IOMMU.name}": 4}


def test_stamps_of_the_frame_before_are_not_taken_for_those_of_a_frame_under_way():
    picked = 8  # the scheduler's pick is the eighth stamp
    stamps = [*range(10, 18), 25, 26, 5, 6, *[7] * 9]
    assert n_stamped(stamps) == picked + 2 and len(PARTS) == len(stamps[: len(PARTS)])
    assert real([MIRRORED, "vf0.0/1"]) == ["vf0.0/1"] and isinstance(DROPS, Track)


def test_frames_of_a_segment_share_a_slice_where_there_is_no_row_for_each():
    """46 frames that a core passes as one: no row lacks them, each has its arrow; of 16 each has a slice of its own."""
    for n, n_slices in ((46, 1), (16, 16)):
        timeline = Timeline()
        for number in range(n):
            name = f"vf0.0/{number}"
            for track, start_ns in ((Track("Switch", "switch"), 0), (Track("Adapter", f"after {number}"), 9)):
                times = start_ns * FS_PER_NS, (start_ns + 5) * FS_PER_NS
                timeline.add_overlapping(Slice(track, name, *times, {"frame": name, "from": "vf0"}, [name]))
        document = json.loads(timeline.to_json({}))
        assert document["otherData"]["left_out"] == {}
        found = [event["args"] for event in document["traceEvents"] if event["ph"] == "X" and event["ts"] == 0]
        assert len(found) == n_slices and sum(args.get("frames", 1) for args in found) == n
        assert all(args["from"] == "vf0" for args in found)
        assert sum(event["ph"] == "s" for event in document["traceEvents"]) == n
