"""The picture of the datapath and the tables beside it: figures that follow from the result by hand."""

from __future__ import annotations

import dataclasses
import re
from xml.etree import ElementTree

import pytest

from hwmodel.report import tables
from hwmodel.report.datapath import datapath_figure, datapath_parts
from hwmodel.report.html import section_of
from hwmodel.resources import RESOURCES
from hwmodel.results import PARTS, Bottleneck, ClosedForm, QueueDepth, Relaxed, Stalls, Wire
from hwmodel.results.adapter_use import PortResult
from hwmodel.results.series import EventResult, Series
from hwmodel.results.shared_links import BusResult, PcieSwitchResult, SwitchLinkUse
from hwmodel.words.events import SAME_VALUES
from hwmodel.words.quantities import page_time
from tests.sample_result import ALONE_NS, GBPS, sample_config, sample_relaxed, sample_result, unmeasured_result
from tests.sample_system import sample_system

pytestmark = pytest.mark.usefixtures("kept_figures")


def config_with_buffers():
    config = sample_config()
    return {**config, "nic": {**config["nic"], "tx_buffer": "160KiB", "rx_buffer": "512KiB"}}


def test_every_part_has_its_figures():
    queues = {"tags": QueueDepth(mean=8.0, max=11), "rx_buffer": QueueDepth(mean=131_072.0, max=524_288)}
    result = sample_result(config=config_with_buffers(), queues={**sample_result().queues, **queues})
    parts = datapath_parts(result)
    assert parts["up"] == ("PCIe up", ("100.0 % busy", "1,809 B a frame"), 0.9999)
    assert parts["down"].lines == ("95.0 % busy", "1,719 B a frame")
    assert parts["tx_ring"].lines == ("503 of 511 frames", "at most 511")
    assert parts["tx_ring"].share == pytest.approx(503.2 / 511)
    assert (parts["rx_buffer"].lines[0], parts["rx_buffer"].share) == ("128 of 512 KiB", 0.25)
    assert (parts["tags"].lines, parts["tags"].share) == (("8.00 of 32 in use",), 0.25)
    assert parts["driver"].lines == ("busiest core 2.0 %", "1.0 % sending")
    assert parts["wire"] == ("Wire", ("no traffic",), None)
    assert parts["switch"] == ("Switch", ("takes no time",), None)


def test_what_is_busy_or_not_known_is_told():
    result = sample_result(
        wire=Wire(tx_gbps=9.5, rx_gbps=None, utilization=0.97),
        utilization={"switch.bus": 0.61, "pcie.tags": 0.5},
        queues={"tx_buffer": QueueDepth(mean=1024.0, max=2048)},
        config={},
    )
    parts = datapath_parts(result)
    assert parts["wire"].lines == ("9.50 / - Gb/s", "97.0 % busy")
    assert (parts["switch"].lines, parts["switch"].share) == (("bus 61.0 %",), 0.61)
    assert parts["tags"] == ("Read tags", ("all in use 50.0 %",), 0.5)
    waiting = sample_result(stalls_ns=Stalls(credits=15e6, credits_posted=15e6), utilization={})
    assert datapath_parts(waiting)["tags"] == ("Tags, credits", ("credits lack 75.0 %",), 0.75)
    assert parts["tx_buffer"] == ("Tx buffer", ("1.00 KiB", "at most 2.00 KiB"), None)
    assert parts["tx_ring"] == ("Tx rings", (), None)


def test_memory_that_takes_time_has_its_share():
    assert datapath_parts(sample_result())["memory"] == ("Host memory", ("takes no time",), None)
    draining = sample_result(utilization={"host.drain": 0.613})
    assert datapath_parts(draining)["memory"] == ("Host memory", ("61.3 % busy",), 0.613)


