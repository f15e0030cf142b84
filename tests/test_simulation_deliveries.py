"""What a run delivered, as a capture: each copy once, as its receiver gets it, in the order of time."""

from __future__ import annotations

import pytest
from scapy.layers.l2 import Dot1Q, Ether
from scapy.utils import RawPcapReader

from hwmodel.compiled.far_tables import zeros
from hwmodel.errors import InputError
from hwmodel.machine.counts.ledger_state import DELIVERY_LOG, LOG_CAP
from hwmodel.machine.server import fresh_state
from hwmodel.simulation import simulate
from hwmodel.simulation.fill.flow_book import FlowBook
from hwmodel.simulation.run.logs import CopyKinds, MergedLog
from hwmodel.simulation.run.machine import Machine
from tests.simulation_cases import config_of

FLOWS = {"pattern": "flows", "flows": [["vf0", "vf1", "1Gbps"], ["vf1", "uplink", "500Mbps"]], "arrivals": "periodic"}


def read_back(path):
    with RawPcapReader(str(path)) as reader:
        return [(meta.sec * 10**9 + meta.usec, Ether(data)) for data, meta in reader]


def test_a_capture_holds_each_delivered_copy(tmp_path):
    path = tmp_path / "out.pcap"
    result = simulate(config_of(workload={**FLOWS, "frame_bytes": 100}), pcap_path=str(path))
    found = read_back(path)
    assert len(found) == result.totals.copies_delivered > 100
    times = [at_ns for at_ns, _ in found]
    assert times == sorted(times)
    assert times[0] >= result.latency_ns.min
    assert times[-1] <= result.window.end_ns
    assert {len(frame) for _, frame in found} == {96}
    by_pair = [(frame.src, frame.dst) for _, frame in found]
    assert by_pair.count(("02:00:00:00:00:02", "02:00:00:00:00:03")) == result.flows[0].delivered
    assert by_pair.count(("02:00:00:00:00:03", "02:ff:00:00:00:01")) == result.flows[1].delivered


def test_frames_leave_with_the_tags_of_their_port(tmp_path):
    """vf1 gets VLAN 5 tagged; what comes back goes untagged to vf0."""
    path = tmp_path / "out.pcap"
    ports = [
        {"name": "vf0", "port_vlan": 5, "vlans": [5]},
        {"name": "vf1", "port_vlan": 5, "vlans": [5], "untagged": []},
    ]
    simulate(config_of(switch={"ports": ports}, workload={"frame_bytes": 64, "load": "1Gbps"}), pcap_path=str(path))
    lengths = {frame.dst: (len(frame), frame[Dot1Q].vlan if Dot1Q in frame else None) for _, frame in read_back(path)}
    assert lengths == {"02:00:00:00:00:03": (64, 5), "02:00:00:00:00:02": (60, None)}


def test_nothing_is_logged_where_no_capture_is_asked_for(tmp_path):
    result = simulate(config_of())
    assert result.totals.delivered_frames > 0
    assert list(tmp_path.iterdir()) == []


def test_a_capture_that_cannot_be_written_is_bad_input(tmp_path):
    with pytest.raises(InputError):
        simulate(config_of(), pcap_path=str(tmp_path / "no" / "out.pcap"))


def test_an_interrupt_leaves_no_part_of_a_capture(tmp_path):
    """Ctrl-C is seen between two calls of the kernel."""
    asked = []

    def interrupt(_share, _what):
        asked.append(1)
        if len(asked) == 2:
            raise KeyboardInterrupt

    config = config_of(run={"warmup": "50us", "duration": "100us"})
    with pytest.raises(KeyboardInterrupt):
        simulate(config, interrupt, pcap_path=str(tmp_path / "out.pcap"))
    assert list(tmp_path.iterdir()) == []


def test_an_interrupt_leaves_what_was_there(tmp_path):
    path = tmp_path / "out.pcap"
    path.write_bytes(b"old")

    def interrupt(_share, _what):
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        simulate(config_of(), interrupt, pcap_path=str(path))
    assert [each.name for each in tmp_path.iterdir()] == ["out.pcap"]
    assert path.read_bytes() == b"old"


def log_of(*entries):
    """Return a log that holds entries (at_fs, index, template, copy_kind, n_bytes)."""
    log = zeros(1, DELIVERY_LOG)[0]
    for place, (at_fs, index, template, copy_kind, n_bytes) in enumerate(entries):
        entry = log.entry[place]
        entry.at_fs, entry.index, entry.template = at_fs, index, template
        entry.copy_kind, entry.n_bytes = copy_kind, n_bytes
    log.n = len(entries)
    return log


def test_the_log_is_taken_as_its_sender_sent_it_and_emptied():
    """The first copy is 4 B longer than what was sent; the FCS counts, the tag does not."""
    log = log_of((50, -1, 1, 1, 104), (60, 3, 0, 0, 60))
    nic = fresh_state()[0]
    for number, (port, n_bytes) in enumerate(((2, 14), (3, 18))):
        nic.traffic.copy_kind[number].port, nic.headers.copy_header[number].n_bytes = port, n_bytes
    book = FlowBook(sent_header_bytes=[14, 14], nic=nic)
    taken = CopyKinds([book]).deliveries_of(MergedLog([log]).take(60))
    assert taken.at_fs.tolist() == [50, 60]
    assert taken.record.tolist() == [-1, 3]
    assert taken.template.tolist() == [1, 0]
    assert taken.copy_kind.tolist() == [1, 0]
    assert taken.frame_bytes.tolist() == [104, 64]
    assert taken.egress_port.tolist() == [3, 2]
    assert log.n == 0
    log.entry[0].at_fs = 99  # the log goes on, what was taken stays
    assert taken.at_fs.tolist() == [50, 60]


def test_of_logs_at_different_times_what_could_come_too_early_is_held_back():
    """The first log is full at 30, where the second has come to 90; of one time the first log's entries come first."""
    behind, ahead = log_of((10, 0, 0, 0, 60), (30, 1, 0, 0, 60)), log_of((20, 2, 0, 0, 60), (40, 3, 0, 0, 60))
    merged = MergedLog([behind, ahead])
    assert merged.take(30)["index"].tolist() == [0, 2, 1]
    assert merged.has_entries()
    assert len(merged.take(35)) == 0
    behind.entry[0].at_fs, behind.entry[0].index, behind.n = 40, 4, 1
    assert merged.take(90)["index"].tolist() == [4, 3]
    assert not merged.has_entries()


def test_a_full_log_is_taken_in_pieces(tmp_path, monkeypatch):
    """More deliveries than the log holds at once."""
    path = tmp_path / "out.pcap"
    taken = []
    take_log = Machine.take_log

    def note(machine):
        taken.append(int(machine.servers[0].nic.ledger.log.n))
        return take_log(machine)

    monkeypatch.setattr(Machine, "take_log", note)
    result = simulate(config_of(run={"duration": "25ms"}), pcap_path=str(path))
    assert result.totals.copies_delivered == sum(taken) > LOG_CAP // 2
    assert len(taken) > 1
    assert max(taken) <= LOG_CAP
    with RawPcapReader(str(path)) as reader:
        assert {meta.wirelen for _, meta in reader} == {60}
