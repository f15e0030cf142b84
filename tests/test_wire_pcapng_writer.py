"""Writing of pcapng: scapy and Wireshark's tools read frames, times and directions back."""

from __future__ import annotations

import subprocess

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scapy.utils import RawPcapNgReader

from hwmodel.errors import InputError
from hwmodel.wire.pcap import PcapngWriter, section_header
from tests.switch_cases import tshark_rows

ROWS = [
    (0, bytes(range(60)), False, 60),
    (1, bytes(range(61)), True, 61),
    (4_294_967_296, bytes(range(62)), False, 1514),
    (4_294_967_295, bytes(range(63)), True, 63),
    (1_700_000_000_123_456_789, bytes(range(14)), True, 14),
]


def write(path, rows, name="a", description="port of the bridge"):
    with PcapngWriter(path, name, description) as writer:
        columns = [list(column) for column in zip(*rows, strict=True)] or [[], [], [], []]
        writer.write_block(*columns)
    return writer.n_frames


def test_section_header_bytes():
    assert section_header().hex() == "0a0d0d0a1c0000004d3c2b1a01000000ffffffffffffffff1c000000"


def test_tshark_sees_times_lengths_and_directions(tmp_path):
    path = tmp_path / "out.pcapng"
    assert write(path, ROWS, name="server-b") == len(ROWS)
    fields = ["frame.time_epoch", "frame.cap_len", "frame.len", "frame.packet_flags_direction", "frame.interface_name"]
    assert [tuple(row.values()) for row in tshark_rows(path, fields)] == [
        (
            f"{at_ns // 10**9}.{at_ns % 10**9:09}",
            str(len(frame)),
            str(original),
            "0x00000002" if is_outbound else "0x00000001",
            "server-b",
        )
        for at_ns, frame, is_outbound, original in ROWS
    ]


def test_capinfos_finds_nothing_to_complain_of(tmp_path):
    path = tmp_path / "out.pcapng"
    write(path, ROWS)
    done = subprocess.run(["capinfos", str(path)], capture_output=True, text=True, check=True)
    assert done.stderr == ""
    for line in ("File type:           Wireshark/... - pcapng", "File timestamp precision:  nanoseconds (9)"):
        assert line in done.stdout
    for line in ("Name = a", "Description = port of the bridge", "Number of packets = 5", "Capture length = 262144"):
        assert line in done.stdout


@settings(max_examples=30, deadline=None)
@given(st.lists(st.tuples(st.integers(0, 2**62), st.binary(max_size=70), st.booleans()), max_size=20))
def test_scapy_gives_frames_and_times_back(tmp_path_factory, rows):
    path = tmp_path_factory.mktemp("out") / "out.pcapng"
    write(path, [(*row, len(row[1])) for row in rows])
    with RawPcapNgReader(str(path)) as reader:
        found = [((about.tshigh << 32) + about.tslow, about.tsresol, frame, about.wirelen) for frame, about in reader]
    assert found == [(at_ns, 10**9, frame, len(frame)) for at_ns, frame, _ in rows]


@pytest.mark.parametrize(("at_ns", "n_bytes", "original"), [(-1, 60, 60), (0, 60, 59), (0, 60, 262_145)])
def test_what_the_format_has_no_room_for(tmp_path, at_ns, n_bytes, original):
    with pytest.raises(ValueError, match="does not fit the format"):
        write(tmp_path / "out.pcapng", [(at_ns, bytes(n_bytes), False, original)])
    assert list(tmp_path.iterdir()) == []


def test_a_file_that_cannot_be_made(tmp_path):
    with pytest.raises(InputError):
        write(tmp_path / "no" / "out.pcapng", ROWS)