# A virtual switch has no part in an adapter's datapath, and its page no such picture.
@pytest.mark.parametrize("resource", [*{row.in_results: row for row in RESOURCES if row.part}, "<&>"])
def test_the_limit_is_marked_once_in_each_drawing_and_told_in_words(resource):
    limit = Bottleneck(resource=resource, utilization=1.0, why="")
    drawn = datapath_figure(sample_result(bottleneck=limit), "k")
    root = ElementTree.fromstring(f"<both>{drawn}</both>")
    expected = {"offered_load": 0, "<&>": 0, "bus": 2}.get(resource, 1)  # a bus is both ways, drawn apart
    assert [svg.get("viewBox") is not None for svg in root] == [True, True]
    for svg in root:
        assert len([group for group in svg.iter("g") if "limit" in group.get("class").split()]) == expected
        assert svg.find("desc").text.count("(the limit)") == min(expected, 1)
        assert "PCIe up: 100.0 % busy, 1,809 B a frame" in svg.find("desc").text


def test_boxes_stand_inside_their_drawing_and_apart():
    root = ElementTree.fromstring(f"<both>{datapath_figure(sample_result(), 'k')}</both>")
    for svg in root:
        left, top, width, height = map(float, svg.get("viewBox").split())
        boxes = [
            tuple(float(rect.get(name)) for name in ("x", "y", "width", "height"))
            for rect in svg.iter("rect") if rect.get("class") == "box"
        ]  # fmt: skip
        assert len(boxes) == 12
        for at, (x, y, w, h) in enumerate(boxes):
            assert left < x and top < y and x + w < left + width and y + h < top + height
            assert all(x + w <= x2 or x2 + w2 <= x or y + h <= y2 or y2 + h2 <= y for x2, y2, w2, h2 in boxes[at + 1 :])


def test_the_closed_form_stands_beside_the_simulation():
    rows = {row[0]: row[1:] for row in tables.closed_form_table(sample_result()).rows}
    assert rows["throughput"] == ["13.39 ± 0.02 Gb/s", "at most 13.39 Gb/s", "0.0 %"]
    assert rows["bytes a frame, down"] == ["1,719.0 B", "1,719.0 B", "0.0 %"]
    assert rows["latency, post to delivery: p50; alone"] == ["3.70 ms", "2.64 µs", "1,401 ×"]
    assert rows["limit"] == ["pcie.up", "pcie.up", ""]
    slower = dataclasses.replace(sample_result().totals, gbps=GBPS * 0.9)
    assert tables.closed_form_table(sample_result(totals=slower)).rows[0][3] == "-10.0 %"
    unknown = {row[0]: row[1:] for row in tables.closed_form_table(unmeasured_result()).rows}
    assert unknown["throughput"] == ["-", "at most 13.39 Gb/s", "-"]
    assert unknown["bytes a frame, up"][::2] == ["-", "-"]


def test_what_would_change_the_answer():
    steps = tables.next_steps_table(sample_result()).rows
    assert steps[0] == ["pcie.lanes: 4 → 8", "26.78 Gb/s", "+100.0 %", "2.64 µs", "pcie.up"]
    assert [row[2] for row in steps] == ["+100.0 %", "+4.9 %", "+0.6 %", "0.0 %"]
    relaxed = tables.relaxed_table(sample_result(relaxed=sample_relaxed()))
    assert relaxed.rows[0] == ["pcie.up", "pcie.lanes: 4 → 8", "26.72 Gb/s", "+99.5 %", "-49.8 %"]
    assert relaxed.marked == 0
    assert tables.relaxed_table(sample_result()) is None


def test_no_larger_design_is_shown_of_a_machine_that_has_changed():
    """The closed form, and what it gives with one key changed, is of what the run begins with."""
    shown = sample_result()
    at_ns = shown.window.end_ns / 2
    events = [EventResult(at_ns=at_ns, event="pcie.lanes = 1", did=did) for did in ("vf0 sends nothing", SAME_VALUES)]
    changed, same = (Series(interval_ns=1e6, events=(event,)) for event in events)
    for table in (tables.next_steps_table, tables.closed_form_table):
        assert table(shown) is not None and table(sample_result(series=same)) is not None
        assert table(sample_result(series=changed)) is None


