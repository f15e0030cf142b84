"""The time line of several servers and of the bridge's ports, against what a run measures and times worked out."""

from __future__ import annotations

import re

import pytest

from hwmodel.compiled.records import NEVER
from hwmodel.config import bridges_of, config_from_mapping
from hwmodel.machine.counts.ledger_state import DONE, EVENTS_SPENT
from hwmodel.simulation import simulate
from hwmodel.simulation.run.machine import Machine
from hwmodel.simulation.run.trace.adapter_side import Arrivals
from hwmodel.simulation.run.trace.bridge_side import BRIDGE
from hwmodel.simulation.run.trace.frame_parts import OUTSIDE, names_of
from hwmodel.simulation.run.trace.server_side import ServerRecording
from hwmodel.simulation.run.trace.stage import stage_of
from hwmodel.simulation.run.trace.timeline import Timeline
from hwmodel.simulation.run.trace.tracer import MOST_TLPS
from hwmodel.units import FS_PER_US
from hwmodel.wire.pcap import PcapWriter
from hwmodel.workload import build_workload
from tests.run_cases import BATCHES_OF_ONE
from tests.trace_cases import COUNTERS, check_document, trace_of

ROOM = 4 << 10
# Frames come to a faster than its port takes them; two of them stay in their adapter, and some come from outside.
TWO = {
    "servers": [{"name": "a"}, {"name": "b", "set": {"port.rate": "25Gbps", "nic.max_pps": 3_000_000}}],
    "bridge": {"announce": True, "buffer": "4KiB", "propagation": "30ns", "latency": "400ns"},
    "nic": {"strict": False, "vfs": 2},
    "driver": {"preset": None},
    "workload": {
        "pattern": "flows",
        "frame_bytes": 700,
        "flows": [["b.vf0", "a.vf0", "12Gbps"], ["a.vf1", "b.vf1", "2Gbps"], ["b.vf1", "b.vf0", "1Gbps"],
                  ["uplink", "b.vf0", "2Gbps"], ["a.vf1", "uplink", "1Gbps"]],
    },
    "run": {"warmup": "0ns", "duration": "60us"},
}  # fmt: skip
REFLECTED = {
    "switch": {"mode": "vepa"},
    "bridge": {"announce": True},
    "nic": {"vfs": 2},
    "workload": {"pattern": "pairs", "load": "4Gbps", "frame_bytes": 700},
    "run": {"warmup": "20us", "duration": "60us"},
}
EXTENDED = {
    "servers": [{"name": "a"}, {"name": "b"}],
    "switch": {"mode": "e_tag"},
    "bridge": {"kind": "controlling", "extenders": {"x": {"rate": "10Gbps"}},
               "ports": {"a": {"behind": "x"}, "b": {"behind": "x"}}},
    "nic": {"vfs": 2},
    "workload": {"pattern": "flows", "frame_bytes": 700, "flows": [["a.vf0", "b.vf0", "2Gbps"]]},
    "run": {"warmup": "20us", "duration": "60us"},
}  # fmt: skip
# The wire between the bridges is slower than what comes for it; an extender below one of them.
RACKS = {
    "servers": [{"name": "a"}, {"name": "b", "set": {"switch.mode": "e_tag"}}],
    "bridges": [
        {"name": "left", "announce": True, "buffer": "4KiB", "propagation": "35ns",
         "ports": {"a": {}, "trunk": {"to": "right.trunk", "rate": "3Gbps", "propagation": "90ns"}}},
        {"name": "right", "kind": "controlling", "extenders": {"x": {"rate": "25Gbps"}},
         "ports": {"b": {"behind": "x"}, "trunk": {}, "outside": {"propagation": "20ns"}}},
    ],
    "nic": {"vfs": 2},
    "workload": {
        "pattern": "flows",
        "frame_bytes": 700,
        "flows": [["a.vf0", "b.vf0", "4Gbps"], ["b.vf1", "a.vf1", "2Gbps"], ["uplink", "a.vf0", "500Mbps"]],
    },
    "run": {"warmup": "0ns", "duration": "60us"},
}  # fmt: skip
# What comes for a is more than its link takes: it stops the bridge, and the bridge the other server.
STOPPED = {
    "servers": [{"name": "a", "set": {"pcie.lanes": 1, "nic.rx_buffer": "48KiB"}}, {"name": "b"}],
    "pcie": {"generation": 1, "lanes": 8},
    "nic": {"vfs": 2, "arbitration": {"classes": [{"percent": 50}, {"percent": 50}]}, "flow_control": {"mode": "pfc"}},
    "switch": {"uplink": {"native_vlan": None}, "ports": [{"name": "vf1", "default_priority": 5}]},
    "bridge": {"announce": True, "buffer": "64KiB",
               "flow_control": {"mode": "pfc", "classes": [{"percent": 50}, {"percent": 50}]}},
    "workload": {"pattern": "flows", "frame_bytes": 700,
                 "flows": [["b.vf0", "a.vf0", "6Gbps"], ["b.vf1", "a.vf1", "100Mbps"]]},
    "run": {"warmup": "100us", "duration": "200us"},
}  # fmt: skip
SYSTEMS = {"two": TWO, "reflected": REFLECTED, "extended": EXTENDED, "racks": RACKS, "stopped": STOPPED}


