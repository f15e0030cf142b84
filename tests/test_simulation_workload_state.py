"""A workload in the machine's terms: decisions, copies and their bytes, flows, sources in port order, records."""

from __future__ import annotations

import pytest
from scapy.layers.inet import IP, UDP
from scapy.layers.l2 import Dot1Q, Ether
from scapy.utils import PcapWriter as ScapyWriter

from hwmodel.errors import InputError
from hwmodel.forwarding.drop_reason import DropReason
from hwmodel.machine.counts.ledger_state import FIRST_FLOW_HISTOGRAM
from hwmodel.machine.traffic.traffic_state import CLOSED_RECORDED_SOURCE, RECORDED_SOURCE
from hwmodel.simulation.fill import adapter_headers, workload_state
from hwmodel.simulation.fill.adapter_headers import is_complete
from hwmodel.simulation.fill.nic_state import build_state
from hwmodel.simulation.fill.workload_state import decide_workload, fill_workload
from hwmodel.workload import build_workload
from tests.simulation_cases import config_of

UPLINK, PORT_PF, PORT_VF0, PORT_VF1, PORT_VF2 = range(5)


def filled(**blocks):
    """Return the machine, its names and the workload."""
    config = config_of(**blocks)
    workload = build_workload(config)
    state = build_state(config, seed=1)
    stations = fill_workload(state[0], config, workload, 1)
    return state[0], decide_workload(state, config, workload, stations), workload


def copies_of(nic, number):
    """Return (egress port, more bytes, flow) of a template's copies."""
    template = nic.traffic.template[number]
    kinds = [nic.traffic.copy_kind[i] for i in range(template.first_copy, template.first_copy + template.n_copies)]
    return [(int(kind.port), int(kind.delta_bytes), int(kind.flow)) for kind in kinds]


def mac(number):
    return f"02:00:00:00:00:{number:02x}"


def capture(path, frames):
    with ScapyWriter(str(path), linktype=1, nano=True) as writer:
        writer.write_header(None)
        for i, frame in enumerate(frames):
            writer.write_packet(bytes(frame), sec=0, usec=1000 * i)
    return str(path)


# ---- Templates and copies ----


def test_pairs_are_single_copies_with_a_flow_each():
    nic, book, workload = filled(nic={"vfs": 4})
    assert list(book.flows) == [("vf0", "vf1"), ("vf1", "vf0"), ("vf2", "vf3"), ("vf3", "vf2")]
    for number, template in enumerate(workload.templates):
        (copy,) = copies_of(nic, number)
        sender, receiver = book.flows[number]
        assert (template.source, template.target) == (sender, receiver)
        assert copy == (int(receiver[2:]) + 2, 0, number)
        assert (nic.traffic.template[number].flow, nic.traffic.template[number].function) == (
            number,
            int(sender[2:]) + 1,
        )
        assert nic.traffic.copy_kind[number].function == int(receiver[2:]) + 1


def test_a_group_frame_has_a_copy_for_each_station_in_port_order():
    """A VEB: the uplink, the PF and the other VMs; each copy has a flow of its own, the frame none."""
    nic, book, _ = filled(nic={"vfs": 3}, workload={"pattern": "broadcast"})
    assert [port for port, _, _ in copies_of(nic, 0)] == [UPLINK, PORT_PF, PORT_VF1, PORT_VF2]
    assert nic.traffic.template[0].flow == -1
    assert [book.flows[flow] for _, _, flow in copies_of(nic, 0)] == [
        ("vf0", "uplink"), ("vf0", "pf"), ("vf0", "vf1"), ("vf0", "vf2"),
    ]  # fmt: skip
    assert len({flow for number in range(3) for _, _, flow in copies_of(nic, number)}) == 12


def test_tags_change_the_bytes_of_copies():
    """VLAN 5 for both VMs; vf1 gets its frames tagged, the wire too, where 1 is native."""
    ports = [
        {"name": "vf0", "port_vlan": 5, "vlans": [5]},
        {"name": "vf1", "port_vlan": 5, "vlans": [5], "untagged": []},
    ]
    nic, book, _ = filled(switch={"ports": ports}, workload={"pattern": "broadcast"})
    assert {port: delta for port, delta, _ in copies_of(nic, 0)} == {UPLINK: 4, PORT_VF1: 4}
    assert {port: delta for port, delta, _ in copies_of(nic, 1)} == {UPLINK: 4, PORT_VF0: 0}
    assert book.egress_ports[:4].tolist() == [UPLINK, PORT_VF1, UPLINK, PORT_VF0]
    assert [book.headers[number][12:16].hex() for number in range(4)] == ["81000005"] * 3 + ["88b5"]