def test_the_parts_of_the_latency_add_up_in_the_table_too():
    table = tables.parts_table(sample_result())
    assert table.header == ("part", "alone", "mean", "p50 frame", "p99 frame", "p99.9 frame")
    assert table.rows[-1][0] == "in all"
    assert table.rows[-1][1:3] == [page_time(sum(ALONE_NS.values())), "3.71 ms"]
    assert ["wait in the Rx buffer", "0 ns", "310 µs", "310 µs", "310 µs", "310 µs"] in table.rows
    assert not any("wire" in row[0] for row in table.rows)
    every = sample_result(latency_parts_ns={"mean": dict.fromkeys(PARTS, 1.0)})
    assert len(tables.parts_table(every).rows) == len(PARTS) + 1


def test_a_frame_alone_stands_beside_the_run_and_may_never_be_over():
    closed = sample_result().closed_form
    parts = {"doorbell": 14.0, "payload_read": 1290.0}
    until = {name: parts.get(name, 0.0) for name in PARTS[: PARTS.index("writeback_batch")]}
    stuck = sample_result(
        closed_form=dataclasses.replace(closed, lone_frame="64 B from vf0 to vf1", latency_parts_ns=until)
    )
    rows = {row[0]: row[1:3] for row in tables.parts_table(stuck).rows}
    assert rows["read of the payload"][0] == "1.29 µs"
    assert rows["wait for a write-back batch"] == ["until more come", "0 ns"]
    assert rows["write-back"][0] == "-"  # behind what is never over
    assert rows["in all"] == ["until more come", "3.71 ms"]
    section = section_of(stuck, "", "r0", with_figures=True)
    of = "One frame alone, as configured: 64 B from vf0 to vf1"
    assert section["lone"] == f"{of}; the wait for a write-back batch ends only when more frames come"
    assert "1.29 µs" in section["figures"]["alone"]
    assert "until more come" not in section["figures"]["alone"]
    unknown = sample_result(closed_form=dataclasses.replace(closed, latency_parts_ns={}))
    assert tables.parts_table(unknown).header[1] == "mean"
    assert section_of(unknown, "", "r0", with_figures=True)["figures"]["alone"] == ""


def test_frames_for_the_wire_alone_are_compared_there():
    result = sample_result()
    totals = dataclasses.replace(result.totals, gbps=0.0, mpps=0.0)
    wire = dataclasses.replace(result.wire, tx_gbps=GBPS / 2)
    rows = tables.closed_form_table(sample_result(totals=totals, wire=wire)).rows
    assert rows[0] == ["to the wire", "6.70 Gb/s", "at most 13.39 Gb/s", "-50.0 %"]
    assert "frames" not in [row[0] for row in rows]


def test_what_the_closed_form_or_a_relaxed_run_cannot_tell_is_left_open():
    closed = ClosedForm(
        link_name="", gbps=0.0, mpps=0.0, offered_mpps=0.0, limited_by="wire", up_bytes=0.0, down_bytes=0.0
    )
    rows = tables.closed_form_table(sample_result(closed_form=closed)).rows
    assert [row[0] for row in rows] == ["throughput", "frames", "bytes a frame, up", "bytes a frame, down", "limit"]
    assert {row[3] for row in rows[:4]} == {"-"}
    assert tables.ceilings_table(sample_result(closed_form=closed)) is None
    failed = Relaxed(resource="pcie.tags", change="pcie.tags: 32 -> 64")
    assert tables.relaxed_table(sample_result(relaxed=(failed,))).rows[0][2:] == ["-", "-", "-"]
    assert section_of(sample_result(relaxed=(failed,)), "", "r0", with_figures=True)["figures"]["relaxed"] == ""