@pytest.fixture(scope="module", params=SYSTEMS)
def each(request, tmp_path_factory):
    found = trace_of(tmp_path_factory.mktemp("trace"), config_from_mapping(SYSTEMS[request.param]))
    yield found
    found.reader.close()


@pytest.fixture(scope="module")
def two(tmp_path_factory):
    found = trace_of(tmp_path_factory.mktemp("trace"), config_from_mapping(TWO))
    yield found
    found.reader.close()


def test_the_processor_takes_every_event_and_rows_have_one_slice_at_a_time(each):
    check_document(each)


def test_the_run_is_the_same_with_and_without_a_trace(each):
    assert each.result.to_json(include_host_run=False) == simulate(each.config).to_json(include_host_run=False)


def test_a_port_of_the_bridge_shows_each_frame_that_it_sends_at_its_rate(each):
    n_shown = 0
    named = bridges_of(each.config)
    for bridge, port in ((one, port) for one, found in zip(named, each.result.bridges, strict=True)
                         for port in found.ports):  # fmt: skip
        uplink = port.name.removesuffix(".uplink")
        extenders = bridge.settings.extenders
        rate_bps = extenders[uplink].rate_bps if uplink in extenders else bridge.settings.ports[port.name].rate_bps
        whose = BRIDGE if len(named) == 1 else f"{BRIDGE} {bridge.name}"
        group = whose if port.device == bridge.name else f"Extender {port.device}"
        shown = each.of(group, f"{port.name}: out")
        for one in shown:
            assert one[5] == pytest.approx((each.arguments[one[0]]["bytes"] + 20) * 8e9 / rate_bps, abs=1)
        window = each.result.window
        busy_ns = sum(min(one[4] + one[5], window.end_ns) - max(one[4], window.start_ns) for one in shown)
        share = busy_ns / (window.end_ns - window.start_ns)
        assert share == pytest.approx(port.out_utilization, abs=1e-3), port.name
        n_shown += len(shown)
    assert n_shown > 50


def test_queues_and_drops_are_what_the_run_counts(two):
    ports = {port.name: port for port in two.result.bridges[0].ports}
    counters = {name: (least, most) for name, least, most, _ in two.reader.rows(f"{COUNTERS} GROUP BY name")}
    for name, port in ports.items():
        assert counters[f"{name}: queue, of {ROOM} B"] == (0, port.queue_max_bytes)
    drops = [one for one in two.of(BRIDGE, "a: drops") if one[3] == "dropped: QUEUE_FULL"]
    assert sum(two.arguments[one[0]]["frames"] for one in drops) == ports["a"].drops["QUEUE_FULL"] > 10


def test_each_server_has_its_own_groups_and_links_add_up(two):
    groups = {one[1] for one in two.slices}
    assert {f"{server}: {group}" for server in "ab" for group in ("PCIe link", "Wire", "Guest vf0")} <= groups
    assert all(group.startswith(("a: ", "b: ", BRIDGE)) for group in groups)
    for direction in ("up", "down"):
        for server in "ab":
            shown = sum(two.arguments[one[0]]["bytes"] for one in two.of(f"{server}: PCIe link", direction))
            assert 0 < two.document["otherData"]["link_bytes"][f"{server}.{direction}"] <= shown
    assert two.document["otherData"]["tlps"] < MOST_TLPS


def test_no_counter_is_negative_or_above_its_capacity(two):
    counters = two.reader.rows(f"{COUNTERS} GROUP BY name")
    for name, least, most, _ in counters:
        capacity = re.search(r", of (\d+) ", name)
        assert least >= 0 and (capacity is None or most <= int(capacity[1])), name


