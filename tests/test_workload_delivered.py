"""Delivered frames as a capture, read back by scapy."""

from __future__ import annotations

import os
from ipaddress import ip_address

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scapy.layers.inet import IP, TCP
from scapy.layers.inet6 import IPv6
from scapy.layers.l2 import Dot1Q, Ether
from scapy.utils import RawPcapReader

from hwmodel.errors import InputError, RunError
from hwmodel.wire.ethernet import counting_payload, flow_bytes, tcp_packet
from hwmodel.wire.pcap import PcapWriter
from hwmodel.workload.delivered import CHUNK_FRAMES, Deliveries, write_delivered
from hwmodel.workload.traffic import FrameTemplate

HEADER = bytes(Ether(src="02:00:00:00:00:02", dst="02:00:00:00:00:03", type=0x88B5))
TAGGED = bytes(Ether(src="02:00:00:00:00:03", dst="02:00:00:00:00:02") / Dot1Q(prio=5, vlan=7, type=0x88B5))
TEMPLATES = [FrameTemplate("vf0", "vf1", HEADER), FrameTemplate("vf1", "vf0", TAGGED)]
KEEP, STRIP, INSERT, RETAG, VN = range(5)
COPY_HEADERS = [
    HEADER,
    TAGGED[:12] + TAGGED[16:],
    HEADER[:12] + bytes.fromhex("81004009") + HEADER[12:],
    TAGGED[:12] + bytes.fromhex("8100a008") + TAGGED[16:],
    HEADER[:12] + bytes.fromhex("892600000003") + HEADER[12:],
]


def deliveries(rows):
    """Build from (at_fs, template, frame_bytes, record, copy_kind, egress_port)."""
    columns = list(zip(*rows, strict=True)) if rows else [()] * 6
    return Deliveries(np.array(columns[0], np.int64), *(np.array(column, np.int32) for column in columns[1:]))


def read_back(path):
    with RawPcapReader(str(path)) as reader:
        return [(meta.sec * 10**9 + meta.usec, data, meta.wirelen) for data, meta in reader]


def write_input(path, frames, original_bytes=None):
    with PcapWriter(path) as writer:
        writer.write_block(np.arange(len(frames)), frames, original_bytes)


def test_made_up_frames(tmp_path):
    rows = [
        (1_999_999, 0, 64, -1, KEEP, 3),
        (2_000_000, 0, 1518, -1, INSERT, 3),
        (5_000_000, 1, 100, -1, STRIP, 2),
        (6_000_000, 1, 100, -1, RETAG, 2),
        (7_000_000, 0, 64, -1, VN, 0),
    ]
    assert write_delivered(tmp_path / "out.pcap", deliveries(rows), TEMPLATES, COPY_HEADERS) == 5
    found = read_back(tmp_path / "out.pcap")
    assert [at_ns for at_ns, _, _ in found] == [1, 2, 5, 6, 7]
    frames = [frame for _, frame, _ in found]
    assert frames[0] == HEADER + bytes(range(46))
    assert len(frames[1]) == 1518 - 4 + 4
    assert frames[1] == HEADER[:12] + bytes.fromhex("81004009") + HEADER[12:] + bytes(i % 256 for i in range(1500))
    assert frames[2] == TAGGED[:12] + TAGGED[16:] + bytes(range(100 - 4 - 18))
    assert Ether(frames[3])[Dot1Q].fields == {"prio": 5, "dei": 0, "vlan": 8, "type": 0x88B5}
    assert frames[4][12:20].hex() == "89260000000388b5"


@settings(max_examples=30, deadline=None)
@given(data=st.data(), payloads=st.lists(st.binary(max_size=190), min_size=1, max_size=20))
def test_replayed_frames_keep_their_bytes(tmp_path_factory, data, payloads):
    inputs = [HEADER + payload for payload in payloads]
    folder = tmp_path_factory.mktemp("replayed")
    write_input(folder / "in.pcap", inputs)
    numbers = data.draw(st.lists(st.integers(0, len(inputs) - 1), max_size=40))
    rows = [
        (i * 10**6, 0, len(inputs[n]) + 4, n, data.draw(st.sampled_from([KEEP, VN])), 2) for i, n in enumerate(numbers)
    ]
    write_delivered(folder / "out.pcap", deliveries(rows), TEMPLATES, COPY_HEADERS, replayed=folder / "in.pcap")
    tag = bytes.fromhex("892600000003")
    expected = [
        inputs[n][:12] + (tag if row[4] == VN else b"") + inputs[n][12:] for n, row in zip(numbers, rows, strict=True)
    ]
    assert [frame for _, frame, _ in read_back(folder / "out.pcap")] == expected