def test_latencies_of_a_row_have_one_unit():
    rows = {row[0]: row[1:] for row in tables.latency_table(sample_result()).rows}
    assert rows["post to delivery, ms"][2] == "3.70 ± <0.01"
    assert all(re.fullmatch(r"\d\.\d\d", cell) for cell in rows["post to taken by the guest, ms"])


def test_fairness_that_means_nothing_is_left_out():
    assert not any("fairness" in row[0] for row in tables.fact_table(sample_result(fairness_jain=None)).rows)


def test_a_section_without_figures_has_its_tables():
    section = section_of(sample_result(), "label", "r0", with_figures=False)
    assert section["datapath"] == ""
    assert not any(section["figures"].values())
    assert section["tables"]["parts"] is not None


def test_segments_are_on_the_page_in_what_rings_hold_of_them():
    segments = {"sends": 7, "descriptors": 42, "doorbells": 3, "payload_reads": 903, "frames": 322}
    workload = {**sample_config()["workload"], "segment_bytes": "64KiB"}
    result = sample_result(config={**sample_config(), "workload": workload}, segments=segments)
    assert ["tx_ring", "descriptors"] in [[row[0], row[-1]] for row in tables.queue_table(result).rows]
    (said,) = [row[1] for row in tables.fact_table(result).rows if row[0] == "segments"]
    assert said == "7 sends of 42 descriptors, 3 doorbells and 903 payload reads, cut into 322 frames"


def test_what_adapters_share_is_among_what_is_busy_and_a_wire_is_there_once():
    use = SwitchLinkUse(utilization=0.6543, tlps=1, tlp_bytes=1, dllp_bytes=1)
    switch = PcieSwitchResult(name="a.s1", behind="root", generation=3, lanes=4, up=use, down=use, ports=())
    of_bus = {"name": "a.bus", "kind": "pci", "width_bits": 32, "clock_mhz": 33, "clocks": {}, "masters": {}}
    bus = BusResult(**of_bus, utilization=0.4321, retries=0)
    both = dataclasses.replace(sample_system(), pcie_switches=(switch,), buses=(bus,))
    drawn = section_of(both, "", "r0", with_figures=True)["figures"]["busy"]
    assert all(word in drawn for word in ("a.s1.up", "a.s1.down", "65.4", "a.bus", "43.2"))
    wire = Wire(tx_gbps=5.0, rx_gbps=0.0, utilization=0.5)
    busy = {**sample_result().utilization, "wire.tx": 0.5, "wire.rx": 0.0}
    drawn = section_of(sample_result(wire=wire, utilization=busy), "", "r0", with_figures=True)["figures"]["busy"]
    assert ">wire.tx<" in drawn and ">wire<" not in drawn


def test_the_picture_names_no_link_that_an_event_has_changed():
    """The name is that of what the run begins with, the figures are those of a window behind the event."""
    config = sample_config()
    scenario = [{"at": "1ms", "set": {"switch.ports.vf0.weight": 2}}, {"at": "2ms", "reset": "vf0"}]
    kept, changed = (
        datapath_figure(sample_result(config={**config, "scenario": events}), "a")
        for events in (scenario, [*scenario, {"at": "3ms", "set": {"pcie.lanes": 1}}])
    )
    assert "over PCIe Gen2 x4 link" in kept
    assert "over the link" in changed and "Gen2" not in changed


def test_the_wire_of_a_bonds_leg_is_not_said_to_be_nobodys():
    """All VMs send by each leg, so no leg lists any."""
    own = {"tx_gbps": 1.0, "rx_gbps": 0.0, "utilization": 0.1}
    ports = (PortResult(name="p0", **own), PortResult(name="p1", vms=("vf1", "vf3"), **own))
    rows = {row[0] for row in tables.fact_table(sample_result(ports=ports)).rows}
    assert {"wire of p0", "wire of p1 (vf1, vf3)"} <= rows