@pytest.mark.parametrize(("mode", "more"), [("vepa", 0), ("vn_tag", 6), ("e_tag", 8)])
def test_a_bridge_above_gets_every_frame_with_its_tag(mode, more):
    nic, _, _ = filled(switch={"mode": mode})
    assert [(port, delta) for number in range(2) for port, delta, _ in copies_of(nic, number)] == [(UPLINK, more)] * 2


def test_a_drop_by_decision_has_no_copies():
    nic, _, _ = filled(switch={"acl": [{"port": "vf0", "action": "deny"}]})
    assert (nic.traffic.template[0].reason, nic.traffic.template[0].n_copies) == (DropReason.ACL_DENY, 0)
    assert (nic.traffic.template[1].reason, nic.traffic.template[1].n_copies) == (DropReason.NONE, 1)


def test_policed_frames_know_their_bucket():
    """The second rule of the list is the first bucket: 1 Gb/s and 3000 B."""
    acl = [
        {"port": "vf1", "action": "permit"},
        {"port": "vf0", "action": "police", "rate": "1Gbps", "burst": "3000B"},
    ]
    nic, _, _ = filled(switch={"acl": acl})
    assert [int(nic.traffic.template[i].policer) for i in range(2)] == [0, -1]
    assert (nic.traffic.policer[0].params.burst, nic.traffic.policer[0].tokens) == (3000, 3000)


def test_the_longest_frame_is_the_ports():
    """max_frame counts the FCS and no tag."""
    ports = [{"name": "vf0", "max_frame": "1000B"}, {"name": "vf1", "admit": "tagged", "max_frame": "1000B"}]
    nic, _, workload = filled(switch={"ports": ports})
    assert [len(template.header) for template in workload.templates] == [14, 18]
    assert [int(nic.traffic.template[i].longest_bytes) for i in range(2)] == [996, 1000]


def test_a_frame_that_ends_within_its_header_is_a_runt(tmp_path):
    whole = bytes(Ether(src=mac(2), dst=mac(3)) / Dot1Q(vlan=1) / IP() / UDP())
    path = capture(tmp_path / "in.pcap", [whole, whole[:15], whole[:13], whole[:18]])
    nic, _, workload = filled(workload={"pattern": None, "frame_bytes": None, "pcap": path})
    reasons = [int(nic.traffic.template[int(template)].reason) for template in workload.records.template]
    assert reasons == [DropReason.NONE, DropReason.RUNT, DropReason.RUNT, DropReason.NONE]


@pytest.mark.parametrize(("length", "expected"), [(13, False), (14, True), (0, False)])
def test_a_header_reaches_to_the_type(length, expected):
    assert is_complete(bytes(12) + b"\x88\xb5" if length == 14 else bytes(length)) is expected


# ---- Sources ----


def test_sources_stand_in_port_order_with_a_stream_each():
    """Listed by flow, the wire's first; port numbers decide, the uplink's 0 among them."""
    flows = [["vf1", "vf0", "1Gbps"], ["uplink", "vf0", "1Gbps"], ["vf0", "vf1", "1Gbps"], ["vf0", "uplink", "2Gbps"]]
    nic, _, _ = filled(workload={"pattern": "flows", "flows": flows})
    sources = [nic.traffic.source[i] for i in range(nic.params.n_sources)]
    assert [int(source.params.function) for source in sources] == [-1, 1, 1, 2]
    assert [(int(nic.function[i].params.first_source), int(nic.function[i].params.n_sources)) for i in range(3)] == [
        (0, 0), (1, 2), (3, 1),
    ]  # fmt: skip
    assert len({tuple(source.rng.tolist()) for source in sources}) == 4