def test_ids_are_those_of_the_senders_wherever_a_frame_is(two):
    senders = {(one[1], two.arguments[one[0]]["frame"].partition("/")[0]) for one in two.slices
               if one[1].endswith(("Wire", BRIDGE)) and "frame" in two.arguments[one[0]]}  # fmt: skip
    assert {who for group, who in senders if group == "a: Wire"} == {"a.vf1.0", "b.vf0.0"}
    assert {who for group, who in senders if group == "b: Wire"} == {"a.vf1.0", "b.vf0.0", OUTSIDE}
    assert {who for group, who in senders if group == BRIDGE} == {"a.vf1.0", "b.vf0.0", OUTSIDE}


def test_of_several_bridges_each_has_groups_of_its_own(tmp_path):
    traced = trace_of(tmp_path, config_from_mapping(RACKS))
    groups = {one[1] for one in traced.slices if not one[1].startswith(("a: ", "b: "))}
    assert groups == {f"{BRIDGE} left", f"{BRIDGE} right", f"{BRIDGE}s", "Extender x"}
    left, _ = traced.result.bridges
    lost = [one for one in traced.of(f"{BRIDGE} left", "trunk: drops") if one[3] == "dropped: QUEUE_FULL"]
    assert sum(traced.arguments[one[0]]["frames"] for one in lost) == left.drops["QUEUE_FULL"] > 3
    assert len(traced.of(f"{BRIDGE} right", "from outside")) > 3
    assert not traced.of(f"{BRIDGE} right", "trunk: drops")
    traced.reader.close()


def test_arrows_lead_from_one_guest_over_the_bridge_to_the_other(two):
    whole = re.compile(
        "Tx doorbell>Tx descriptors>payload read>payload completion>(FRAME>){4,5}payload write>Rx write-back>"
        "Rx interrupt>take FRAME$"
    )
    n_whole = 0
    for steps in two.steps().values():
        frames = {two.arguments[one[0]].get("frame") for one in steps} - {None}
        if len(frames) == 1 and {one[1][:2] for one in steps} >= {"a:", "b:"}:
            n_whole += bool(whole.match(">".join(one[3].replace(*frames, "FRAME") for one in steps)))
    assert n_whole > 5


WIRE_NS = 1538 * 8 / 10  # of the frame, at 10 Gb/s
ONE_BRIDGE = {"bridge": {"announce": True, "propagation": "40ns", "latency": "300ns"}}
TWO_BRIDGES = {"bridges": [
    {"name": "left", "announce": True, "propagation": "40ns", "latency": "300ns",
     "ports": {"a": {}, "t": {"to": "right.t", "rate": "5Gbps", "propagation": "70ns"}}},
    {"name": "right", "announce": True, "propagation": "25ns", "latency": "200ns", "ports": {"b": {}, "t": {}}},
]}  # fmt: skip
OVER_NS = [(ONE_BRIDGE, 40 + 300 + WIRE_NS + 40), (TWO_BRIDGES, 40 + 300 + 2 * WIRE_NS + 70 + 200 + WIRE_NS + 25)]


@pytest.mark.parametrize(("bridges", "over_ns"), OVER_NS)
def test_the_parts_of_one_frame_follow_one_another_from_the_post_to_the_guest(bridges, over_ns, tmp_path):
    keys = {
        **bridges,
        "servers": [{"name": "a"}, {"name": "b", "set": {"nic.max_pps": 2_000_000}}],
        "pcie": BATCHES_OF_ONE.get("pcie", {}), "nic": {**BATCHES_OF_ONE["nic"], "vfs": 2},
        "driver": {**BATCHES_OF_ONE["driver"], "frame_time": "20ns"},
        "run": {"warmup": "0ns", "duration": "60us"},
        "workload": {"pcap": str(tmp_path / "one.pcap")},
    }  # fmt: skip
    with PcapWriter(tmp_path / "one.pcap") as writer:
        for at_ns, ends in ((0, "02ff0000000202ff00000001"), (20_000, "020000010002020000000002")):
            writer.write(at_ns, bytes.fromhex(ends + "88b5").ljust(60, b"\0"), 1514)
    config = config_from_mapping(keys)
    traced = trace_of(tmp_path, config)
    shown = [one for one in traced.slices if one[3] == "a.vf0.0/0" and "whole_ns" in traced.arguments[one[0]]]
    exact = sorted((one[4], one[4] + one[5], traced.arguments[one[0]]["whole_ns"], one[1], one[2]) for one in shown)
    assert [end for _, end, *_ in exact[:-1]] == pytest.approx([start for start, *_ in exact[1:]], abs=1)
    assert sum(whole for *_, whole, _, _ in exact) == pytest.approx(
        traced.result.sender_wait_ns.max + traced.result.latency_to_guest_ns.max, abs=1e-3
    )
    places = [f"{group.partition(':')[0]}/{row}" for *_, group, row in exact]
    assert places[-1] == "b/waits for the guest" and places[0].startswith("a/")
    by_row = {row: whole for *_, whole, _, row in exact}
    assert by_row["waits for the wire, and is sent"] == pytest.approx(WIRE_NS, abs=1e-3)
    assert by_row["frames on their way over it"] == pytest.approx(over_ns, abs=1e-3)
    assert by_row["switch of what comes"] == pytest.approx(500, abs=1e-3)
    details = {traced.arguments[one[0]]["to"] for one in shown if one[1].startswith("b:")}
    assert details == {"b.vf0"} and {traced.arguments[one[0]]["from"] for one in shown} == {"a.vf0"}
    traced.reader.close()