def test_frames_of_a_cut_capture_keep_their_lengths(tmp_path):
    write_input(tmp_path / "in.pcap", [TAGGED + b"ab", HEADER], [1514, 60])
    rows = [(0, 1, 1518, 0, STRIP, 2), (0, 0, 64, 1, INSERT, 2), (0, 0, 64, -1, KEEP, 2)]
    write_delivered(tmp_path / "out.pcap", deliveries(rows), TEMPLATES, COPY_HEADERS, replayed=tmp_path / "in.pcap")
    assert [wire_bytes for _, _, wire_bytes in read_back(tmp_path / "out.pcap")] == [1510, 64, 60]


def test_many_pieces_are_one_file(tmp_path):
    rows = [(i, 0, 64 + i % 50, -1, KEEP, 2) for i in range(2 * CHUNK_FRAMES + 7)]
    pieces = (deliveries(rows[start : start + 3000]) for start in range(0, len(rows), 3000))
    write_delivered(tmp_path / "one.pcap", deliveries(rows), TEMPLATES, COPY_HEADERS)
    write_delivered(tmp_path / "pieces.pcap", pieces, TEMPLATES, COPY_HEADERS)
    assert (tmp_path / "one.pcap").read_bytes() == (tmp_path / "pieces.pcap").read_bytes()
    assert len(read_back(tmp_path / "one.pcap")) == len(rows)


def test_nothing_delivered_is_a_capture_without_frames(tmp_path):
    assert write_delivered(tmp_path / "out.pcap", deliveries([]), TEMPLATES, COPY_HEADERS) == 0
    assert (tmp_path / "out.pcap").stat().st_size == 24


def test_a_capture_may_replace_the_one_it_was_made_from(tmp_path):
    write_input(tmp_path / "same.pcap", [TAGGED, HEADER])
    rows = [(0, 0, 64, 1, KEEP, 2)]
    write_delivered(tmp_path / "same.pcap", deliveries(rows), TEMPLATES, COPY_HEADERS, replayed=tmp_path / "same.pcap")
    assert [frame for _, frame, _ in read_back(tmp_path / "same.pcap")] == [HEADER]


@pytest.mark.parametrize("inputs", [[], [HEADER]])
def test_a_capture_that_changed_is_a_failed_run(tmp_path, inputs):
    write_input(tmp_path / "in.pcap", inputs)
    with pytest.raises(RunError, match="changed while it was in use"):
        write_delivered(
            tmp_path / "out.pcap",
            deliveries([(0, 0, 64, 1, 0, 2)]),
            TEMPLATES,
            COPY_HEADERS,
            replayed=tmp_path / "in.pcap",
        )
    assert os.listdir(tmp_path) == ["in.pcap"]


def test_a_missing_capture_is_an_input_error(tmp_path):
    with pytest.raises(InputError, match="No such file"):
        write_delivered(tmp_path / "out.pcap", deliveries([]), TEMPLATES, COPY_HEADERS, replayed=tmp_path / "in.pcap")
    assert os.listdir(tmp_path) == []


@pytest.mark.parametrize(("ends", "layer"), [(("10.0.0.1", "10.0.0.2"), IP), (("fd00::1", "fd00::2"), IPv6)])
@pytest.mark.parametrize("n_bytes", [100, 1448, 60_000])
def test_a_made_up_packet_of_a_connection_is_one_of_tcp(ends, layer, n_bytes):
    flow = flow_bytes(*map(ip_address, ends), 6, (32768, 5001))
    packet = layer(tcp_packet(flow, n_bytes))
    assert bytes(packet)[-len(flow) - n_bytes :][-4:] == counting_payload(n_bytes - 16)[-4:]
    said = packet.len if layer is IP else packet.plen + 40
    tcp = packet[TCP]
    assert (said, tcp.dataofs, tcp.sport, tcp.dport) == (len(flow) + n_bytes, 5, 32768, 5001)
    assert (tcp.flags, tcp.window, tcp.urgptr, len(tcp.payload)) == ("A", 65535, 0, n_bytes - 16)


def test_a_packet_longer_than_its_length_field_says_0():
    flow = flow_bytes(*map(ip_address, ("10.0.0.1", "10.0.0.2")), 6, (32768, 5001))
    assert IP(tcp_packet(flow, 70_000)[:20]).len == 0
    assert len(tcp_packet(flow, 2)) == len(flow) + 2