def test_tables_of_sources_lie_apart():
    sizes = {"frame_bytes": None, "sizes": [[64, 7], [570, 4], [1518, 1]]}
    nic, _, workload = filled(nic={"vfs": 4}, workload={"pattern": "uniform", **sizes})
    rows = []
    for number in range(4):
        source = nic.traffic.source[number].params
        for first, n in ((source.first_target, source.n_targets), (source.first_length, source.n_lengths)):
            rows += range(first, first + n)
        lengths = nic["traffic"]["choice"][int(source.first_length) : int(source.first_length + source.n_lengths)]
        assert set(lengths["here"].tolist()) | set(lengths["there"].tolist()) == {64, 570, 1518}
        targets = nic["traffic"]["choice"]["here"][
            int(source.first_target) : int(source.first_target + source.n_targets)
        ]
        assert {workload.templates[i].source for i in targets.tolist()} == {f"vf{number}"}
    assert sorted(rows) == list(range(len(rows)))


def test_records_are_grouped_by_source_in_their_order(tmp_path):
    senders = [2, 3, 2, 3, 3, 2]
    path = capture(tmp_path / "in.pcap", [Ether(src=mac(each), dst=mac(5 - each)) / IP() / UDP() for each in senders])
    nic, _, _ = filled(workload={"pattern": None, "frame_bytes": None, "pcap": path})
    spans = [(int(nic.traffic.source[i].next_record), int(nic.traffic.source[i].params.last_record)) for i in range(2)]
    assert spans == [(0, 3), (3, 6)]
    assert nic["traffic"]["tape"]["index"][:6].tolist() == [0, 2, 5, 1, 3, 4]
    assert {int(nic.traffic.source[i].params.kind) for i in range(2)} == {RECORDED_SOURCE}
    nic, _, _ = filled(workload={"pattern": None, "frame_bytes": None, "pcap": path, "pcap_time": "asap"})
    assert {int(nic.traffic.source[i].params.kind) for i in range(2)} == {CLOSED_RECORDED_SOURCE}


# ---- Histograms, capacities ----


def test_each_flow_has_a_histogram_of_its_own():
    nic, book, _ = filled(nic={"vfs": 4}, workload={"pattern": "uniform"})
    rows = nic["ledger"]["flow"]["histogram"][: len(book.flows)].tolist()
    assert len(book.flows) == 12
    assert len(set(rows)) == 12
    assert min(rows) >= FIRST_FLOW_HISTOGRAM


def test_too_many_flows_share_by_receiver(monkeypatch):
    monkeypatch.setattr(workload_state, "MAX_HISTOGRAMS", FIRST_FLOW_HISTOGRAM + 11)
    nic, book, _ = filled(nic={"vfs": 4}, workload={"pattern": "uniform"})
    rows = nic["ledger"]["flow"]["histogram"][: len(book.flows)].tolist()
    by_receiver = {}
    for (_, receiver), row in zip(book.flows, rows, strict=True):
        by_receiver.setdefault(receiver, set()).add(row)
    assert sorted(len(each) for each in by_receiver.values()) == [1] * 4
    assert len(set(rows)) == 4


@pytest.mark.parametrize("owner, name", [
    (workload_state, "MAX_TEMPLATES"), (workload_state, "MAX_SOURCES"),
    (adapter_headers, "MAX_FLOWS"), (adapter_headers, "MAX_COPY_KINDS"),
])  # fmt: skip
def test_what_the_state_cannot_hold_is_bad_input(owner, name, monkeypatch):
    monkeypatch.setattr(owner, name, 1)
    with pytest.raises(InputError, match="workload: "):
        filled(workload={"pattern": "pairs"})


def test_a_capture_longer_than_the_tape_is_bad_input(tmp_path, monkeypatch):
    monkeypatch.setattr(workload_state, "TAPE_CAP", 2)
    path = capture(tmp_path / "in.pcap", [Ether(src=mac(2), dst=mac(3)) / IP() / UDP()] * 3)
    with pytest.raises(InputError, match="3 frames in the capture"):
        filled(workload={"pattern": None, "frame_bytes": None, "pcap": path})


@pytest.mark.parametrize(
    ("tx_buffer", "pattern", "watched"),
    [("160KiB", "pairs", 0), ("160KiB", "broadcast", 0), ("8MiB", "pairs", 1), ("8MiB", "broadcast", 4)],
)
def test_fifos_of_copies_are_watched_where_they_could_fill(tx_buffer, pattern, watched):
    """160 KiB hold 2730 frames of 60 B, 8 MiB 139 810: more than the 131 072 copies of a FIFO. Four copies each: 4."""
    vfs = {"pairs": 2, "broadcast": 3}[pattern]
    nic, _, _ = filled(nic={"vfs": vfs, "tx_buffer": tx_buffer}, workload={"pattern": pattern})
    assert nic.headers.most_copies == watched
