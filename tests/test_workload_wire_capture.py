"""What passed a port of a wire as a pcapng file, read back by scapy: bytes, times, directions."""

from __future__ import annotations

import numpy as np
import pytest
from scapy.utils import RawPcapNgReader

from hwmodel.errors import RunError
from hwmodel.wire.pcap import PcapWriter
from hwmodel.workload.delivered import CHUNK_FRAMES, Passings, WireCapture
from hwmodel.workload.traffic import FrameTemplate

HEADER = bytes.fromhex("02000000000302000000000288b5")
TAG = bytes.fromhex("89268003c002")
TEMPLATES = [FrameTemplate("vf0", "vf1", HEADER)]
HEADERS = [HEADER, HEADER[:12] + TAG + HEADER[12:]]
PLAIN, TAGGED = 0, 1
TO_PORT, FROM_PORT = 1, 2  # of the option epb_flags of the pcapng draft, bits 0 and 1


def passings(rows):
    """Build from (at_fs, frame_bytes, record, copy_kind, is_sent)."""
    at_fs, frame_bytes, record, copy_kind, is_sent = zip(*rows, strict=True)
    columns = [np.zeros(len(rows)), frame_bytes, record, copy_kind, is_sent, np.full(len(rows), -1)]
    return Passings(np.array(at_fs, np.int64), *(np.array(column, np.int32) for column in columns))


def captured(path, *pieces, replayed=None):
    with WireCapture(path, "b", "port of the bridge", TEMPLATES, HEADERS, replayed) as capture:
        for piece in pieces:
            capture.add(piece)
    return read_back(path)


def read_back(path):
    with RawPcapNgReader(str(path)) as reader:
        return [
            ((about.tshigh << 32) + about.tslow, about.direction, raw, about.wirelen, about.ifname)
            for raw, about in reader
        ]


def test_frames_stand_there_with_their_tags_both_directions_and_times_cut_to_nanoseconds(tmp_path):
    rows = [(1_999_999, 64, -1, PLAIN, 0), (2_000_000, 64, -1, TAGGED, 1), (5 * 10**18, 100, -1, TAGGED, 0)]
    assert captured(tmp_path / "b.pcapng", passings(rows)) == [
        (1, TO_PORT, HEADER + bytes(range(46)), 60, b"b"),
        (2, FROM_PORT, HEADER[:12] + TAG + HEADER[12:] + bytes(range(46)), 66, b"b"),
        (5 * 10**12, TO_PORT, HEADER[:12] + TAG + HEADER[12:] + bytes(range(82)), 102, b"b"),
    ]


def test_pieces_of_any_length_are_one_capture(tmp_path):
    rows = [(number * 10**6, 64 + number % 7, -1, number % 2, number % 3 // 2) for number in range(CHUNK_FRAMES + 9)]
    whole = captured(tmp_path / "whole.pcapng", passings(rows))
    captured(tmp_path / "pieces.pcapng", passings(rows[:1]), passings(rows[1:5]), passings(rows[5:]))
    assert [each[0] for each in whole] == list(range(len(rows)))
    assert [each[1] for each in whole] == [FROM_PORT if number % 3 == 2 else TO_PORT for number in range(len(rows))]
    assert (tmp_path / "whole.pcapng").read_bytes() == (tmp_path / "pieces.pcapng").read_bytes()


def test_a_replayed_frame_has_the_captures_bytes_behind_the_header_it_has_there(tmp_path):
    with PcapWriter(tmp_path / "in.pcap") as writer:
        writer.write_block(np.arange(2), [HEADER + b"first", HEADER + b"second"], [19, 1514])
    rows = [(10**6, 1518, 1, TAGGED, 1), (2 * 10**6, 23, 0, PLAIN, 0)]
    found = captured(tmp_path / "b.pcapng", passings(rows), replayed=tmp_path / "in.pcap")
    assert [(direction, raw, n_bytes) for _, direction, raw, n_bytes, _ in found] == [
        (FROM_PORT, HEADERS[TAGGED] + b"second", 1520),
        (TO_PORT, HEADER + b"first", 19),
    ]


def test_a_capture_that_was_cut_short_meanwhile_ends_the_run_and_leaves_no_file(tmp_path):
    with PcapWriter(tmp_path / "in.pcap") as writer:
        writer.write_block([0], [HEADER])
    rows = [(10**6, 64, 7, PLAIN, 0)]
    with pytest.raises(RunError, match="frame 7 is no longer there"):
        captured(tmp_path / "b.pcapng", passings(rows), replayed=tmp_path / "in.pcap")
    assert [path.name for path in tmp_path.iterdir()] == ["in.pcap"]


def test_the_file_appears_when_all_is_well(tmp_path):
    path = tmp_path / "b.pcapng"
    with WireCapture(path, "b", "port of the bridge", TEMPLATES, HEADERS):
        assert not path.exists()
    assert read_back(path) == []