class OneName:
    def of_journey(self, journey):
        return f"outside/{journey}"


def test_an_arrival_is_decided_on_once_and_one_that_drops_never_is():
    come = {"head": 0, "mask": 3, "ring": [{"journey": number, "template": 0} for number in range(4)]}
    line = {"head": 0, "ring": [{"journey": 7}]}
    crossed = {place: {"came_fs": 0, "decided_fs": 40} for place in (7, 8)}  # as left by frames before
    ledger = {"journeys": {"crossed": crossed}}
    idle = {"come": {"head": 0, "mask": 3}}
    nic = {"wire": [idle, {"come": come}], "port": [{"mac": {"line": {}}}, {"mac": {"line": line}}], "ledger": ledger}
    arrivals = Arrivals(nic)
    for number, place in enumerate((7, 8)):
        come["head"], line["ring"][0]["journey"] = number + 1, place
        crossed[place]["came_fs"] = 100 + number
        assert [(at, one["journey"]) for at, one in arrivals.look(100 + number, OneName())] == [(1, number)]
    assert arrivals.of("outside/0") == (100, None) and arrivals.of("outside/2") is None
    crossed[7]["decided_fs"], crossed[8]["came_fs"] = 130, 0
    assert list(arrivals.look(131, OneName())) == []
    crossed[7]["decided_fs"], crossed[8]["decided_fs"] = 500, 500  # those of later frames
    assert list(arrivals.look(501, OneName())) == []
    assert arrivals.of("outside/0") == (100, 130) and arrivals.of("outside/1") == (101, None)


def test_steps_of_a_stage_are_the_instants_of_all():
    config = config_from_mapping(TWO)
    machine = Machine(config, build_workload(config, None), seed=1)
    stage = stage_of(machine, build_workload(config, None))
    instants = []
    while stage.machine.now_fs < 8 * FS_PER_US:
        instants.append(stage.next_fs())
        assert stage.step(8 * FS_PER_US, machine.advance) in (EVENTS_SPENT, DONE)
    assert instants == sorted(set(instants)) and len(instants) > 100
    whole = Machine(config, build_workload(config, None), seed=1)
    assert whole.advance(8 * FS_PER_US, NEVER) == DONE
    links = [[nic.pcie[0][way]["counts"]["n_bytes"].tolist() for way in ("up", "down")] for nic in stage.machine.state]
    assert links == [[nic.pcie[0][way]["counts"]["n_bytes"].tolist() for way in ("up", "down")] for nic in whole.state]
    assert int(stage.machine.bridge.clock.n_events) == int(whole.system.bridges[0].clock.n_events) > 20


def test_a_recording_counts_the_bytes_since_it_began():
    config = config_from_mapping(TWO)
    machine = Machine(config, build_workload(config, None), seed=1)
    stage, nic = stage_of(machine, build_workload(config, None)), machine.state[1]
    assert machine.advance(4 * FS_PER_US, NEVER) == DONE
    before = {way: int(nic.pcie[0][way]["counts"]["n_bytes"].sum()) for way in ("up", "down")}
    names, server = names_of(stage)[1], machine.servers[1]
    late = ServerRecording(server, names, Timeline(), machine.now_fs, 8 * FS_PER_US, (), machine.trees, None)
    assert set(late.link_bytes().values()) == {0}
    assert machine.advance(8 * FS_PER_US, NEVER) == DONE
    after = {way: int(nic.pcie[0][way]["counts"]["n_bytes"].sum()) for way in ("up", "down")}
    assert late.link_bytes() == {f"b.{way}": after[way] - before[way] for way in before}
    assert min(before.values()) > 0 < min(late.link_bytes().values())
